"""The second reader: sees the proposal and the very documents, and agrees or does not.

Guarantees: what is agreed to is a digest of the bytes that were shown; the first decider can't be
the reader (casework refuses it by name).
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from softfall.casework.described import QueueFilter, Shelf
from softfall.casework.evidence.views import ViewReasonMissing
from softfall.casework.exposure import NotNow
from softfall.console import pages
from softfall.console.access import ConsoleNow, Lead
from softfall.console.routes.cases import waiting_proposal
from softfall.console.routes.decisions import Digest, Version
from softfall.console.routes.referrals import documents_values, open_documents
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session
from softfall.console.work_page import CaseId, Text, staff_of, work_page
from softfall.errors import SoftfallError

router = APIRouter(tags=["pages"])

_LISTED = 100


@router.get("/second-reads", summary="Referrals that wait for a second reader")
def second_reads(request: Request, session: Lead, service: ConsoleNow) -> Response:
    """The oldest first; one's own can't be read by oneself."""
    wanted = QueueFilter(Shelf.SECOND_READ, limit=_LISTED)
    rows = service.desk.queue(staff_of(session), wanted)
    return work_page(request, service, session, "second_reads.html", rows=rows)


@router.get("/cases/{case_id}/second-read", summary="A proposed referral, its documents closed")
def proposal(request: Request, case_id: CaseId, session: Lead, service: ConsoleNow) -> Response:
    """Who proposed it, why, and what it is about."""
    return _page(request, service, session, case_id)


@router.post("/cases/{case_id}/second-read/open", summary="Read the documents to be sent")
def open_to_read(
    request: Request, case_id: CaseId, session: Lead, service: ConsoleNow, reason: Text = ""
) -> Response:
    """Words that they quote are opened with this, within the limits and on record."""
    try:
        told = open_documents(service, session, case_id, reason)
    except ViewReasonMissing as problem:
        return _page(request, service, session, case_id, problem=problem)
    if isinstance(told, NotNow):
        return _page(request, service, session, case_id, not_now=told)
    draft, opened = told
    seen = service.desk.case(case_id, staff_of(session))
    return work_page(
        request, service, session, "documents.html", case=seen, second=True, decides=False,
        **documents_values(service, draft, opened),
    )  # fmt: skip


@router.post("/cases/{case_id}/second-read", summary="Agree to a referral, or not")
def second_read(
    case_id: CaseId,
    session: Lead,
    service: ConsoleNow,
    agrees: Annotated[str, Form(pattern="^(yes|no)$")],
    version: Version,
    reason: Text = "",
    documents_digest: Digest = "",
) -> Response:
    """Agreement lets it out; else the case is open again, with the reason on record."""
    service.desk.second_read(
        case_id, staff_of(session), agrees == "yes", reason,
        documents_digest=documents_digest, version=version,
    )  # fmt: skip
    return pages.redirect(f"/cases/{case_id}", "agreed" if agrees == "yes" else "disagreed")


def _page(
    request: Request,
    service: ConsoleService,
    session: Session,
    case_id: str,
    *,
    not_now: NotNow | None = None,
    problem: SoftfallError | None = None,
) -> Response:
    seen = service.desk.case(case_id, staff_of(session))
    draft = service.referrals.draft(case_id)
    return work_page(
        request, service, session, "second_read.html", 409 if not_now or problem else 200,
        case=seen, waiting=waiting_proposal(seen), draft=draft, not_now=not_now,
        problem=problem,
        quotes=bool(draft.package.words),
        policy_titles={policy.id: policy.title for policy in service.desk.policies.rows},
    )  # fmt: skip
