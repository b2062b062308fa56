"""One case: what is known, what may be decided and why not; taking it, and passing it on."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import Response

from softfall.casework import cases as case_rows
from softfall.casework.described import CaseView, DecisionSeen
from softfall.casework.evidence import legal_hold
from softfall.casework.model import CaseState, Outcome, Role
from softfall.casework.policies import OWN_PICTURE_WORDS
from softfall.console import pages
from softfall.console.access import ConsoleNow, Lead, Moderator
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session
from softfall.console.work_page import (
    CaseId,
    Text,
    on_shift,
    staff_of,
    standing_of,
    work_page,
)
from softfall.errors import SoftfallError

router = APIRouter(tags=["pages"])

_TAKEABLE = frozenset({CaseState.OPEN, CaseState.IN_REVIEW})
# What is said beside closed evidence where nobody takes the case any more.
_OVER: Final[Mapping[CaseState, str]] = {
    CaseState.DECIDED: "This case is decided.",
    CaseState.APPEALED: "This case is decided; its appeal is a lead's to look at.",
    CaseState.CLOSED: "This case is closed.",
}
RowNumber = Annotated[int, Path(ge=0, lt=2**63)]


@router.get("/cases/{case_id}", summary="One case, its evidence closed")
def case(request: Request, case_id: CaseId, session: Moderator, service: ConsoleNow) -> Response:
    """Facts, timeline, what may be decided; no content."""
    return case_page(request, service, session, case_id)


@router.post("/cases/{case_id}/take", summary="Take this case")
def take(case_id: CaseId, session: Moderator, service: ConsoleNow) -> Response:
    """It is yours until it is decided, given back, or untouched for long."""
    if not on_shift(standing_of(service, session), service.clock()):
        return pages.redirect("/shift")
    service.desk.take(case_id, staff_of(session))
    return pages.redirect(f"/cases/{case_id}")


@router.post("/cases/{case_id}/give-back", summary="Give this case back")
def give_back(case_id: CaseId, session: Moderator, service: ConsoleNow) -> Response:
    """No reason is asked."""
    service.desk.give_back(case_id, staff_of(session))
    return pages.redirect("/queue", "given-back")


@router.post("/cases/{case_id}/escalate", summary="Pass this case to leads")
def escalate(case_id: CaseId, session: Moderator, service: ConsoleNow, reason: Text) -> Response:
    """For whatever is beyond one, or too much."""
    service.desk.escalate(case_id, staff_of(session), reason)
    return pages.redirect("/queue", "escalated")


@router.post("/cases/{case_id}/own-picture", summary="Say whether it is a young person's own")
def own_picture(
    case_id: CaseId,
    session: Moderator,
    service: ConsoleNow,
    reason: Text,
    own: Annotated[str, Form(pattern="^(yes|no)$")],
) -> Response:
    """Such cases are met with support, never with an automatic referral."""
    service.desk.mark_own_picture(case_id, staff_of(session), own == "yes", reason)
    return pages.redirect(f"/cases/{case_id}", "marked")


@router.post("/cases/{case_id}/legal-holds", summary="Set a legal hold")
def set_legal_hold(
    case_id: CaseId,
    session: Moderator,
    service: ConsoleNow,
    reason: Text,
    withholds: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """For whom the configuration names, with the order as its reason."""
    with service.db.write() as tx:
        row = case_rows.find(tx, case_id).row
        legal_hold.place(
            tx, row, session.name, reason, withholds == "yes", service.settings.casework,
            service.clock(),
        )  # fmt: skip
    return pages.redirect(f"/cases/{case_id}", "hold-set")


@router.post("/cases/{case_id}/legal-holds/{hold_id}/lift", summary="Lift a legal hold")
def lift_legal_hold(
    case_id: CaseId, hold_id: RowNumber, session: Moderator, service: ConsoleNow, reason: Text
) -> Response:
    """For whom the configuration names, with a reason."""
    with service.db.write() as tx:
        row = case_rows.find(tx, case_id).row
        legal_hold.lift(
            tx, row, hold_id, session.name, reason, service.settings.casework, service.clock()
        )
    return pages.redirect(f"/cases/{case_id}", "hold-lifted")


@router.post("/enactments/{enactment_id}/retry", summary="Have a decision brought again")
def retry(
    enactment_id: CaseId,
    session: Lead,
    service: ConsoleNow,
    case_id: Annotated[str, Form(pattern="^[0-9a-f]{1,32}$")],
) -> Response:
    """After what kept the service from doing it is mended."""
    service.desk.retry_enactment(enactment_id, staff_of(session))
    return pages.redirect(f"/cases/{case_id}", "tried-again")


@router.post("/enactments/{enactment_id}/set-aside", summary="Try a decision no more")
def set_aside(
    enactment_id: CaseId,
    session: Lead,
    service: ConsoleNow,
    case_id: Annotated[str, Form(pattern="^[0-9a-f]{1,32}$")],
    reason: Text,
) -> Response:
    """It was done by hand, or can't be done; the reason is on record."""
    service.desk.set_enactment_aside(enactment_id, staff_of(session), reason)
    return pages.redirect(f"/cases/{case_id}", "set-aside")


