"""The intake API: the provider and other tools hand in what opens a case, or joins one.

Guarantees: handing in again under the same reference is harmless, so a caller that got no answer
repeats the very same; what a caller handed in is its own: nobody else's reference is found.
Refuses: callers without a token (`access.intake_caller`); tools that claim what only the provider
proves; pictures that nobody told of, are altered, or too large.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from softfall.casework.appeals import AppealedBefore, AppealTooLate, NothingToAppeal
from softfall.casework.cases import CaseUnknown
from softfall.casework.evidence.vault import EvidenceTooLarge
from softfall.casework.incoming import AppealMade, HoldMoved, Incoming, TakenIn
from softfall.casework.intake import (
    NotYoursToTell,
    PictureAltered,
    PictureNotWanted,
    PictureTaken,
    ReferenceTaken,
    ReferenceUnknown,
)
from softfall.casework.model import CaseState, Outcome
from softfall.console.access import ConsoleNow, Intake, IntakeTokenWrong
from softfall.console.statuses import may_raise
from softfall.edge.errors import InvalidRequest, RateLimited, RequestTooLarge, RequestTooSlow
from softfall.messaging.envelope import MAX_PICTURE_BYTES
from softfall.store.transactions import StorageFull, StoreBusy

router = APIRouter(prefix="/v1/intake", tags=["intake"])

# 20 messages of 16 KiB, each character at most 12 bytes as JSON writes it.
MAX_INCOMING_BYTES = 8 * 1024 * 1024
BODY_BYTES = {
    "POST /v1/intake": MAX_INCOMING_BYTES,
    "PUT /v1/intake/pictures/{sha256}": MAX_PICTURE_BYTES,
}

ALWAYS = (
    IntakeTokenWrong,
    InvalidRequest,
    RateLimited,
    RequestTooLarge,
    RequestTooSlow,
    StorageFull,
    StoreBusy,
)

Reference = Annotated[
    str, Query(min_length=1, max_length=128, description="The caller's own name for it.")
]


class PictureReply(BaseModel):
    """What became of a picture: kept, known (it was there), or too late (the case is over)."""

    picture: PictureTaken


class AppealReply(BaseModel):
    """The appeal's id."""

    appeal_id: str


class StatusReply(BaseModel):
    """Where what was handed in is. outcome: once it stands, and only then."""

    case_id: str
    state: CaseState
    outcome: Outcome | None = None


@router.post(
    "",
    summary="Hand in what opens a case, or joins one",
    responses=may_raise(*ALWAYS, NotYoursToTell, ReferenceTaken, EvidenceTooLarge),
)
def take_in(incoming: Incoming, caller: Intake, service: ConsoleNow) -> TakenIn:
    """`wanted` names the pictures that are to follow by PUT; handing in again tells it again.

    Tools hand in sources `tool` and `surface`; holds and reports are the provider's to prove.
    """
    return service.desk.take_in(caller.name, incoming)


@router.put(
    "/pictures/{sha256}",
    summary="A picture that was told of",
    responses=may_raise(
        *ALWAYS, ReferenceUnknown, PictureNotWanted, PictureAltered, EvidenceTooLarge
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def put_picture(
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    reference: Reference,
    request: Request,
    caller: Intake,
    service: ConsoleNow,
) -> PictureReply:
    """The picture's bytes as the body. It is kept encrypted, and never opened by this service."""
    body = await request.body()
    taken = await run_in_threadpool(service.desk.put_picture, caller.name, reference, sha256, body)
    return PictureReply(picture=taken)


@router.post(
    "/holds/moved",
    status_code=204,
    summary="The provider's clock moved a hold",
    responses=may_raise(*ALWAYS, NotYoursToTell, ReferenceUnknown),
)
def hold_moved(news: HoldMoved, caller: Intake, service: ConsoleNow) -> Response:
    """Released, escalated or expired: the case says so, and one that was about it alone closes."""
    service.desk.hold_moved(caller.name, news)
    return Response(status_code=204)


@router.post(
    "/appeals",
    summary="An account appeals a decision about it",
    responses=may_raise(
        *ALWAYS,
        NotYoursToTell,
        CaseUnknown,
        NothingToAppeal,
        AppealTooLate,
        AppealedBefore,
        ReferenceTaken,
    ),
)
def appeal_made(told: AppealMade, caller: Intake, service: ConsoleNow) -> AppealReply:
    """Once a decision, in time; somebody who has not decided about the case looks at it."""
    return AppealReply(appeal_id=service.desk.appeal_made(caller.name, told))


@router.get(
    "/cases/{reference}",
    summary="Where what was handed in is now",
    responses=may_raise(*ALWAYS, ReferenceUnknown),
)
def read_status(
    reference: Annotated[str, Path(min_length=1, max_length=128)],
    caller: Intake,
    service: ConsoleNow,
) -> StatusReply:
    """The case's state, and its outcome once it stands; nothing of what is in it."""
    status = service.desk.status(caller.name, reference)
    return StatusReply(case_id=status.case_id, state=status.state, outcome=status.outcome)
