"""A case's referral: its draft before anything is sent, and where it is afterwards.

Guarantees: nothing is sent from here; what quotes a case is shown only after an opening with a
reason, which counts as any other; what was saved must be read by somebody else.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from softfall.casework.described import CaseView
from softfall.casework.evidence.views import ViewReasonMissing
from softfall.casework.exposure import NotNow
from softfall.casework.model import CaseState, Role
from softfall.casework.referral.life import LIFE, Event
from softfall.casework.referral.life import State as ReferralState
from softfall.casework.referral.referrals import Draft, DraftMoved
from softfall.casework.referral.report import Classification, FileFlag, IncidentType, ReportFlag
from softfall.console import pages
from softfall.console.access import ConsoleNow, Lead, Moderator
from softfall.console.documents_shown import documents_of
from softfall.console.draft_form import (
    DraftUnfit,
    Typed,
    TypedFile,
    reporting,
    revision_in,
    saved_as,
    typed_in,
)
from softfall.console.routes.cases import waiting_proposal
from softfall.console.routes.decisions import Digest
from softfall.console.routes.hotline import deeds_of
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session
from softfall.console.viewing import Opened
from softfall.console.work_page import CaseId, Text, on_shift, staff_of, standing_of, work_page
from softfall.errors import InputError, RefusedError, SoftfallError

router = APIRouter(tags=["pages"])

# What a person may do with a referral that is past drafting, by the event that it is in its life.
DEEDS: Final[Mapping[Event, str]] = {
    Event.WITHDRAW: "Take it back",
    Event.BEGIN_AGAIN: "Begin again",
    Event.MARK_FINISHED: "Mark it finished",
    Event.EDIT_AGAIN: "Write it anew",
}


class NotYoursToWrite(RefusedError):
    """Somebody else works on this case."""

    remedy = "Take the case first, or ask whoever proposed the referral."


class NothingToApprove(RefusedError):
    """No referral of this case is decided and waits to be read."""

    remedy = "Look at the case: a proposal is read as its second reader, and then decided."


@router.get("/cases/{case_id}/referral", summary="A case's referral: its draft, or where it is")
def referral(
    request: Request, case_id: CaseId, session: Moderator, service: ConsoleNow
) -> Response:
    """The draft's own words and what is missing; nothing that it quotes."""
    return _referral_page(request, service, session, case_id)


@router.post("/cases/{case_id}/referral", summary="Save a referral's draft")
async def save(
    request: Request, case_id: CaseId, session: Moderator, service: ConsoleNow
) -> Response:
    """Nothing is sent. What was approved before must be read again."""
    form = await request.form()
    return await run_in_threadpool(_save, request, service, session, case_id, form)


@router.post("/cases/{case_id}/referral/read", summary="Read the documents as they would be sent")
def read(
    request: Request, case_id: CaseId, session: Moderator, service: ConsoleNow, reason: Text = ""
) -> Response:
    """Words that they quote are opened with this, within the limits and on record."""
    seen = service.desk.case(case_id, staff_of(session))
    try:
        told = open_documents(service, session, case_id, reason)
    except ViewReasonMissing as problem:
        return _referral_page(request, service, session, case_id, problem=problem)
    if isinstance(told, NotNow):
        return _referral_page(request, service, session, case_id, not_now=told)
    draft, opened = told
    decides = not service.settings.casework.second_reader and _is_mine(session, seen)
    approves = _may_approve(session, service, case_id)
    return work_page(
        request, service, session, "documents.html", case=seen, second=False, decides=decides,
        approves=approves,
        policies_table=service.desk.policies.rows, **documents_values(service, draft, opened),
    )  # fmt: skip


@router.post("/cases/{case_id}/referral/approve", summary="Let a decided referral out, as read")
def approve(
    case_id: CaseId, session: Lead, service: ConsoleNow, documents_digest: Digest
) -> Response:
    """For one that was decided before its documents were read, or is to be read anew."""
    if not service.referrals.awaits_approval(case_id):
        raise NothingToApprove("this case has no decided referral that waits to be read")
    with service.db.write() as tx:
        service.ways.approve_in(tx, case_id, session.name, documents_digest)
        service.ways.queue_sending(tx, case_id)
    return pages.redirect(f"/cases/{case_id}/referral", "agreed")


@router.post("/cases/{case_id}/referral/{deed}", summary="What a person does about its sending")
def act(case_id: CaseId, deed: Event, session: Lead, service: ConsoleNow, reason: Text) -> Response:
    """Withdraw, begin again, mark finished, edit again: what its life allows now."""
    doing = {
        Event.WITHDRAW: service.referrals.withdraw,
        Event.BEGIN_AGAIN: service.referrals.begin_again,
        Event.MARK_FINISHED: service.referrals.mark_finished,
        Event.EDIT_AGAIN: service.referrals.edit_again,
    }.get(deed)
    if doing is None:
        raise DraftUnfit("this is nothing that a person does")
    doing(case_id, session.name, reason)
    return pages.redirect(f"/cases/{case_id}/referral")


