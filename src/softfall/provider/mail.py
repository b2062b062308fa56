"""Moving envelopes along their life, and the mailboxes that this fills.

Guarantees: an envelope becomes visible in its recipients' mailboxes only in the very transaction
that moves it to delivered or released, once, under the mailbox's next number; every move is a row
that says who, when and why; a submission is gone with the move that ends its judging. Once every
recipient has acknowledged, the ciphertext is emptied; who wrote to whom stays for the report
window, since reports are checked against it.
Refuses: any move that `life` does not know.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, bindparam, exists, insert, select, update

from softfall.messaging.envelope import MAILBOX, RECEIPT
from softfall.provider import life, notices
from softfall.provider.accounts import Account
from softfall.provider.tables import accounts, envelopes, mailboxes, payloads, transitions
from softfall.store.transactions import Database
from softfall.wire import Value

MAX_FETCHED = 100


_UNREAD = (
    select(
        mailboxes.c.sequence,
        envelopes.c.row,
        envelopes.c.group_body,
        envelopes.c.receipt,
        payloads.c.kind,
        payloads.c.body,
    )
    .join(envelopes, envelopes.c.row == mailboxes.c.envelope)
    .join(
        payloads,
        and_(
            payloads.c.envelope == mailboxes.c.envelope,
            payloads.c.account == mailboxes.c.account,
        ),
    )
    .where(
        mailboxes.c.account == bindparam("account"),
        mailboxes.c.sequence > bindparam("after"),
        mailboxes.c.acked_at_ms.is_(None),
    )
    .order_by(mailboxes.c.sequence)
    .limit(MAX_FETCHED)
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Where one envelope goes, who says so, and why; for a hold, its kind and evidence.

    decided_by: the person, where one decided and casework told who.
    """

    end: life.State
    who: life.Actor
    why: str
    hold_kind: life.HoldKind | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    decided_by: str | None = None


def move(tx: Connection, envelope: int, decision: Decision, now_ms: int) -> tuple[int, ...]:
    """Move one envelope; the accounts (row numbers) whose mailboxes grew.

    Raises UnknownTransition, with nothing changed.
    """
    start = life.State(
        tx.execute(select(envelopes.c.state).where(envelopes.c.row == envelope)).scalar_one()
    )
    life.move(start, decision.end, decision.who)
    changes: dict[str, object] = {
        "state": decision.end,
        "state_since_ms": now_ms,
        "submission_body": None,
    }
    if decision.hold_kind is not None:
        changes["hold_kind"] = decision.hold_kind
        changes["hold_evidence"] = json.dumps(dict(decision.evidence), default=str)
    tx.execute(update(envelopes).where(envelopes.c.row == envelope).values(changes))
    record(tx, envelope, start, decision, now_ms)
    if decision.end in life.IN_MAILBOX:
        return _fill_mailboxes(tx, envelope, now_ms)
    return ()


def record(
    tx: Connection, envelope: int, start: life.State | None, decision: Decision, now_ms: int
) -> None:
    """Write down one move."""
    tx.execute(
        insert(transitions).values(
            envelope=envelope,
            start=start,
            end=decision.end,
            who=decision.who,
            at_ms=now_ms,
            why=decision.why,
            decided_by=decision.decided_by,
        )
    )


def empty(tx: Connection, envelope: int, now_ms: int) -> bytes | None:
    """Delete an envelope's ciphertext; the digest of the file that it needs no more.

    The file itself goes once the transaction is through (`AttachmentStore.drop_files`).
    """
    file = tx.execute(
        update(envelopes)
        .where(envelopes.c.row == envelope)
        .values(group_body=None, submission_body=None, emptied_at_ms=now_ms)
        .returning(envelopes.c.attachment)
    ).scalar_one()
    tx.execute(update(payloads).where(payloads.c.envelope == envelope).values(body=None))
    return None if file is None else bytes(file)


