"""What casework is told of a hold, of a picture blocked before it was sent, and of a report.

Guarantees: of a match its facts, never a hash; of a report what its reporter opened, and nothing
that names an anonymous reporter: no name, and no conversation by which a name could be guessed.
Limit: a reported message's own words may address its reporter; nobody can take that out of them.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from softfall.casework.incoming import (
    UNNAMED_ROOM,
    HashFacts,
    HeldMessage,
    Incoming,
    ReportedMessage,
)
from softfall.casework.model import Source
from softfall.messaging.envelope import CONTENT, RECEIPT
from softfall.provider.life import HoldKind
from softfall.provider.tables import (
    accounts,
    envelopes,
    reported_messages,
    reports,
    transitions,
)

MAX_REASON = 400
BLOCKED_WHY = "confirmed before it was sent; nothing was sent"
RECEIVED_WHY = "confirmed by the device that received it, unchecked, from somebody else"

_MATCHED = frozenset({HoldKind.CANDIDATE, HoldKind.CONFIRMED})


def of_hold(tx: Connection, envelope: int) -> Incoming:
    """One envelope that is held now."""
    row = tx.execute(
        select(envelopes, accounts.c.name)
        .join(accounts, accounts.c.row == envelopes.c.sender)
        .where(envelopes.c.row == envelope)
    ).one()
    kind = HoldKind(row.hold_kind)
    return Incoming(
        reference=hold_reference(row.name, row.envelope_id),
        source=Source.HOLD,
        subject=row.name,
        reason=_why_held(tx, envelope)[:MAX_REASON],
        kind=kind,
        arrived_at_ms=row.state_since_ms,
        escalated=row.escalated_at_ms is not None,
        held=HeldMessage(sender=row.name, envelope_id=row.envelope_id.hex()),
        facts=_facts_of_hold(row, kind) if kind in _MATCHED else None,
    )


def of_blocked(
    account: str,
    submission_digest: bytes,
    facts: HashFacts,
    received: bool,
    at_ms: int,
) -> Incoming:
    """One picture that was confirmed before it was sent, or shown (`received`)."""
    return Incoming(
        reference=f"blocked:{account}:{submission_digest.hex()[:32]}",
        source=Source.BLOCKED,
        subject=account,
        reason=RECEIVED_WHY if received else BLOCKED_WHY,
        kind="received" if received else HoldKind.CONFIRMED,
        arrived_at_ms=at_ms,
        facts=facts,
    )


def of_report(tx: Connection, report: int, subject: str, conversation_key: bytes) -> Incoming:
    """A report, as the case of one of the accounts that it names.

    Whoever else is named, the whole report is told: what was said before and after is evidence.
    """
    head = tx.execute(
        select(reports, accounts.c.name)
        .join(accounts, accounts.c.row == reports.c.reporter)
        .where(reports.c.row == report)
    ).one()
    rows = tx.execute(
        select(reported_messages)
        .where(reported_messages.c.report == report)
        .order_by(reported_messages.c.position)
    ).all()
    hide = conversation_key if head.anonymous else None
    return Incoming(
        reference=report_reference(head.report_id, subjects(tx, report).index(subject)),
        source=Source.REPORT,
        subject=subject,
        reason=head.reason,
        arrived_at_ms=head.reported_at_ms,
        child_at_risk_now=head.in_danger_now,
        reporter=None if head.anonymous else head.name,
        messages=tuple(_message(row, hide) for row in rows),
    )


def facts_of(option: str, epoch: int, evidence: Mapping[str, Any]) -> HashFacts:
    """What a verdict's own evidence says of a match."""
    entry = evidence.get("entry")
    return HashFacts(
        option=option,
        epoch=epoch,
        confirmed=evidence.get("confirmed") is True,
        entry=entry if isinstance(entry, int) else None,
    )


def subjects(tx: Connection, report: int) -> Sequence[str]:
    """The accounts whose messages a report opens, in the reporter's order."""
    senders = tx.execute(
        select(reported_messages.c.sender)
        .where(reported_messages.c.report == report)
        .order_by(reported_messages.c.position)
    ).scalars()
    return list(dict.fromkeys(senders))


def hold_reference(sender: str, envelope_id: bytes) -> str:
    """What casework knows a hold by."""
    return f"hold:{sender}:{envelope_id.hex()}"


def report_reference(report_id: str, subject: int) -> str:
    """What casework knows a report by, as the case of its nth account."""
    return f"report:{report_id}:{subject}"


def report_id_of(reference: str) -> str | None:
    """The report that a reference is of; None where it is of something else."""
    kind, _, rest = reference.partition(":")
    return rest.partition(":")[0] if kind == "report" else None


def _why_held(tx: Connection, envelope: int) -> str:
    last = (
        select(transitions.c.why)
        .where(transitions.c.envelope == envelope)
        .order_by(transitions.c.row.desc())
        .limit(1)
    )
    return str(tx.execute(last).scalar_one())


def _facts_of_hold(row: Row[Any], kind: HoldKind) -> HashFacts:
    facts = facts_of(
        row.submission_option, row.submission_epoch, json.loads(row.hold_evidence or "{}")
    )
    return facts.model_copy(update={"confirmed": kind is HoldKind.CONFIRMED})


def _message(row: Row[Any], conversation_key: bytes | None) -> ReportedMessage:
    receipt: dict[str, Any] = RECEIPT.decode(row.receipt)
    content: dict[str, Any] = CONTENT.decode(row.content)
    # The sender chose its name: nothing in it may keep a report from being taken in.
    conversation = receipt["conversation"].replace("\0", "\N{REPLACEMENT CHARACTER}")
    if conversation_key is not None:  # its name may be a digest of its members' names
        named = hmac.digest(conversation_key, conversation.encode(), hashlib.sha256)
        conversation = f"{UNNAMED_ROOM}{named.hex()[:40]}"
    return ReportedMessage(
        sender=row.sender,
        conversation=conversation,
        envelope_id=receipt["envelope_id"].hex(),
        received_at_ms=receipt["received_at_ms"],
        text=content["text"],
        picture_sha256=row.picture_sha256.hex() if row.picture_sha256 else None,
        lie=row.lie,
        finding=(row.finding or "")[:MAX_REASON],
    )
