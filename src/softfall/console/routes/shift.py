"""The shift: what waits, my limits, what I skip; stopping without a question; the keys."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from softfall.casework import shifts
from softfall.casework.priority import Category
from softfall.console import cookies, pages, standing
from softfall.console.access import Anybody, ConsoleNow, Moderator
from softfall.console.work_page import KEYS_COOKIE, staff_of, standing_of, work_page

router = APIRouter(tags=["pages"])

_YEAR_SECONDS: Final = 365 * 86_400

KEYS: Final = (
    ("j, k", "the next and the one before in a list; the arrow keys do the same"),
    ("Enter", "opens the page of the case that has the focus"),
    ("t", "take the next case, or the case whose page this is"),
    ("g", "give the case back"),
    ("d", "go to the decision"),
    ("c", "close what is open, or go back to the case"),
    ("q", "the queue"),
    ("/", "look for an account"),
    ("n, p", "later and earlier pages of a list"),
)


@router.get("/shift", summary="The shift: what waits, my limits, what I skip")
def shift(request: Request, session: Moderator, service: ConsoleNow) -> Response:
    """Counts by kind of work, in words; nothing of any case."""
    known, now_ms = standing_of(service, session), service.clock()
    casework = service.settings.casework
    return work_page(
        request, service, session, "shift.html",
        known=known,
        mix=service.desk.mix(staff_of(session)),
        categories=list(Category),
        skips=known.skips,
        may_start=known.may_start_ms is not None and known.may_start_ms <= now_ms,
        may_start_ms=known.may_start_ms or now_ms,
        meters=standing.meters(known, casework),
        rules=standing.rules_in_words(casework),
    )  # fmt: skip


@router.post("/shift/start", summary="Start a shift")
def start(
    session: Moderator,
    service: ConsoleNow,
    skip: Annotated[list[Category] | None, Form(max_length=len(Category))] = None,
) -> Response:
    """What is skipped is nobody's to ask about."""
    with service.db.write() as tx:
        shifts.start(tx, staff_of(session), service.settings.casework, service.clock(), skip or [])
    return pages.redirect("/queue")


@router.post("/shift/stop", summary="Stop for today, without a question")
def stop(session: Moderator, service: ConsoleNow) -> Response:
    """Closes what is open, gives back what was taken, and leads to a page with nothing of it."""
    with service.db.write() as tx:
        shifts.stop(tx, staff_of(session), service.clock())
    service.desk.give_all_back(staff_of(session))
    return pages.redirect("/rest")


@router.get("/rest", summary="A page with nothing of the work on it")
def rest(request: Request, session: Anybody, service: ConsoleNow) -> Response:
    """Whoever has stopped, or stepped away."""
    newest, now_ms = standing_of(service, session).shift, service.clock()
    stopped = newest is not None and newest.stopped_at_ms is not None
    return pages.render(
        request, "rest.html", navigation=[], stopped=stopped and now_ms < newest.ends_at_ms
        if newest else False,
        running=newest is not None and shifts.is_running(newest, now_ms),
        staff_help=service.settings.casework.staff_help,
    )  # fmt: skip


@router.get("/keys", summary="The keys that the work has")
def keys(request: Request, session: Moderator, service: ConsoleNow) -> Response:
    """What each does, and how to switch letters off."""
    return work_page(request, service, session, "keys.html", keys=KEYS)


@router.post("/keys", summary="Switch letters as keys on or off")
def switch_keys(
    session: Moderator, letters: Annotated[str, Form(pattern="^(on|off)$")]
) -> Response:
    """For this browser."""
    reply = pages.redirect("/keys")
    cookies.put(reply, KEYS_COOKIE, letters, _YEAR_SECONDS)
    return reply