def case_page(
    request: Request,
    service: ConsoleService,
    session: Session,
    case_id: str,
    problem: SoftfallError | None = None,
    **typed: Any,
) -> Response:
    """The case's page. problem, typed: what a decision ran into, and what was typed for it.

    Raises CaseUnknown, NotYourRole.
    """
    seen = service.desk.case(case_id, staff_of(session))
    known = standing_of(service, session)
    values = {
        **_rights(service, session, seen, shift=on_shift(known, service.clock())),
        **_choices(service, seen),
        **typed,
    }
    status = 409 if problem else 200
    return work_page(
        request, service, session, "case.html", status, known=known, case=seen, problem=problem,
        **values,
    )  # fmt: skip


def waiting_proposal(seen: CaseView) -> DecisionSeen | None:
    """A referral of this case that waits for its second reader."""
    return next((each for each in seen.decisions if each.state == "proposed"), None)


def _rights(
    service: ConsoleService, session: Session, seen: CaseView, *, shift: bool
) -> dict[str, Any]:
    """What this person may do with it now; the server checks each again when it is done."""
    row, lead = seen.row, session.role is Role.LEAD
    waiting = waiting_proposal(seen)
    mine = row.state is CaseState.IN_REVIEW and row.assigned_to == session.name
    reads = lead and (waiting is not None or row.state is CaseState.APPEALED)
    free = row.assigned_to is None and row.state in _TAKEABLE and waiting is None
    with service.db.read() as tx:
        holds = legal_hold.active(tx, case_rows.find(tx, row.case_id).row)
    return {
        "mine": mine,
        "is_lead": lead,
        "waiting": waiting,
        "can_take": free and (lead or not row.escalated),
        "may_open": shift and (mine or reads),
        "why_not_open": _why_not_open(seen, may=mine or reads, lead=lead),
        "may_hold": legal_hold.may_set(session.name, service.settings.casework),
        "legal_holds": holds,
    }


def _why_not_open(seen: CaseView, *, may: bool, lead: bool) -> str:
    """What stands between this person and the case's evidence. may: only a shift is missing."""
    row = seen.row
    if may:
        return "Start a shift to open it."
    if waiting_proposal(seen) is not None:
        return "A referral of it waits for its second reader."
    if row.state in _OVER:
        return _OVER[row.state]
    if row.assigned_to is not None:
        return f"{row.assigned_to} has this case."
    if row.escalated and not lead:
        return "This case is with the leads."
    return "Take the case to open it."


def _choices(service: ConsoleService, seen: CaseView) -> dict[str, Any]:
    """What the decision's form offers."""
    policies = service.desk.policies.rows
    allowed = {offer.outcome for offer in seen.offers if offer.allowed}
    return {
        "hash_only": seen.nothing_to_open
        and seen.row.state in _TAKEABLE
        and waiting_proposal(seen) is None,
        "policies_table": policies,
        "policy_titles": {policy.id: policy.title for policy in policies},
        "can_refer": Outcome.REFER in allowed,
        "can_restrict": bool(allowed & {Outcome.RESTRICT, Outcome.REFER}),
        "referred": any(
            each.outcome is Outcome.REFER and each.state == "final" for each in seen.decisions
        ),
        "own_picture_words": OWN_PICTURE_WORDS,
        # A referral is never the default: whoever proposes one has to choose it.
        "chosen": None if seen.proposed.outcome is Outcome.REFER else seen.proposed.outcome,
        "chosen_policy": "own-picture" if seen.row.own_picture else "",
        "typed_reason": "",
        "typed_days": 0,
        "typed_accounts": (),
        "typed_override": "",
    }