def fetch(db: Database, owner: Account, after: int) -> tuple[bytes, int]:
    """A `mailbox` message with what is not acknowledged, past a sequence.

    And how much it has to tell: messages, and notices that wait.
    """
    with db.read() as tx:
        waiting = notices.count(tx, owner.row)
        rows = tx.execute(_UNREAD, {"account": owner.row, "after": after}).all()
        members = _members(tx, [row.row for row in rows])
    deliveries: list[Value] = [
        {
            "sequence": row.sequence,
            "payload": {"recipient": owner.name, "kind": row.kind, "body": row.body},
            "group_body": row.group_body,
            "receipt": RECEIPT.decode(row.receipt),
            "members": list(members[row.row]),
        }
        for row in rows
    ]
    told = MAILBOX.encode({"deliveries": deliveries, "notices": waiting})
    return told, len(deliveries) + waiting


def acknowledge(db: Database, owner: Account, through: int, now_ms: int) -> list[bytes]:
    """The owner has everything up to a sequence for good; what all have is emptied.

    Returns the digests of files that they need no more.
    """
    mine = and_(
        mailboxes.c.account == owner.row,
        mailboxes.c.sequence <= through,
        mailboxes.c.acked_at_ms.is_(None),
    )
    dropped: list[bytes] = []
    with db.write() as tx:
        touched = tx.execute(
            update(mailboxes).where(mine).values(acked_at_ms=now_ms).returning(mailboxes.c.envelope)
        ).scalars()
        for envelope in touched.all():
            waiting = exists().where(
                mailboxes.c.envelope == envelope, mailboxes.c.acked_at_ms.is_(None)
            )
            if not tx.execute(select(waiting)).scalar():
                file = empty(tx, envelope, now_ms)
                dropped += [file] if file is not None else []
    return dropped


@dataclass(frozen=True, slots=True)
class Moved:
    """One recorded move. decided_by: the person, where casework told who."""

    start: str | None
    end: str
    who: str
    at_ms: int
    why: str
    decided_by: str | None


def history(tx: Connection, envelope: int) -> Sequence[Moved]:
    """Every recorded move of one envelope, oldest first."""
    rows = tx.execute(
        select(transitions).where(transitions.c.envelope == envelope).order_by(transitions.c.row)
    )
    return [Moved(row.start, row.end, row.who, row.at_ms, row.why, row.decided_by) for row in rows]


def _fill_mailboxes(tx: Connection, envelope: int, now_ms: int) -> tuple[int, ...]:
    recipients = (
        tx.execute(
            select(payloads.c.account)
            .where(payloads.c.envelope == envelope)
            .order_by(payloads.c.position)
        )
        .scalars()
        .all()
    )
    for account in recipients:
        following = tx.execute(
            update(accounts)
            .where(accounts.c.row == account)
            .values(next_sequence=accounts.c.next_sequence + 1)
            .returning(accounts.c.next_sequence)
        ).scalar_one()
        tx.execute(
            insert(mailboxes).values(
                account=account,
                sequence=following - 1,
                envelope=envelope,
                delivered_at_ms=now_ms,
            )
        )
    return tuple(recipients)


def _members(tx: Connection, rows: Sequence[int]) -> dict[int, list[str]]:
    """Sender first, then recipients in the sender's order, of each envelope."""
    found: dict[int, list[str]] = {row: [] for row in rows}
    senders = tx.execute(
        select(envelopes.c.row, accounts.c.name)
        .join(accounts, accounts.c.row == envelopes.c.sender)
        .where(envelopes.c.row.in_(rows))
    )
    recipients = tx.execute(
        select(payloads.c.envelope, accounts.c.name)
        .join(accounts, accounts.c.row == payloads.c.account)
        .where(payloads.c.envelope.in_(rows))
        .order_by(payloads.c.envelope, payloads.c.position)
    )
    for envelope, name in [*senders, *recipients]:
        found[envelope].append(name)
    return found
