"""Opening evidence: pictures region by region while something is held, words for a while.

Guarantees: nothing of any content is in an answer to a GET; every opening is a POST with its
reason; no answer is cached; limits are the server's, whatever a page or a script does.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from softfall.casework.described import CaseView, EvidenceListed
from softfall.casework.evidence.vault import EvidenceGone, EvidenceUnknown
from softfall.casework.evidence.views import Asked, ViewReasonMissing
from softfall.casework.exposure import Allowed, NotNow
from softfall.casework.incoming import ReportedMessage
from softfall.casework.model import EvidenceKind, Role
from softfall.casework.shifts import Standing
from softfall.console import pages, standing, wording
from softfall.console.access import ConsoleNow, Moderator
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session
from softfall.console.viewing import Opened, left_after
from softfall.console.work_page import (
    NEVER_KEPT,
    CaseId,
    EvidenceId,
    Text,
    staff_of,
    standing_of,
    work_page,
)
from softfall.errors import SoftfallError
from softfall.media.rendered import NotRendered

router = APIRouter(tags=["pages"])

ViewId = Annotated[int, Field(ge=0, lt=2**63)]
ViewIds = Annotated[list[ViewId], Form(max_length=200)]
_PAGE = "/cases/{case_id}/evidence/{evidence_id}"


@router.get(_PAGE, summary="One piece of evidence, closed")
def closed(
    request: Request,
    case_id: CaseId,
    evidence_id: EvidenceId,
    session: Moderator,
    service: ConsoleNow,
) -> Response:
    """What it is, and what opening it asks for; nothing of it."""
    return _closed_page(request, service, session, case_id, evidence_id)


@router.post(_PAGE + "/open", summary="Open one region of a picture")
def open_region(
    case_id: CaseId,
    evidence_id: EvidenceId,
    session: Moderator,
    service: ConsoleNow,
    region: Annotated[int, Form(ge=0, le=9)],
    reason: Text = "",
    blur: Annotated[int, Form(ge=0, le=2)] = 0,
) -> Response:
    """A small grey PNG, for as long as X-View-Seconds says; X-View is the number to close it by."""
    asked = Asked(case_id, evidence_id, region, reason, blur)
    opened = service.viewing.open_region(staff_of(session), asked)
    if isinstance(opened, NotNow):
        return _not_now(opened, service.clock())
    if isinstance(opened, NotRendered):
        told = _told(
            "PictureNotShown", f"it can't be shown: {opened.reason}", "Decide by the facts."
        )
        return JSONResponse(told, 422, NEVER_KEPT)
    seconds = max(0, opened.until_ms - service.clock()) / 1000
    headers = {
        "X-View": str(opened.view_ids[0]),
        "X-View-Seconds": f"{seconds:.1f}",
        "X-Left": standing.left_words(left_after(opened)),
    }
    return Response(opened.bodies[0], media_type="image/png", headers={**headers, **NEVER_KEPT})


@router.post(_PAGE + "/read", summary="Open reported words")
def read(
    request: Request,
    case_id: CaseId,
    evidence_id: EvidenceId,
    session: Moderator,
    service: ConsoleNow,
    reason: Text = "",
) -> Response:
    """The words, in plain type, until they are closed or their time is over."""
    try:
        opened = service.viewing.open_words(staff_of(session), case_id, [evidence_id], reason)
    except ViewReasonMissing as problem:
        return _closed_page(
            request, service, session, case_id, evidence_id, problem=problem, typed_reason=reason
        )
    if isinstance(opened, NotNow):
        return _closed_page(request, service, session, case_id, evidence_id, not_now=opened)
    seen = service.desk.case(case_id, staff_of(session))
    piece = _piece(seen, evidence_id)
    return work_page(
        request, service, session, "words_open.html",
        case_id=case_id, piece=piece, view_id=opened.view_ids[0],
        onward=_way_back(session, seen, evidence_id),
        said=_said(piece.kind, opened), seconds=_seconds_left(opened, service.clock()),
    )  # fmt: skip


@router.post(_PAGE + "/close", summary="Close what is open")
def close(
    case_id: CaseId,
    evidence_id: EvidenceId,
    session: Moderator,
    service: ConsoleNow,
    view: ViewIds,
    onward: Text = "",
) -> Response:
    """Harmless when repeated. onward: where a page without scripts goes next."""
    del evidence_id
    service.viewing.close(staff_of(session), view)
    return pages.redirect(onward or f"/cases/{case_id}", "view-closed")


def _closed_page(
    request: Request,
    service: ConsoleService,
    session: Session,
    case_id: str,
    evidence_id: int,
    *,
    not_now: NotNow | None = None,
    problem: SoftfallError | None = None,
    typed_reason: str = "",
) -> Response:
    seen = service.desk.case(case_id, staff_of(session))
    piece = _piece(seen, evidence_id)
    if piece.deleted_at_ms is not None:
        raise EvidenceGone("this evidence was deleted when its time was over")
    known = standing_of(service, session)
    values: dict[str, Any] = {
        "case": seen,
        "piece": piece,
        "not_now": not_now,
        "problem": problem,
        "typed_reason": typed_reason,
        "way_back": _way_back(session, seen, evidence_id),
        "left_words": _left_words(known),
        "seconds": f"{service.settings.casework.text_view_seconds:g}",
        "regions": wording.REGION_NAMES,
    }
    template = "viewer.html" if piece.kind is EvidenceKind.PICTURE else "words_closed.html"
    status = 409 if not_now or problem else 200
    return work_page(request, service, session, template, status, known=known, **values)


def _way_back(session: Session, seen: CaseView, evidence_id: int) -> str:
    """The page that led here: an appeal's, for its words, where this person decides it."""
    for one in seen.appeals:
        if one.evidence_id == evidence_id and one.decided_by is None and session.role is Role.LEAD:
            return f"/appeals/{one.appeal_id}"
    return f"/cases/{seen.row.case_id}"


