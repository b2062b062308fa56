"""The lead's page: what is escalated, what waits for a second person, what needs a hand.

Guarantees: how others stand is one word each, never a count, a time or a speed.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from softfall.casework import shifts
from softfall.casework.described import CaseRow, QueueFilter, Shelf
from softfall.casework.evidence import legal_hold
from softfall.casework.model import Role
from softfall.console import pages
from softfall.console.access import ConsoleNow, Lead
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session
from softfall.console.staff import staff_ref
from softfall.console.work_page import staff_of, work_page

router = APIRouter(tags=["pages"])

_LISTED = 50
_WORKERS = frozenset({Role.MODERATOR, Role.LEAD})


@router.get("/lead", summary="What needs a lead")
def lead(request: Request, session: Lead, service: ConsoleNow) -> Response:
    """Lists of cases in words, referrals that stopped, legal holds, and how people stand."""
    with service.db.read() as tx:
        holds = legal_hold.everywhere(tx)
        states = shifts.cap_states(
            tx, _workers(service), service.settings.casework, service.clock()
        )
    return work_page(
        request, service, session, "lead.html",
        escalated=_rows(service, session, Shelf.ESCALATED),
        second_reads=_rows(service, session, Shelf.SECOND_READ),
        trouble=_rows(service, session, Shelf.TROUBLE),
        appeals=service.desk.appeals(staff_of(session)),
        stopped=service.referrals.attention(),
        letters=service.hotline.attention(),
        unread=service.referrals.awaiting_approval(),
        holds=holds, states=states,
    )  # fmt: skip


@router.post("/lead/let-start", summary="Let somebody start their next shift sooner")
def let_start(
    session: Lead, service: ConsoleNow, name: Annotated[str, Form(max_length=64)]
) -> Response:
    """On record; nobody lets themselves, nor anybody who has no shifts here now."""
    with service.db.write() as tx:
        shifts.let_start(tx, staff_of(session), staff_ref(tx, name), service.clock())
    return pages.redirect("/lead", "let-start")


def _rows(service: ConsoleService, session: Session, shelf: Shelf) -> list[CaseRow]:
    return service.desk.queue(staff_of(session), QueueFilter(shelf, limit=_LISTED))


def _workers(service: ConsoleService) -> list[str]:
    return [
        one.name for one in service.office.members() if not one.disabled and one.role in _WORKERS
    ]
