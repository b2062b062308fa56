"""Appeals: to somebody who had no part in the decision; it stands, or what it did is undone."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from softfall.casework.appeals import AppealUnknown
from softfall.casework.described import AppealSeen
from softfall.casework.model import Role
from softfall.console import pages
from softfall.console.access import ConsoleNow, Lead
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session
from softfall.console.work_page import CaseId, Text, on_shift, staff_of, standing_of, work_page

router = APIRouter(tags=["pages"])


@router.get("/appeals", summary="Appeals that wait")
def appeals(request: Request, session: Lead, service: ConsoleNow) -> Response:
    """The oldest first, without their words."""
    waiting = service.desk.appeals(staff_of(session))
    return work_page(request, service, session, "appeals.html", appeals=waiting)


@router.get("/appeals/{appeal_id}", summary="One appeal, its words closed")
def appeal(request: Request, appeal_id: CaseId, session: Lead, service: ConsoleNow) -> Response:
    """The decision that it is about, and what was known."""
    one = _find(service, session, appeal_id)
    seen = service.desk.case(one.case_id, staff_of(session))
    decision = next(each for each in seen.decisions if each.decision_id == one.decision_id)
    known = standing_of(service, session)
    had_a_part = {
        name for each in seen.decisions for name in (each.proposed_by, each.second_reader)
    }
    return work_page(
        request, service, session, "appeal.html", known=known, appeal=one, case=seen,
        decision=decision, on_shift=on_shift(known, service.clock()),
        took_part=session.name in had_a_part,
        somebody_left=any(
            one.role is Role.LEAD and not one.disabled and one.name not in had_a_part
            for one in service.office.members()
        ),
        policy_titles={policy.id: policy.title for policy in service.desk.policies.rows},
    )  # fmt: skip


@router.post("/appeals/{appeal_id}/decide", summary="Decide an appeal")
def decide(
    appeal_id: CaseId,
    session: Lead,
    service: ConsoleNow,
    stands: Annotated[str, Form(pattern="^(yes|no)$")],
    reason: Text = "",
) -> Response:
    """The account is told how it ended."""
    service.desk.decide_appeal(appeal_id, staff_of(session), stands == "yes", reason)
    return pages.redirect("/appeals", "appeal-decided")


def _find(service: ConsoleService, session: Session, appeal_id: str) -> AppealSeen:
    for one in service.desk.appeals(staff_of(session)):
        if one.appeal_id == appeal_id:
            return one
    raise AppealUnknown("no appeal of this id waits")