def _piece(seen: CaseView, evidence_id: int) -> EvidenceListed:
    for piece in seen.evidence:
        if piece.evidence_id == evidence_id:
            return piece
    raise EvidenceUnknown("the case has no such evidence")


def _left_words(known: Standing) -> str:
    left = known.ordinary
    return standing.left_words(left) if isinstance(left, Allowed) else f"Not now: {left.reason}."


def _seconds_left(opened: Opened, now_ms: int) -> int:
    return max(1, (opened.until_ms - now_ms) // 1000)


def _said(kind: EvidenceKind, opened: Opened) -> dict[str, Any]:
    """The words, and what is proved of them."""
    body = opened.bodies[0]
    if kind is not EvidenceKind.MESSAGE:
        return {"text": body.decode(errors="replace"), "proved": False, "facts": ()}
    message = ReportedMessage.model_validate_json(body)
    facts = [
        ("Sent by", message.sender),
        ("Received", wording.day_and_time(message.received_at_ms)),
        ("Proved", "These are the sender's very words, by the sender's own commitment."),
    ]
    if message.picture_sha256:
        facts.append(("With it", "A picture; it is a piece of evidence of its own."))
    if message.lie:
        facts.append(("About the sender's app", f"{message.lie}. {message.finding}"))
    return {"text": message.text, "proved": True, "facts": facts}


def _not_now(told: NotNow, now_ms: int) -> Response:
    when = f" It opens again {wording.ahead(told.until_ms, now_ms)}." if told.until_ms else ""
    body = _told("NotNow", f"not now: {told.reason}", f"Nothing was opened.{when}")
    return JSONResponse(body, 429, NEVER_KEPT)


def _told(error: str, what: str, remedy: str) -> dict[str, str]:
    return {"error": error, "blame": "rule", "what": what, "remedy": remedy}
