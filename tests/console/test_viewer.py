"""The viewer and the keys in a real browser: held is open, let go is gone; one key leads out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from softfall.casework.evidence.tables import views
from softfall.casework.model import Outcome

from .chromium import chromium, needs_chromium, person
from .filled import LEE, MO, Filled, filled_office
from .house import PASSWORD

STILL_THERE = (
    "url => new Promise(told => { const image = new Image(); image.onload = () => told('there');"
    " image.onerror = () => told('gone'); image.src = url; })"
)

pytestmark = [pytest.mark.browser, needs_chromium]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with filled_office(Path(tmp_path_factory.mktemp("filled"))) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def viewer(made: Filled, browser: Browser) -> Iterator[Page]:
    """The picture's page, closed, of the moderator who has the case."""
    made.service.desk.take(made.cases["picture"], MO)
    page = person(browser, made.office.url, "mo")
    page.goto(f"/cases/{made.cases['picture']}/evidence/{made.evidence('picture')[-1]}")
    yield page
    page.context.close()


def seen(made: Filled) -> list[Any]:
    with made.service.db.read() as tx:
        return list(tx.execute(select(views).where(views.c.region < 9).order_by(views.c.row)))


def closes(page: Page, made: Filled) -> None:
    """The newest view is closed at the server, and nothing of it is left on the page."""
    expect(page.locator("img")).to_have_count(0)
    for _ in range(200):
        if seen(made)[-1].closed_at_ms is not None:
            return
        page.wait_for_timeout(50)
    raise AssertionError("the server was never told")


def test_nothing_opens_by_hovering_or_without_a_reason(made: Filled, viewer: Page) -> None:
    before = len(seen(made))
    region = viewer.get_by_role("button", name="Centre")
    region.hover()
    viewer.wait_for_timeout(300)
    region.click()
    expect(viewer.locator("#viewer-said")).to_have_text("First write why you need to look.")
    expect(viewer.locator("img")).to_have_count(0)
    assert len(seen(made)) == before


@pytest.mark.parametrize("how", ["pointer", "space", "enter"])
def test_a_region_is_open_while_it_is_held_and_no_longer(
    made: Filled, viewer: Page, how: str
) -> None:
    before = len(seen(made))
    viewer.fill("#reason", "is it what the words say?")
    region = viewer.get_by_role("button", name="Top left")
    region.scroll_into_view_if_needed()
    key = {"space": "Space", "enter": "Enter"}.get(how, "")
    if key:
        region.focus()
        viewer.keyboard.down(key)
        viewer.keyboard.down(key)  # as a key that is held repeats
    else:
        region.hover()
        viewer.mouse.down()
    expect(region.locator("img")).to_have_count(1)
    expect(viewer.locator(".region img")).to_have_count(1)
    blob = region.locator("img").get_attribute("src")
    assert blob is not None
    assert blob.startswith("blob:")
    assert viewer.evaluate(STILL_THERE, blob) == "there"
    if key:
        viewer.keyboard.up(key)
    else:
        viewer.mouse.up()
    closes(viewer, made)
    assert len(seen(made)) == before + 1
    assert viewer.evaluate(STILL_THERE, blob) == "gone"


@pytest.mark.parametrize("leaving", ["blur", "visibilitychange", "pagehide", "slides off"])
def test_leaving_the_window_or_the_region_closes_it(
    made: Filled, viewer: Page, leaving: str
) -> None:
    viewer.fill("#reason", "is it what the words say?")
    region = viewer.get_by_role("button", name="Centre")
    region.scroll_into_view_if_needed()
    region.hover()
    viewer.mouse.down()
    expect(region.locator("img")).to_have_count(1)
    if leaving == "slides off":
        viewer.get_by_role("heading", name="Before you look").hover(force=True)
    else:
        target = "document" if leaving == "visibilitychange" else "window"
        viewer.evaluate(f"{target}.dispatchEvent(new Event('{leaving}'))")
    closes(viewer, made)
    viewer.mouse.up()