def open_documents(
    service: ConsoleService, session: Session, case_id: str, reason: str
) -> tuple[Draft, Opened | None] | NotNow:
    """The draft to be read, with the words that it quotes opened for this person.

    Raises what `Views.open_view` raises.
    """
    draft = service.referrals.draft(case_id)
    quoted = draft.package.words
    if not quoted:
        return draft, None
    opened = service.viewing.open_words(staff_of(session), case_id, quoted, reason)
    if isinstance(opened, NotNow):
        return opened
    return service.referrals.draft(case_id), opened


def documents_values(
    service: ConsoleService, draft: Draft, opened: Opened | None
) -> dict[str, Any]:
    """What documents.html shows of a draft."""
    left_ms = opened.until_ms - service.clock() if opened else 0
    return {
        "draft": draft,
        "documents": documents_of(draft.package),
        "view_ids": opened.view_ids if opened else (),
        "seconds": max(1, left_ms // 1000),
    }


def _referral_page(
    request: Request,
    service: ConsoleService,
    session: Session,
    case_id: str,
    *,
    problem: SoftfallError | None = None,
    not_now: NotNow | None = None,
    typed: Typed | None = None,
) -> Response:
    """The draft, or where the referral is. typed: what a refused form held."""
    seen = service.desk.case(case_id, staff_of(session))
    draft = service.referrals.draft(case_id)
    known = standing_of(service, session)
    shown = {
        **_shared_values(service, session, seen),
        "draft": draft,
        "known": known,
        "problem": problem,
        "not_now": not_now,
        "quotes": bool(draft.package.words),
        "on_shift": on_shift(known, service.clock()),
    }
    status = 409 if problem or not_now else 200
    if draft.state is ReferralState.DRAFT:
        values = {**shown, **_form_values(draft, problem, typed)}
        return work_page(request, service, session, "referral.html", status, **values)
    values = {**shown, **_sent_values(service, case_id)}
    return work_page(request, service, session, "referral_sent.html", status, **values)


def _shared_values(service: ConsoleService, session: Session, seen: CaseView) -> dict[str, Any]:
    """What both pages show, whatever the referral's state."""
    case_id = seen.row.case_id
    letter = service.hotline.status(case_id)
    return {
        "case": seen,
        "may_write": _may_write(session, seen) or _may_approve(session, service, case_id),
        "awaits": service.referrals.awaits_approval(case_id),
        "authority": bool(service.settings.referral.cybertipline_url),
        "is_lead": session.role is Role.LEAD,
        "hotline": service.settings.hotline.name,
        "letter": letter,
        "letter_deeds": deeds_of(letter),
    }


def _form_values(
    draft: Draft, problem: SoftfallError | None, typed: Typed | None
) -> dict[str, Any]:
    """What the draft's form shows: what was typed, where that was refused; else what is saved."""
    saved = saved_as(draft.edits)
    moved = isinstance(problem, DraftMoved) and typed is not None
    return {
        "typed": typed or saved,
        "saved_meanwhile": typed.differing(saved) if moved and typed else None,
        "reporting": reporting(draft.facts),
        "incident_types": list(IncidentType),
        "report_flags": list(ReportFlag),
        "file_flags": list(FileFlag),
        "classes": list(Classification),
        "nothing_typed": TypedFile(),
    }


def _sent_values(service: ConsoleService, case_id: str) -> dict[str, Any]:
    """Where it is, and what a person may do about it now."""
    where = service.referrals.status(case_id)
    allowed = {row.event for row in LIFE if row.start is where.state}
    deeds = [(event, label) for event, label in DEEDS.items() if event in allowed]
    return {"where": where, "deeds": deeds}


def _save(
    request: Request, service: ConsoleService, session: Session, case_id: str, form: FormData
) -> Response:
    typed = typed_in(form)
    try:
        seen = service.desk.case(case_id, staff_of(session))
        if not (_may_write(session, seen) or _may_approve(session, service, case_id)):
            raise NotYoursToWrite("this referral is not yours to write")
        edits, revision = typed.edits(), revision_in(form)
        service.referrals.save_draft(case_id, session.name, edits, revision)
    except (RefusedError, InputError) as problem:
        return _referral_page(request, service, session, case_id, problem=problem, typed=typed)
    return pages.redirect(f"/cases/{case_id}/referral", "saved")


def _may_write(session: Session, seen: CaseView) -> bool:
    waiting = waiting_proposal(seen)
    return _is_mine(session, seen) or (waiting is not None and waiting.proposed_by == session.name)


def _may_approve(session: Session, service: ConsoleService, case_id: str) -> bool:
    return session.role is Role.LEAD and service.referrals.awaits_approval(case_id)


def _is_mine(session: Session, seen: CaseView) -> bool:
    return seen.row.state is CaseState.IN_REVIEW and seen.row.assigned_to == session.name
