"""Deciding a case: an outcome, a policy, a reason. Nothing is opened here."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from softfall.casework.decisions import Ruling
from softfall.casework.model import Outcome
from softfall.console import pages
from softfall.console.access import ConsoleNow, Moderator
from softfall.console.routes.cases import case_page
from softfall.console.work_page import CaseId, Text, staff_of
from softfall.errors import InputError, RefusedError

router = APIRouter(tags=["pages"])

Version = Annotated[int, Form(ge=0, lt=2**63)]
Digest = Annotated[str, Form(pattern="^([0-9a-f]{64})?$")]


@router.post("/cases/{case_id}/decide", summary="Decide this case")
def decide(
    request: Request,
    case_id: CaseId,
    session: Moderator,
    service: ConsoleNow,
    outcome: Annotated[Outcome, Form()],
    version: Version,
    reason: Text = "",
    policy: Text = "",
    restrict_days: Annotated[int, Form(ge=0, le=3650)] = 0,
    account: Annotated[list[str] | None, Form(max_length=200)] = None,
    override_reason: Text = "",
    documents_digest: Digest = "",
) -> Response:
    """A refusal shows the page again, with what was typed; a referral waits for a second reader."""
    ruling = Ruling(
        outcome, reason, policy, restrict_days,
        accounts=tuple(account or ()),
        override_reason=override_reason,
        version=version,
        documents_digest=documents_digest,
    )  # fmt: skip
    # Whether the account is told is the legal hold's to say, not this form's.
    try:
        decided = service.desk.decide(case_id, staff_of(session), ruling)
    except (RefusedError, InputError) as problem:
        return case_page(
            request, service, session, case_id, problem,
            chosen=outcome, chosen_policy=policy, typed_reason=reason,
            typed_days=restrict_days, typed_accounts=ruling.accounts,
            typed_override=override_reason,
        )  # fmt: skip
    return pages.redirect(f"/cases/{case_id}", "decided" if decided.final else "proposed")


@router.post("/cases/{case_id}/withdraw", summary="Take one's own proposed referral back")
def withdraw(case_id: CaseId, session: Moderator, service: ConsoleNow, reason: Text) -> Response:
    """Before its second reader has read it."""
    service.desk.withdraw_proposal(case_id, staff_of(session), reason)
    return pages.redirect(f"/cases/{case_id}", "withdrawn")
