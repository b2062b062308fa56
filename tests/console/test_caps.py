"""Exposure limits against every request there is: nothing unopened is ever in an answer.

Each reported message holds a word of its own. Whatever is asked of the console, by whichever route,
form, header, session or number of requests at once, the answers hold no word beyond the cap.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from softfall.casework.incoming import Incoming, ReportedMessage
from softfall.casework.model import Role, Source
from softfall.casework.rights import StaffRef
from softfall.config import CaseworkSettings
from softfall.errors import SoftfallError

from .house import ORIGIN, START_MS, Browser, House, console
from .test_every_route import PEOPLE

CAP = 2
MESSAGES = 5
MO = StaffRef("mo", Role.LEAD)  # who may ask for most
ENDS_THE_SESSION = {"/logout", "/shift/stop", "/password"}
FORMS: tuple[dict[str, str], ...] = (
    {},
    {"reason": "to decide the case"},
    {"reason": "to decide the case", "region": "9"},
    {"reason": "to decide the case", "region": "0", "blur": "2", "now_ms": "1", "shift": "new"},
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"date": "Mon, 01 Jan 2035 00:00:00 GMT", "x-forwarded-for": "10.1.2.3"},
    {"range": "bytes=0-10", "x-http-method-override": "GET", "hx-request": "true"},
    {"accept": "application/json"},
)


def canary(number: int) -> str:
    return f"heron{number:03d}"


@dataclass
class Desk:
    """A lead at a case of more messages than may be opened."""

    house: House
    browser: Browser
    case_id: str
    pieces: list[int]

    def read(self, piece: int, browser: Browser | None = None) -> Response:
        path = f"/cases/{self.case_id}/evidence/{piece}"
        return (browser or self.browser).post(f"{path}/read", {"reason": "to decide the case"})


def canaries(*answers: Response) -> set[str]:
    """The words of messages that answers hold, wherever in them."""
    told = "".join(each.text + str(each.headers) for each in answers)
    return set(re.findall(r"heron\d{3}", told))


@contextmanager
def desk_of(house: House, **changes: Any) -> Iterator[Desk]:
    """A lead on shift, at a report of messages that nobody opened; `changes` are of the report."""
    browser = house.person(Role.LEAD, "mo")
    messages = tuple(
        ReportedMessage(
            sender="mallory", conversation="c1", envelope_id=f"{number:032x}",
            received_at_ms=START_MS, text=f"meet me at the {canary(number)}",
        )
        for number in range(MESSAGES)
    )  # fmt: skip
    told: dict[str, Any] = {
        "reference": "report:1", "source": Source.REPORT, "subject": "mallory", "reason": "spam",
        "arrived_at_ms": START_MS, "messages": messages, **changes,
    }  # fmt: skip
    case_id = house.service.desk.take_in("provider", Incoming(**told)).case_id
    house.service.desk.take(case_id, MO)
    seen = house.service.desk.case(case_id, MO)
    assert browser.post("/shift/start").status_code == 303
    yield Desk(house, browser, case_id, [each.evidence_id for each in seen.evidence])


@pytest.fixture
def desk(tmp_path: Path, tls_dir: Path, database_url: str) -> Iterator[Desk]:
    rules = CaseworkSettings(items_per_day=CAP)
    with (
        console(tmp_path / "console", tls_dir, database_url, casework=rules) as house,
        desk_of(house) as made,
    ):
        yield made


def at_the_cap(desk: Desk) -> set[str]:
    """Open as much as may be; the words that were seen."""
    seen = canaries(*(desk.read(piece) for piece in desk.pieces[:CAP]))
    assert len(seen) == CAP  # the search can find them
    return seen


def addresses(desk: Desk, template: str) -> list[str]:
    """A route's addresses for this case and each of its pieces."""
    path = template.replace("{case_id}", desk.case_id)
    pieces = desk.pieces if "{evidence_id}" in path else desk.pieces[:1]
    return [
        re.sub(r"\{[^}]*\}", "0", path.replace("{evidence_id}", str(piece))) for piece in pieces
    ]


def walked(desk: Desk) -> set[str]:
    """The words that any route shows, asked in every way that there is."""
    token = desk.browser.csrf()
    told = set[str]()
    asked = 0
    for route in PEOPLE:
        if route.path in ENDS_THE_SESSION:
            continue
        for path in addresses(desk, route.path):
            for form in FORMS if route.method == "POST" else FORMS[:1]:
                with suppress(SoftfallError):
                    desk.house.service.desk.take(desk.case_id, MO)  # a route may have ended it
                answer = desk.browser.http.request(
                    route.method, path, headers=desk.browser.headers,
                    data={**form, "csrf": token} if route.method != "GET" else None,
                )  # fmt: skip
                told |= canaries(answer)
                asked += 1
    assert asked > 100
    return told


def test_no_route_shows_a_word_beyond_the_cap(desk: Desk) -> None:
    seen = at_the_cap(desk)
    # What was opened before may be read again, so the walk does come there.
    assert walked(desk) == seen


