"""What people do at the console, in a real browser, against real services on real sockets."""

import json
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from softfall.audit.chain import Line
from softfall.audit.trail import read
from softfall.casework.database import casework_url, open_casework
from softfall.device.outcomes import Shown
from tests.device.pictures import CHINA, jpeg
from tests.provider.process import SOFTFALL

from .chromium import chromium, needs_chromium, person
from .street import Street, wait_for

pytestmark = [pytest.mark.browser, needs_chromium]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    made = Street(tmp_path_factory.mktemp("street"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def test_a_known_match_is_decided_with_nothing_opened_and_kept_back(
    street: Street, browser: Browser
) -> None:
    ada, ben = street.join("ada"), street.join("ben")
    ada.send_text("ben", "see you at the lake")
    sent = ada.send_photo("ben", jpeg(CHINA))
    mo = person(browser, street.office.url, "mo")
    start_shift(mo)
    take(mo, "ada")
    expect(mo.get_by_role("heading", name="Nothing needs to be opened")).to_be_visible()
    expect(mo.get_by_text("2 organisations: Harbour Trust, Northern Hotline").or_(
        mo.get_by_text("2 organisations: Northern Hotline, Harbour Trust")
    )).to_be_visible()  # fmt: skip
    expect(mo.locator(".tile")).to_have_count(0)
    decide(mo, "block", "known-material", "a confirmed match, certified by two")
    expect(mo.get_by_role("status")).to_contain_text("Decided")
    wait_for(lambda: street.life(sent.envelope_id) == "blocked", "the provider's block")
    expect(mo.locator("#enacted + ul")).to_contain_text("done", timeout=20_000)
    assert not [line for line in lines(street) if line.action == "evidence.viewed"]
    assert [each.text for each in ben.sync(2.0) if isinstance(each, Shown)] == [
        "see you at the lake"
    ]


def test_a_reported_conversation_is_read_decided_read_again_referred_and_provable(
    street: Street, browser: Browser
) -> None:
    kim, lea = street.join("kim"), street.join("lea")
    words = "nobody must know that we write"
    sent = kim.send_text("lea", words)
    wait_for(lambda: lea.sync(2.0), "the message")
    lea.report([sent.envelope_id], "child-safety")

    mo = person(browser, street.office.url, "mo")
    start_shift(mo)
    take(mo, "kim")
    assert words not in mo.content()
    mo.get_by_role("link", name="Go to it, still closed").click()
    assert words not in mo.content()
    mo.fill("#reason", "what was reported decides this")
    mo.get_by_role("button", name="Open it").click()
    expect(mo.locator(".reported")).to_have_text(words)
    mo.get_by_role("button", name="Close it").click()
    expect(mo.get_by_role("heading", name="Decide")).to_be_visible()
    assert words not in mo.content()
    decide(mo, "refer", "child-safety", "pressing for secrecy")
    expect(mo.get_by_role("status")).to_contain_text("A second person reads")
    case_url = mo.url.split("?")[0]
    assert authority_has(street) == []

    lee = person(browser, street.office.url, "lee")
    start_shift(lee)
    lee.goto("/second-reads")
    lee.locator(".case-link").first.click()
    lee.fill("#reason", "second reading")
    lee.get_by_role("button", name="Open the documents").click()
    expect(lee.locator(".preview").first).to_contain_text(words)
    lee.check("input[name=agrees][value=yes]")
    lee.fill("#second-reason", "the words bear it out")
    lee.get_by_role("button", name="Give this answer").click()
    expect(lee.get_by_role("status")).to_contain_text("on its way")
    (report,) = wait_for(lambda: authority_has(street), "the report at the authority")
    assert report["fate"] == "finished"

    mo.goto(f"{case_url}/referral")
    expect(mo.get_by_role("heading", name="Referral: finished")).to_be_visible()
    viewed = [line for line in lines(street) if line.action == "evidence.viewed"]
    assert [line.who for line in viewed] == ["mo", "lee"]
    assert json.loads(viewed[0].details)["reason"] == "what was reported decides this"
    verdict = subprocess.run(
        [SOFTFALL, "audit", "verify", "--config", street.office.config],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def start_shift(page: Page) -> None:
    page.goto("/shift")
    start = page.get_by_role("button", name="Start the shift")
    if start.count():
        start.click()
        page.wait_for_url("**/queue")


def take(page: Page, account: str) -> None:
    """The case about this account, once it has come, by the queue."""

    def there() -> bool:
        page.goto(f"/queue?subject={account}")
        return page.locator("tbody .case-link").count() == 1

    wait_for(there, f"a case about {account}")
    page.locator("tbody .case-link").click()
    page.get_by_role("button", name="Take this case").click()
    expect(page.get_by_role("button", name="Give it back")).to_be_visible()


def decide(page: Page, outcome: str, policy: str, reason: str) -> None:
    page.check(f"input[name=outcome][value={outcome}]")
    page.select_option("#policy", policy)
    page.fill("#reason", reason)
    page.get_by_role("button", name="Decide", exact=True).click()


def authority_has(street: Street) -> list[dict[str, str]]:
    """Finished reports at the authority."""
    told = httpx.get(f"{street.authority.url}/control/state").json()
    return [each for each in told["reports"] if each["fate"] == "finished"]


def lines(street: Street) -> list[Line]:
    db = open_casework(casework_url(street.office.settings))
    with db.read() as tx:
        found = read(tx, limit=10_000)
    db.close()
    return found