def test_let_go_before_it_comes_it_is_never_drawn(made: Filled, viewer: Page) -> None:
    viewer.fill("#reason", "is it what the words say?")
    region = viewer.get_by_role("button", name="Bottom right")
    region.focus()
    drawn = "() => { window.drawn = 0; new MutationObserver(found => { for (const each of found) " \
        "for (const node of each.addedNodes) if (node.tagName === 'IMG') window.drawn += 1; })" \
        ".observe(document.body, {childList: true, subtree: true}); }"  # fmt: skip
    viewer.evaluate(drawn)
    before = len(seen(made))
    viewer.keyboard.press("Space")
    for _ in range(400):
        if len(seen(made)) > before:
            break
        viewer.wait_for_timeout(50)
    closes(viewer, made)
    assert viewer.evaluate("window.drawn") == 0


def test_a_known_match_is_decided_by_keys_alone(made: Filled, browser: Browser) -> None:
    page = browser.new_context(base_url=made.office.url, ignore_https_errors=True).new_page()
    page.goto("/login")
    keys = page.keyboard
    _tab_to(page, "name")
    keys.type("mo")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{made.office.url}/")
    page.goto("/queue?subject=sam")
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url("**/cases/*")
    keys.press("t")
    expect(page.get_by_role("button", name="Give it back")).to_be_visible()
    keys.press("d")
    _tab_to(page, "outcome")
    keys.press("ArrowDown")
    expect(page.locator("input[value=block]")).to_be_checked()
    _tab_to(page, "policy")
    keys.type("Known")
    _tab_to(page, "reason")
    keys.type("a confirmed match, certified by two")
    _tab_to(page, "", "Decide")
    keys.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Decided")
    (decision,) = made.service.desk.case(made.cases["known"], LEE).decisions
    assert (decision.outcome, decision.policy_ref) == (Outcome.BLOCK, "known-material")
    page.context.close()


def test_the_queue_is_filtered_in_place(made: Filled, browser: Browser) -> None:
    page = person(browser, made.office.url, "lee")
    page.goto("/queue?shelf=all")
    everything = page.locator("tbody .case-link").count()
    page.evaluate("window.same = true")
    page.select_option("#category", "known picture")
    expect(page.locator("tbody .case-link")).not_to_have_count(everything)
    expect(page.locator("tbody td[data-label='Kind of work']").first).to_contain_text(
        "known picture"
    )
    assert page.evaluate("window.same")
    page.context.close()


def test_letters_can_be_switched_off(made: Filled, browser: Browser) -> None:
    page = person(browser, made.office.url, "mo")
    page.goto("/keys")
    page.get_by_role("button", name="Switch letters off").click()
    expect(page.get_by_text("Letters are off")).to_be_visible()
    page.goto("/queue")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.className") == "case-link"
    page.context.close()


def test_reported_words_leave_the_page_when_the_window_is_left(
    made: Filled, browser: Browser
) -> None:
    case_id, message = made.cases["at risk"], made.evidence("at risk")[0]
    made.service.desk.take(case_id, MO)
    page = person(browser, made.office.url, "mo")
    page.goto(f"/cases/{case_id}/evidence/{message}")
    page.fill("#reason", "what was reported decides this")
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".reported")).to_contain_text("Are you at home")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_url(f"**/cases/{case_id}")
    assert "Are you at home" not in page.content()
    page.go_back()
    assert "Are you at home" not in page.content()
    page.context.close()


def test_escape_leaves_at_once_and_held_it_stops_the_shift(made: Filled, browser: Browser) -> None:
    page = person(browser, made.office.url, "mo")
    page.goto("/queue")
    page.keyboard.down("Escape")
    expect(page.locator("#work")).to_be_hidden()
    page.keyboard.up("Escape")
    page.wait_for_url("**/rest")
    expect(page.get_by_role("heading", name="You have stepped away.")).to_be_visible()
    page.get_by_role("link", name="Go back when you like").click()
    page.wait_for_url("**/shift")
    page.keyboard.down("Escape")
    page.wait_for_url("**/rest")
    expect(page.get_by_role("heading", name="You have stopped for today.")).to_be_visible()
    page.keyboard.up("Escape")
    page.context.close()


def _tab_to(page: Page, field: str, text: str = "") -> None:
    """Tab until a field of this name, or a control with this text, has the focus."""
    for _ in range(60):
        name, said = page.evaluate(
            "[document.activeElement.name || '', document.activeElement.textContent.trim()]"
        )
        if (field and name == field) or (text and said == text):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keys never reach {field or text}")