# Each limit but the cap: the rules, how many pieces are read at once, and the minutes until it bids
# no. A view of words lasts 90 seconds, and counts in full since nobody closes it.
LIMITS: dict[str, tuple[dict[str, Any], int, float]] = {
    "the minutes cap": ({"minutes_per_day": 3.0}, 2, 5.0),
    "a break due": ({"work_minutes": 3.0, "break_minutes": 10.0}, 1, 1.6),
    "the calm end": ({"shift_hours": 0.5, "calm_minutes": 20.0}, 1, 8.6),
    "the shift's end": ({"shift_hours": 0.2, "calm_minutes": 0.0}, 1, 11.0),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_no_route_shows_a_word_beyond_any_other_limit(
    tmp_path: Path, tls_dir: Path, limit: str
) -> None:
    rules, count, minutes = LIMITS[limit]
    with (
        console(tmp_path / "console", tls_dir, casework=CaseworkSettings(**rules)) as house,
        desk_of(house, reason="child-safety") as desk,  # severe: the calm end is about it
    ):
        assert len(canaries(*map(desk.read, desk.pieces[:count]))) == count
        house.clock.pass_minutes(minutes)
        assert walked(desk) == set()  # not even what was read before: its time is over
        assert len(house.lines("evidence.viewed")) == count


def test_when_a_break_is_over_words_may_be_read_again(tmp_path: Path, tls_dir: Path) -> None:
    rules, _, minutes = LIMITS["a break due"]
    with (
        console(tmp_path / "console", tls_dir, casework=CaseworkSettings(**rules)) as house,
        desk_of(house) as desk,
    ):
        first, second, *_ = desk.pieces
        assert canaries(desk.read(first))
        house.clock.pass_minutes(minutes)
        assert canaries(desk.read(second)) == set()
        house.clock.pass_minutes(10.0)
        assert canaries(desk.read(second))


def test_no_header_and_no_method_shows_a_word_beyond_the_cap(desk: Desk) -> None:
    seen = at_the_cap(desk)
    token = desk.browser.csrf()
    for header in HEADERS:
        for deed in ("/read", "/open", ""):
            for method in ("POST", "GET", "PUT", "HEAD"):
                answer = desk.browser.http.request(
                    method,
                    f"/cases/{desk.case_id}/evidence/{desk.pieces[CAP]}{deed}",
                    headers={**desk.browser.headers, **header},
                    data={**FORMS[-1], "csrf": token} if method == "POST" else None,
                )
                assert canaries(answer) <= seen
    assert len(desk.house.lines("evidence.viewed")) == CAP


def test_no_other_session_shows_a_word_beyond_the_cap(desk: Desk) -> None:
    seen = at_the_cap(desk)
    another = desk.house.browser()
    assert another.log_in("mo").status_code == 303
    assert canaries(*(desk.read(piece, another) for piece in desk.pieces[CAP:])) <= seen


def test_no_number_of_requests_at_once_shows_a_word_beyond_the_cap(desk: Desk) -> None:
    browsers = [desk.house.browser() for _ in desk.pieces]
    for browser in browsers:
        assert browser.log_in("mo").status_code == 303
    tokens = [browser.csrf() for browser in browsers]
    ready, answers = threading.Barrier(len(browsers)), list[Response]()

    def read(browser: Browser, token: str, piece: int) -> None:
        ready.wait()
        answers.append(
            browser.http.post(
                f"{ORIGIN}/cases/{desk.case_id}/evidence/{piece}/read",
                data={"reason": "to decide the case", "csrf": token},
                headers=browser.headers,
            )
        )

    threads = [
        threading.Thread(target=read, args=each)
        for each in zip(browsers, tokens, desk.pieces, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == MESSAGES
    assert len(canaries(*answers)) == CAP
    assert len(desk.house.lines("evidence.viewed")) == CAP


def test_stopping_starting_closing_and_giving_back_show_nothing_more(desk: Desk) -> None:
    seen = at_the_cap(desk)
    rest = desk.pieces[CAP:]
    desk.browser.post("/shift/start")
    assert canaries(*map(desk.read, rest)) <= seen
    for view in range(1, 9):
        path = f"/cases/{desk.case_id}/evidence/{rest[0]}/close"
        desk.browser.post(path, {"view": str(view)})
    assert canaries(*map(desk.read, rest)) <= seen
    desk.house.service.desk.give_back(desk.case_id, MO)
    assert canaries(*map(desk.read, desk.pieces)) == set()
    desk.house.service.desk.take(desk.case_id, MO)
    assert canaries(*map(desk.read, rest)) <= seen
    desk.browser.post("/shift/stop")
    assert canaries(*map(desk.read, desk.pieces)) == set()
    assert desk.browser.post("/shift/start").status_code != 303
    assert canaries(*map(desk.read, desk.pieces)) == set()


def test_before_a_shift_nothing_is_shown_at_all(desk: Desk) -> None:
    desk.house.add("may", Role.MODERATOR)
    browser = desk.house.browser()
    assert browser.log_in("may").status_code == 303
    desk.house.service.desk.give_back(desk.case_id, MO)
    desk.house.service.desk.take(desk.case_id, StaffRef("may", Role.MODERATOR))
    assert canaries(*(desk.read(piece, browser) for piece in desk.pieces)) == set()
    assert desk.house.lines("evidence.viewed") == []
