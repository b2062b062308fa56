"""What a person decided, told to the accounts that it is about; and their appeals."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from softfall.messaging.notices import MAX_APPEAL_CHARS
from softfall.provider import notices
from softfall.provider.notices import AppealedAlready, AppealTimeOver, NotAppealable, NoticeUnknown
from softfall.provider.routes.access import ALWAYS, CborResponse, Device, ServiceNow, cbor_out
from softfall.provider.statuses import may_raise

router = APIRouter(tags=["notices"])

NoticeId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="16 bytes, in hex")]


class NoticesSeen(BaseModel):
    """Every notice up to this sequence is safe with the device."""

    model_config = ConfigDict(extra="forbid", strict=True)

    through: int = Field(ge=0, le=2**63 - 1)


class AppealAsked(BaseModel):
    """Why the account wants another look."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=MAX_APPEAL_CHARS)


class AppealReply(BaseModel):
    """Somebody else will look again."""

    appealed: Literal[True] = True


@router.get(
    "/v1/notices",
    summary="What was decided",
    response_class=Response,  # errors are JSON
    responses={**may_raise(*ALWAYS), **cbor_out("notices")},
)
def read_notices(account: Device, service: ServiceNow) -> Response:
    """What is not acknowledged, oldest first, at most 50; a `mailbox` says how many wait."""
    return CborResponse(notices.read(service.db, account))


@router.post("/v1/notices/ack", summary="Acknowledge notices", responses=may_raise(*ALWAYS))
def acknowledge(account: Device, asked: NoticesSeen, service: ServiceNow) -> NoticesSeen:
    """They are not told again; an appeal is possible all the same."""
    notices.acknowledge(service.db, account, asked.through, service.clock())
    return asked


@router.post(
    "/v1/notices/{notice_id}/appeal",
    status_code=201,
    summary="Appeal a decision",
    responses=may_raise(*ALWAYS, NoticeUnknown, NotAppealable, AppealTimeOver, AppealedAlready),
)
def appeal(
    account: Device, notice_id: NoticeId, asked: AppealAsked, service: ServiceNow
) -> AppealReply:
    """In time, once; the same appeal again is the same answer."""
    service.report_rate.take(account.name)
    now_ms, which = service.clock(), bytes.fromhex(notice_id)
    notices.appeal(service.db, service.outbox, account, which, asked.text, now_ms)
    return AppealReply()
