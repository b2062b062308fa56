"""The console's house in a real browser: getting in, colours, narrow screens, nobody else asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from softfall.console.clock import system_clock
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles
from softfall.testing.oidc import OidcProvider
from softfall.testing.oidc import make as make_oidc
from tests.provider.process import free_port

from .chromium import chromium, needs_chromium, person
from .house import PASSWORD
from .office import Office

pytestmark = [pytest.mark.browser, needs_chromium]

PAGES = {
    "mo": ("/", "/settings", "/password"),
    "adam": ("/", "/staff", "/settings", "/password"),
    "audrey": ("/", "/audit", "/transparency", "/nowhere"),
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Watched:
    """What a browser's pages ask for and complain about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self._url = url
        context.on("request", self._request)
        context.on("console", lambda message: self._complaint(message.type, message.text))
        context.on("weberror", lambda error: self._complaint("error", str(error.error)))

    def _request(self, request: Any) -> None:
        if not request.url.startswith(f"{self._url}/"):
            self.foreign.append(request.url)

    def _complaint(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "404 (Not Found)" not in text:
            self.complaints.append(text)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A console that a thread of this process serves over TLS, with an OIDC provider beside it."""
    folder = tmp_path_factory.mktemp("office")
    with oidc_provider(folder) as provider:
        office = Office(
            folder,
            {
                "console": {
                    "oidc_issuer": provider.issuer,
                    "oidc_client_id": provider.client_id,
                    "oidc_client_secret": provider.client_secret,
                    "oidc_ca_file": str(folder / "tls" / "ca.crt"),
                }
            },
        )
        text = office.config.read_text()
        office.config.write_text(f'{text}public_url = "{office.url}"\n')
        provider.redirect_url = f"{office.url}/oidc/answer"
        office.add_staff()
        with office.served_here(system_clock) as app:
            app.state.service.office.link_oidc("operator", "mo", provider.person)
            app.state.service.office.add("operator", "new", "moderator", PASSWORD, must_change=True)
            yield office


@contextmanager
def oidc_provider(folder: Path) -> Iterator[OidcProvider]:
    """A real one on a real socket."""
    from softfall.edge.tls import init_tls

    init_tls(folder / "tls")
    files = TlsFiles.of(folder / "tls", "custodian")
    port = free_port()
    provider = OidcProvider(f"https://127.0.0.1:{port}")
    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=lambda: serve(
            make_oidc(provider), "127.0.0.1", port, files.certificate, files.key,
            on_ready=lambda _: ready.set(), stop=stop,
        )
    )  # fmt: skip
    thread.start()
    assert ready.wait(120)
    try:
        yield provider
    finally:
        stop.set()
        thread.join(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def open_page(browser: Browser, office: Office, **options: Any) -> Page:
    context = browser.new_context(base_url=office.url, ignore_https_errors=True, **options)
    return context.new_page()


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("main button[data-kind=main]")


def test_a_person_logs_in_is_led_back_and_logs_out(browser: Browser, office: Office) -> None:
    page = open_page(browser, office)
    page.goto("/settings")
    expect(page).to_have_url(f"{office.url}/login?next=/settings")
    log_in(page, "mo", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("let nobody in")
    log_in(page, "mo")
    expect(page).to_have_url(f"{office.url}/settings")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status")).to_have_text("You are logged out.")
    page.goto("/settings")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_session_s_cookie_is_out_of_reach_of_scripts(browser: Browser, office: Office) -> None:
    page = person(browser, office.url, "mo")
    assert page.evaluate("document.cookie") == ""
    kept = {cookie["name"]: cookie for cookie in page.context.cookies()}
    for name in ("__Host-session", "__Host-browser"):
        assert kept[name]["httpOnly"]
        assert kept[name]["secure"]
        assert kept[name]["sameSite"] == "Strict"


def test_a_first_password_is_changed_before_anything_else(browser: Browser, office: Office) -> None:
    page = open_page(browser, office)
    page.goto("/login")
    log_in(page, "new")
    expect(page).to_have_url(f"{office.url}/password")
    page.fill("#present", PASSWORD)
    page.fill("#new", "another long sentence")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Five lines of defence")


def test_somebody_logs_in_by_the_organisation_s_account(browser: Browser, office: Office) -> None:
    page = open_page(browser, office)
    page.goto("/settings")
    page.get_by_role("button", name="Log in with your organisation's account").click()
    page.wait_for_url(f"{office.url}/settings")
    expect(page.get_by_text("mo, moderator")).to_be_visible()


def test_colours_follow_the_system_until_somebody_chooses(browser: Browser, office: Office) -> None:
    def ground(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark, light = "rgb(22, 25, 27)", "rgb(246, 244, 240)"
    page = person(browser, office.url, "adam", color_scheme="dark")
    assert ground(page) == dark
    page.get_by_role("button", name="Light").click()
    expect(page.get_by_role("button", name="Light")).to_have_attribute("aria-pressed", "true")
    assert ground(page) == light
    elsewhere = person(browser, office.url, "adam", color_scheme="dark")
    assert ground(elsewhere) == light
    elsewhere.get_by_role("button", name="Auto").click()
    expect(elsewhere.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
    assert ground(elsewhere) == dark


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_as_far_as_axe_can_tell(
    browser: Browser, office: Office, name: str, scheme: Any
) -> None:
    for page in visited(browser, office, name, color_scheme=scheme):
        for summary in page.locator("details > summary").all()[:1]:
            summary.click()
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


def test_the_log_in_page_is_accessible_as_far_as_axe_can_tell(
    browser: Browser, office: Office
) -> None:
    page = open_page(browser, office)
    page.goto("/login")
    log_in(page, "mo", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_320_pixels(browser: Browser, office: Office, name: str) -> None:
    for page in visited(browser, office, name, viewport={"width": 320, "height": 640}):
        for summary in page.locator("details > summary").all():
            summary.click()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, (page.url, width)


def test_nothing_is_asked_of_anybody_else_and_no_policy_is_broken(
    browser: Browser, office: Office
) -> None:
    for name in PAGES:
        page = person(browser, office.url, name)
        watched = Watched(page.context, office.url)
        page.context.add_init_script(
            "addEventListener('securitypolicyviolation', "
            "event => console.error('policy broken: ' + event.violatedDirective))"
        )
        for path in PAGES[name]:
            page.goto(path, wait_until="networkidle")
        assert watched.foreign == []
        assert watched.complaints == []


def test_the_watch_sees_a_broken_policy_and_a_foreign_request(
    browser: Browser, office: Office
) -> None:
    page = person(browser, office.url, "mo")
    watched = Watched(page.context, office.url)
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("fetch('https://127.0.0.1:1/elsewhere').catch(() => null)")
    page.wait_for_timeout(200)
    assert any("style-src" in text for text in watched.complaints)
    assert any("connect-src" in text for text in watched.complaints)
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"


def test_everything_here_works_without_scripts(browser: Browser, office: Office) -> None:
    page = open_page(browser, office, java_script_enabled=False)
    page.goto("/login")
    log_in(page, "adam")
    page.goto("/staff")
    page.fill("#new-name", "sam")
    page.select_option("#new-role", "auditor")
    page.click("form[action='/staff'] button")
    expect(page.get_by_role("status")).to_contain_text("The password of sam, shown this once")
    page.locator("summary", has_text="Change sam").click()
    page.locator("form[action='/staff/sam/disable'] button").click()
    expect(page.get_by_role("status")).to_have_text(
        "The account is disabled, its sessions have ended."
    )
    page.click("button[value=dark]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.click("button[value=auto]")


def test_the_keyboard_is_enough(browser: Browser, office: Office) -> None:
    page = open_page(browser, office)
    page.goto("/login")
    press_until(page, lambda: focused(page) == "name")
    page.keyboard.type("audrey")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{office.url}/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.locator(".skip").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert focused(page) == "content"
    page.goto("/")
    press_until(page, lambda: reached(page) == "Audit")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{office.url}/audit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")
    press_until(page, lambda: reached(page) == "Look over the whole log")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("The log is whole")


def test_a_filter_changes_its_part_of_the_page_alone(browser: Browser, office: Office) -> None:
    page = person(browser, office.url, "audrey")
    watched = Watched(page.context, office.url)
    page.goto("/audit")
    page.evaluate("window.stayed = true")
    page.fill("#action", "staff.added")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(f"{office.url}/audit?action=staff.added&**")
    expect(page.locator("#lines")).not_to_contain_text("staff.logged_in")
    assert page.evaluate("window.stayed") is True
    page.goto("/transparency")
    page.evaluate("window.stayed = true")
    offered = page.locator("#month option")
    page.select_option("#month", index=0)
    expect(page.locator("#figures")).to_contain_text("This month is not over")
    assert page.evaluate("window.stayed") is True
    assert offered.count() > 6
    assert watched.complaints == []
    assert watched.foreign == []


def test_a_part_of_a_page_is_not_the_log_in_page(browser: Browser, office: Office) -> None:
    page = person(browser, office.url, "audrey")
    page.goto("/audit")
    page.context.clear_cookies()
    page.fill("#action", "staff.added")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(f"{office.url}/login?next=/audit")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def reached(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent"))


def press_until(page: Page, there: Callable[[], bool]) -> None:
    for _ in range(40):
        if there():
            return
        page.keyboard.press("Tab")
    pytest.fail("the keyboard does not get there")


def visited(browser: Browser, office: Office, name: str, **options: Any) -> Iterator[Page]:
    page = person(browser, office.url, name, **options)
    for path in PAGES[name]:
        page.goto(path)
        yield page
    page.context.close()
