"""Reports as staff read them: what was opened, by whom, and what each message proves.

Guarantees: only what a reporter chose to open is here, until casework has it; a picture stays bytes
under its digest. Who reported anonymously is not told.
Refuses: an id of no report (`ReportUnknown`).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from softfall.errors import InputError
from softfall.messaging.envelope import CONTENT, RECEIPT
from softfall.provider.tables import accounts, reported_messages, reports
from softfall.store.transactions import Database

MAX_LISTED = 500


class ReportUnknown(InputError):
    """No report of this id is kept here."""

    remedy = "Look the id up in GET /v1/staff/reports."


@dataclass(frozen=True, slots=True)
class ReportHead:
    """One report, without what was said."""

    report_id: str
    reporter: str | None
    reason: str
    reported_at_ms: int
    accepted: int
    lies_proved: int


@dataclass(frozen=True, slots=True)
class ReportedMessage:
    """One message of a report. lie: what is proved of its sender's app; finding: why, or why not.

    picture_sha256: in hex, where the reporter handed the picture over. handed_over: casework has
    it, so its words and its picture are here no more.
    """

    sender: str
    conversation: str
    envelope_id: str
    received_at_ms: int
    text: str
    picture_sha256: str | None
    lie: str | None
    finding: str
    handed_over: bool


def newest(db: Database) -> list[ReportHead]:
    """The newest `MAX_LISTED` reports, newest first."""
    with db.read() as tx:
        rows = tx.execute(_HEADS.order_by(reports.c.row.desc()).limit(MAX_LISTED)).all()
    return [_head(row) for row in rows]


def one(db: Database, report_id: str) -> tuple[ReportHead, list[ReportedMessage]]:
    """A report and its messages, in the reporter's order. Raises ReportUnknown."""
    with db.read() as tx:
        head = tx.execute(_HEADS.where(reports.c.report_id == report_id)).first()
        if head is None:
            raise ReportUnknown("no report has this id")
        rows = tx.execute(
            select(reported_messages)
            .where(reported_messages.c.report == head.row)
            .order_by(reported_messages.c.position)
        ).all()
    return _head(head), [_message(row) for row in rows]


_HEADS = select(reports, accounts.c.name).join(accounts, accounts.c.row == reports.c.reporter)


def _head(row: Row[Any]) -> ReportHead:
    return ReportHead(
        report_id=row.report_id,
        reporter=None if row.anonymous else row.name,
        reason=row.reason,
        reported_at_ms=row.reported_at_ms,
        accepted=row.accepted,
        lies_proved=row.lies_proved,
    )


def _message(row: Row[Any]) -> ReportedMessage:
    receipt: dict[str, Any] = RECEIPT.decode(row.receipt)
    content: dict[str, Any] = CONTENT.decode(row.content) if row.content else {"text": ""}
    return ReportedMessage(
        sender=row.sender,
        conversation=receipt["conversation"],
        envelope_id=receipt["envelope_id"].hex(),
        received_at_ms=receipt["received_at_ms"],
        text=content["text"],
        picture_sha256=row.picture_sha256.hex() if row.picture_sha256 else None,
        lie=row.lie,
        finding=row.finding or "",
        handed_over=row.content is None,
    )
