"""The queue: text facts only, in the order in which cases should be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from softfall.casework.described import QueueFilter, Shelf
from softfall.casework.model import Role, Severity
from softfall.casework.priority import Category
from softfall.console import pages
from softfall.console.access import ConsoleNow, Moderator
from softfall.console.work_page import on_shift, staff_of, standing_of, work_page

router = APIRouter(tags=["pages"])

PAGE_ROWS: Final = 25
_SHELVES: Final = (
    Shelf.OPEN, Shelf.MINE, Shelf.IN_REVIEW, Shelf.DECIDED, Shelf.CLOSED, Shelf.ALL,
)  # fmt: skip
_LEADS_SHELVES: Final = (
    Shelf.OPEN, Shelf.MINE, Shelf.ESCALATED, Shelf.IN_REVIEW, Shelf.SECOND_READ, Shelf.APPEALS,
    Shelf.TROUBLE, Shelf.DECIDED, Shelf.CLOSED, Shelf.ALL,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of the queue, as a link."""

    label: str
    path: str
    current: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Where in a long list this page is; before, after: paths, empty at the ends."""

    before: str
    after: str
    says: str


@router.get("/queue", summary="The queue, in words")
def queue(
    request: Request,
    session: Moderator,
    service: ConsoleNow,
    shelf: Shelf = Shelf.OPEN,
    category: Annotated[str, Query(max_length=32)] = "",
    severity: Annotated[str, Query(max_length=16)] = "",
    subject: Annotated[str, Query(max_length=64)] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """One shelf, filtered, a page at a time."""
    kind = Category(category) if category in set(Category) else None
    hard = Severity(severity) if severity in set(Severity) else None
    wanted = QueueFilter(shelf, kind, hard, subject.strip() or None, limit=PAGE_ROWS, offset=offset)
    staff = staff_of(session)
    asked = {"shelf": shelf, "category": category, "severity": severity, "subject": subject}
    return work_page(
        request, service, session, "queue.html",
        rows=service.desk.queue(staff, wanted),
        page=_page(asked, offset, service.desk.count(staff, wanted)),
        tabs=_tabs(session.role, shelf),
        shelf=shelf, category=kind, severity=hard, subject=subject,
        categories=list(Category), severities=list(Severity),
    )  # fmt: skip


@router.post("/queue/next", summary="Take the next case")
def take_next(session: Moderator, service: ConsoleNow) -> Response:
    """The first that nobody has, without what is skipped today."""
    known = standing_of(service, session)
    if not on_shift(known, service.clock()):
        return pages.redirect("/shift")
    skip = frozenset(Category(name) for name in known.skips if name in set(Category))
    case = service.desk.take_next(staff_of(session), skip)
    return pages.redirect(
        f"/cases/{case.row.case_id}" if case else "/queue", "" if case else "none-left"
    )


def _tabs(role: Role, current: Shelf) -> list[Tab]:
    shelves = _LEADS_SHELVES if role is Role.LEAD else _SHELVES
    return [
        Tab(each[0].upper() + each[1:], f"/queue?{urlencode({'shelf': each})}", each is current)
        for each in shelves
    ]


def _page(asked: Mapping[str, str], offset: int, total: int) -> Page:
    def at(start: int) -> str:
        kept = {name: value for name, value in asked.items() if value}
        return f"/queue?{urlencode({**kept, 'offset': str(start)})}"

    last = min(offset + PAGE_ROWS, total)
    return Page(
        at(max(0, offset - PAGE_ROWS)) if offset > 0 else "",
        at(offset + PAGE_ROWS) if last < total else "",
        f"{min(offset + 1, last)} to {last} of {total}",
    )
