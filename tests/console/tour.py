"""A tour of every page of the console, each in a state that is worth looking at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Page

from .filled import Filled
from .house import PASSWORD


@dataclass(frozen=True, slots=True)
class Stop:
    """One page. who: empty for nobody. go: from wherever this person's page is."""

    name: str
    who: str
    go: Callable[[Page], object]


def at(path: str) -> Callable[[Page], object]:
    return lambda page: page.goto(path)


def tour(made: Filled) -> Iterator[Stop]:
    """Every page; some stops do something, and the last ones stop the shift."""
    yield from _entry()
    yield from _moderator(made)
    yield from _lead(made)
    yield from _others()
    yield Stop("rest-away", "lee", at("/rest"))
    yield Stop("rest-stopped", "mo", _stop)
    yield Stop("shift-stopped", "mo", at("/shift"))


def _entry() -> Iterator[Stop]:
    yield Stop("login", "", at("/login"))
    yield Stop("login-refused", "", _fail)
    yield Stop("home", "mo", at("/"))
    yield Stop("password", "mo", at("/password"))
    yield Stop("settings", "mo", at("/settings"))
    yield Stop("error", "mo", at("/cases/" + "0" * 32))


def _moderator(made: Filled) -> Iterator[Stop]:
    case = made.cases
    yield Stop("shift-running", "mo", at("/shift"))
    yield Stop("queue", "mo", at("/queue"))
    yield Stop("queue-mine", "mo", at("/queue?shelf=mine"))
    yield Stop("queue-nothing", "mo", at("/queue?subject=nobody"))
    yield Stop("keys", "mo", at("/keys"))
    yield Stop("case-free", "mo", at(f"/cases/{case['unsure']}"))
    yield Stop("case-own-picture", "mo", at(f"/cases/{case['own']}"))
    yield Stop("case-hash-only", "mo", _take(case["known"]))
    yield Stop("case-decision-refused", "mo", _decide_badly)
    yield Stop("case-report", "mo", _take(case["at risk"]))
    message, picture = made.evidence("at risk")[0], made.evidence("picture")[-1]
    yield Stop("words-closed", "mo", at(f"/cases/{case['at risk']}/evidence/{message}"))
    yield Stop("words-open", "mo", _read)
    yield Stop("referral-draft", "mo", at(f"/cases/{case['at risk']}/referral"))
    yield Stop("case-picture", "mo", _take(case["picture"]))
    yield Stop("viewer", "mo", at(f"/cases/{case['picture']}/evidence/{picture}"))
    yield Stop("viewer-held", "mo", _hold)
    yield Stop("case-proposed", "mo", at(f"/cases/{case['proposed']}"))
    yield Stop("referral-sent", "mo", at(f"/cases/{case['referred']}/referral"))
    yield Stop("case-referred", "mo", at(f"/cases/{case['referred']}"))


def _lead(made: Filled) -> Iterator[Stop]:
    case = made.cases
    yield Stop("shift-start", "lee", at("/shift"))
    yield Stop("queue-off-shift", "lee", at("/queue"))
    yield Stop("lead", "lee", _start_then("/lead"))
    yield Stop("second-reads", "lee", at("/second-reads"))
    yield Stop("second-read", "lee", at(f"/cases/{case['proposed']}/second-read"))
    yield Stop("second-read-documents", "lee", _open_documents)
    yield Stop("appeals", "lee", at("/appeals"))
    yield Stop("appeal", "lee", _first_case_link)
    yield Stop("case-escalated", "lee", _take(case["escalated"]))
    yield Stop("case-legal-hold", "lee", at(f"/cases/{case['at risk']}"))


def _others() -> Iterator[Stop]:
    yield Stop("audit", "audrey", at("/audit"))
    yield Stop("transparency", "audrey", at("/transparency"))
    yield Stop("staff", "adam", at("/staff"))


def _fail(page: Page) -> None:
    page.goto("/login")
    page.fill("#name", "nobody")
    page.fill("#password", "no" + PASSWORD)
    page.click("main button[data-kind=main]")
    page.get_by_role("alert").wait_for()


def _take(case_id: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(f"/cases/{case_id}")
        if page.get_by_role("button", name="Take this case").count():
            page.get_by_role("button", name="Take this case").click()
            page.get_by_role("button", name="Give it back").wait_for()

    return go


def _decide_badly(page: Page) -> None:
    page.check("input[name=outcome][value=restrict]")
    page.select_option("#policy", "known-material")
    page.fill("#reason", "no days were given")
    page.get_by_role("button", name="Decide", exact=True).click()
    page.get_by_role("alert").wait_for()


def _read(page: Page) -> None:
    page.fill("#reason", "what was reported decides this")
    page.get_by_role("button", name="Open it").click()
    page.locator(".reported").wait_for()


def _hold(page: Page) -> None:
    page.fill("#reason", "is it what the words say?")
    page.get_by_role("button", name="Centre").focus()
    page.keyboard.down("Space")
    page.locator(".region img").wait_for()


def _start_then(path: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto("/shift")
        page.get_by_role("button", name="Start the shift").click()
        page.wait_for_url("**/queue")
        page.goto(path)

    return go


def _open_documents(page: Page) -> None:
    page.get_by_role("button", name="Open the documents").click()
    page.locator(".preview").first.wait_for()


def _first_case_link(page: Page) -> None:
    page.locator("tbody .case-link").first.click()
    page.get_by_role("heading", name="Decide").wait_for()


def _stop(page: Page) -> None:
    page.goto("/queue")
    page.get_by_role("button", name="Stop for today").first.click()
    page.wait_for_url("**/rest")
