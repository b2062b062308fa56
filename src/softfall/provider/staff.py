"""What moderators do with holds: see them, release or block them, read an envelope's life.

Guarantees: a decision is one move of the table, with its reason; deciding the same again changes
nothing. Staff see who wrote to how many, when, and the verdict's evidence: never ciphertext.
Refuses to decide where casework does (`provider.console_url`): its decisions are enacted.py's.
Limit: one shared staff token, so the record says "moderator" and not which one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from softfall.errors import InputError, RefusedError
from softfall.provider.life import Actor, State
from softfall.provider.mail import Decision, Moved, history, move
from softfall.provider.tables import accounts, envelopes, payloads
from softfall.store.transactions import Database

MAX_LISTED = 500

ENDS = {"release": State.RELEASED, "block": State.BLOCKED}


class StaffRoutesOff(RefusedError):
    """This service has no staff routes."""

    remedy = "Set provider.staff_token and restart the service."


class EnvelopeUnknown(InputError):
    """No envelope of this id is kept here."""

    remedy = "Look the id up in GET /v1/staff/holds; old envelopes are forgotten."


class EnvelopeAmbiguous(InputError):
    """Two senders chose this envelope id."""

    remedy = "Say which sender: the field `sender`, or ?sender= in a GET."


class DecidedInCasework(RefusedError):
    """Holds are decided in casework here, by people who sign in."""

    remedy = "Decide it in the console; or empty provider.console_url and restart the service."


@dataclass(frozen=True, slots=True)
class Hold:
    """One held envelope, as staff see it."""

    envelope_id: str
    sender: str
    recipients: int
    kind: str
    reason: str
    evidence: dict[str, Any]
    held_since_ms: int
    escalated: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """Where an envelope is now, whether this decision moved it, and whose mailboxes grew."""

    state: State
    moved: bool
    grown: tuple[int, ...]


def holds(db: Database) -> list[Hold]:
    """What is held now: escalated first, then oldest first; at most `MAX_LISTED`."""
    counted = (
        select(func.count())
        .where(payloads.c.envelope == envelopes.c.row)
        .correlate(envelopes)
        .scalar_subquery()
    )
    with db.read() as tx:
        rows = tx.execute(
            select(envelopes, accounts.c.name, counted.label("recipients"))
            .join(accounts, accounts.c.row == envelopes.c.sender)
            .where(envelopes.c.state == State.HELD)
            .order_by(envelopes.c.escalated_at_ms.is_(None), envelopes.c.state_since_ms)
            .limit(MAX_LISTED)
        ).all()
        return [_hold(row, history(tx, row.row)[-1].why) for row in rows]


def decide(
    db: Database,
    envelope_id: bytes,
    sender: str | None,
    decision: Literal["release", "block"],
    reason: str,
    now_ms: int,
) -> Decided:
    """Release or block a hold.

    Raises EnvelopeUnknown, EnvelopeAmbiguous, UnknownTransition.
    """
    end = ENDS[decision]
    with db.write() as tx:
        row = _find(tx, envelope_id, sender)
        if row.state == end:
            return Decided(end, moved=False, grown=())
        grown = move(tx, row.row, Decision(end, Actor.MODERATOR, reason), now_ms)
    return Decided(end, moved=True, grown=grown)


def life_of(db: Database, envelope_id: bytes, sender: str | None) -> Sequence[Moved]:
    """An envelope's moves, oldest first. Raises EnvelopeUnknown, EnvelopeAmbiguous."""
    with db.read() as tx:
        return history(tx, _find(tx, envelope_id, sender).row)


def _find(tx: Connection, envelope_id: bytes, sender: str | None) -> Row[Any, Any]:
    asked = (
        select(envelopes.c.row, envelopes.c.state)
        .join(accounts, accounts.c.row == envelopes.c.sender)
        .where(envelopes.c.envelope_id == envelope_id)
    )
    rows = tx.execute(asked if sender is None else asked.where(accounts.c.name == sender)).all()
    if not rows:
        raise EnvelopeUnknown("no envelope has this id")
    if len(rows) > 1:
        raise EnvelopeAmbiguous("more than one sender chose this envelope id")
    return rows[0]


def _hold(row: Row[Any], reason: str) -> Hold:
    return Hold(
        envelope_id=row.envelope_id.hex(),
        sender=row.name,
        recipients=row.recipients,
        kind=row.hold_kind,
        reason=reason,
        evidence=json.loads(row.hold_evidence or "{}"),
        held_since_ms=row.state_since_ms,
        escalated=row.escalated_at_ms is not None,
    )
