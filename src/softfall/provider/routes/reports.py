"""Reporting messages to the provider."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from softfall.messaging.franking import CommitmentBroken, OpeningMismatch, ReceiptForged
from softfall.provider.reports import (
    NotYourMessage,
    ReceiptTooOld,
    ReportReplayed,
    UnknownReason,
)
from softfall.provider.routes.access import ALWAYS, Body, Device, ServiceNow, cbor_in
from softfall.provider.statuses import may_raise
from softfall.wire import MalformedMessage

router = APIRouter(tags=["reports"])


class ReportReply(BaseModel):
    """The report is kept."""

    report_id: str
    accepted: int = Field(description="How many messages were proved: all of them.")
    lies_proved: int = Field(
        description="In how many it is proved that the sender's app lied to the provider."
    )


@router.post(
    "/v1/reports",
    status_code=201,
    summary="Report chosen messages",
    openapi_extra=cbor_in("report"),
    responses=may_raise(
        *ALWAYS,
        MalformedMessage,
        UnknownReason,
        ReceiptForged,
        CommitmentBroken,
        OpeningMismatch,
        NotYourMessage,
        ReceiptTooOld,
        ReportReplayed,
    ),
)
def report(account: Device, body: Body, service: ServiceNow) -> ReportReply:
    """All messages are proved, or none is kept. The same report sent again is the same answer."""
    service.report_rate.take(account.name)
    filed = service.reports.file(account, body, service.clock())
    return ReportReply(
        report_id=filed.report_id, accepted=filed.accepted, lies_proved=filed.lies_proved
    )
