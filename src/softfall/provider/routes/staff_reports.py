"""Moderators' routes: reports, and what each reported message proves of its sender's app."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from softfall.provider import reported
from softfall.provider.reported import ReportUnknown
from softfall.provider.routes.access import ALWAYS, ServiceNow, staff
from softfall.provider.staff import StaffRoutesOff
from softfall.provider.statuses import may_raise

router = APIRouter(tags=["staff"], dependencies=[Depends(staff)])

ReportId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="As POST /v1/reports told it")]


class ReportHead(BaseModel):
    """One report, without what was said."""

    report_id: str
    reporter: str | None = Field(description="null: the report is anonymous.")
    reason: str
    reported_at_ms: int
    accepted: int
    lies_proved: int


class ReportsReply(BaseModel):
    """The newest reports, newest first."""

    reports: list[ReportHead]


class ReportedMessage(BaseModel):
    """One message that its recipient opened."""

    sender: str
    conversation: str
    envelope_id: str
    received_at_ms: int
    text: str
    picture_sha256: str | None
    lie: str | None = Field(description="What is proved of the sender's app; null: nothing.")
    finding: str = Field(description="Why; or why a picture was not compared.")
    handed_over: bool = Field(description="Casework has it; its words are here no more.")


class ReportRead(ReportHead):
    """One report and its messages, in the reporter's order."""

    messages: list[ReportedMessage]


@router.get(
    "/v1/staff/reports",
    summary="The newest reports",
    responses=may_raise(*ALWAYS, StaffRoutesOff),
)
def list_reports(service: ServiceNow) -> ReportsReply:
    """Who reported, when, for what reason, and how many lies were proved."""
    heads = reported.newest(service.db)
    return ReportsReply(reports=[ReportHead(**asdict(head)) for head in heads])


@router.get(
    "/v1/staff/reports/{report_id}",
    summary="One report: what was opened, and what it proves",
    responses=may_raise(*ALWAYS, StaffRoutesOff, ReportUnknown),
)
def read_report(report_id: ReportId, service: ServiceNow) -> ReportRead:
    """The words that the reporter chose to open; of a picture, its digest alone."""
    head, messages = reported.one(service.db, report_id)
    told = [ReportedMessage(**asdict(message)) for message in messages]
    return ReportRead(**asdict(head), messages=told)
