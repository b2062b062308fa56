"""What is to be handed to casework: written down in the very transaction of what it tells of.

Guarantees: a hold, a report, a picture blocked before it was sent, a hold that the clock moved and
an appeal are each told once, under a key of their own, and those of one account in their order;
nothing is forgotten before casework has it. Once casework has a report whole, its words, its proofs
and its pictures are deleted here; who reported which message stays, so that it can't be reported
again and its reporter can be answered.
Where no casework is set up nothing is written; what waits here by then is told once it is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from softfall.casework.incoming import AppealMade, HoldMoved, Incoming
from softfall.lists.distribution import OPTION as ON_DEVICE
from softfall.provider import telling
from softfall.provider.casework_tables import handover_pictures, handovers
from softfall.provider.files import Files
from softfall.provider.life import State
from softfall.provider.tables import accounts, clearances, envelopes, reported_messages, reports

CLAIM_MS = 3_000  # who works on a row says so for this long; two at once would be harmless
_WORDS_GONE = {"content": None, "franking_key": None, "opening": None, "manifest": None}


class Kind(StrEnum):
    """What is handed over."""

    CASE = "case"
    MOVED = "moved"
    APPEAL = "appeal"


ESCALATED = "escalated"
_MOVED = {State.RELEASED: "released", State.EXPIRED: "expired"}


@dataclass(frozen=True, slots=True)
class Due:
    """One row that is being handed over. body: JSON, or None where it is to be drawn anew."""

    row: int
    kind: Kind
    subject: str
    body: str | None
    report: int | None
    tries: int


class Outbox:
    """Writes and reads the rows. conversation_key: hides conversations of anonymous reports."""

    def __init__(self, enabled: bool, pictures: Files, conversation_key: bytes) -> None:
        self.enabled = enabled
        self.pictures = pictures
        self.conversation_key = conversation_key

    def held(self, tx: Connection, envelope: int, now_ms: int) -> None:
        """An envelope was just held."""
        if self.enabled:
            self._case(tx, telling.of_hold(tx, envelope), now_ms)

    def moved(self, tx: Connection, envelope: int, to: State | None, now_ms: int) -> None:
        """The clock has just moved a hold; to a lead, where `to` is None."""
        if not self.enabled:
            return
        state = ESCALATED if to is None else _MOVED[to]
        row = tx.execute(
            select(envelopes.c.envelope_id, accounts.c.name)
            .join(accounts, accounts.c.row == envelopes.c.sender)
            .where(envelopes.c.row == envelope)
        ).one()
        reference = telling.hold_reference(row.name, row.envelope_id)
        told = HoldMoved.model_validate({"reference": reference, "state": state, "at_ms": now_ms})
        self._write(
            tx, f"{state} {reference}", Kind.MOVED, row.name, told.model_dump_json(), now_ms
        )

    def blocked(self, tx: Connection, incoming: Incoming, now_ms: int) -> None:
        """A picture was just confirmed before it was sent, or shown."""
        if self.enabled:
            self._case(tx, incoming, now_ms)

    def reported(self, tx: Connection, report: int, now_ms: int) -> None:
        """A report was just kept: a case of each account that it names."""
        if not self.enabled:
            return
        for number, subject in enumerate(telling.subjects(tx, report)):
            key = f"{Kind.CASE} {report} {number}"
            self._write(tx, key, Kind.CASE, subject, None, now_ms, report)

    def appealed(self, tx: Connection, appeal: AppealMade) -> None:
        """An account asks for another look; told whatever the settings say now."""
        body = appeal.model_dump_json()
        self._write(tx, appeal.reference, Kind.APPEAL, appeal.account, body, appeal.at_ms)

    def hand_over(
        self, tx: Connection, incoming: Incoming, pictures: Mapping[str, bytes], now_ms: int
    ) -> None:
        """A case of something public; pictures by their SHA-256 in hex. Raises StorageFull."""
        kept = [self.pictures.put(body) for body in pictures.values()]
        row = self._case(tx, incoming, now_ms)
        for sha256 in kept if row is not None else ():
            tx.execute(insert(handover_pictures).values(handover=row, sha256=sha256))

    def catch_up(self, tx: Connection, now_ms: int) -> None:
        """Tell of what waits here already: from before casework was set up."""
        if not self.enabled:
            return
        held = select(envelopes.c.row).where(envelopes.c.state == State.HELD)
        for envelope in tx.execute(held.order_by(envelopes.c.row)).scalars().all():
            self.held(tx, envelope, now_ms)
        known = exists().where(handovers.c.report == reports.c.row)
        whole = exists().where(
            reported_messages.c.report == reports.c.row, reported_messages.c.content.is_not(None)
        )
        untold = select(reports.c.row).where(~known, whole).order_by(reports.c.row)
        for report in tx.execute(untold).scalars().all():
            self.reported(tx, report, now_ms)
        for incoming in _blocked_so_far(tx):
            self._case(tx, incoming, now_ms)

    def is_due(self, tx: Connection, now_ms: int) -> bool:
        """Whether there is a row to claim."""
        return tx.execute(_due(now_ms)).first() is not None

    def claim(self, tx: Connection, now_ms: int) -> Due | None:
        """The oldest row that is due and has none of its account's before it; tried from now on."""
        row = tx.execute(_due(now_ms)).first()
        if row is None:
            return None
        tries = row.tries + 1
        self._put(tx, row.row, tries=tries, due_ms=now_ms + CLAIM_MS)
        return Due(row.row, Kind(row.kind), row.subject, row.body, row.report, tries)

    def body_of(self, tx: Connection, due: Due) -> str:
        """The JSON to hand over."""
        if due.body is not None:
            return due.body
        assert due.report is not None, "only reports are drawn when they are handed over"
        incoming = telling.of_report(tx, due.report, due.subject, self.conversation_key)
        return incoming.model_dump_json()

    def renew(self, tx: Connection, due: Due, now_ms: int) -> None:
        """It is still being worked on."""
        self._put(tx, due.row, due_ms=now_ms + CLAIM_MS)

    def later(self, tx: Connection, due: Due, due_ms: int, refused: str | None) -> None:
        """Not now. refused: the error's name, where casework does not take it; others may pass."""
        self._put(tx, due.row, due_ms=due_ms, refused=refused)

    def done(self, tx: Connection, due: Due, now_ms: int) -> Sequence[bytes]:
        """Casework has it: its body goes, and a report's with its last part.

        Returns the digests of pictures that may be needed no more.
        """
        self._put(tx, due.row, done_at_ms=now_ms, body=None, refused=None)
        mine = handover_pictures.c.handover == due.row
        freed = tx.execute(select(handover_pictures.c.sha256).where(mine)).scalars().all()
        tx.execute(delete(handover_pictures).where(mine))
        if due.report is not None:
            freed = [*freed, *_forget_words(tx, due.report)]
        return freed

    def unneeded(self, tx: Connection, digests: Sequence[bytes]) -> list[bytes]:
        """Those of its own pictures that no row names."""
        named = set(tx.execute(select(handover_pictures.c.sha256)).scalars())
        return [digest for digest in digests if digest not in named]

    def waiting(self, tx: Connection) -> tuple[int, int]:
        """How many rows are not handed over; how many of them casework refused."""
        row = tx.execute(
            select(func.count(), func.count(handovers.c.refused)).where(_WAITING)
        ).one()
        return int(row[0]), int(row[1])

    def forget(self, tx: Connection, before_ms: int) -> None:
        """Delete what was handed over long ago: what it told of is gone as well."""
        tx.execute(delete(handovers).where(handovers.c.done_at_ms < before_ms))

    def _case(self, tx: Connection, incoming: Incoming, now_ms: int) -> int | None:
        body = incoming.model_dump_json()
        return self._write(tx, incoming.reference, Kind.CASE, incoming.subject, body, now_ms)

    def _write(
        self,
        tx: Connection,
        key: str,
        kind: Kind,
        subject: str,
        body: str | None,
        now_ms: int,
        report: int | None = None,
    ) -> int | None:
        """The new row; None where it was told before."""
        known = select(handovers.c.row).where(handovers.c.handover_key == key)
        if tx.execute(known).first() is not None:
            return None
        values = {
            "handover_key": key,
            "kind": kind,
            "subject": subject,
            "body": body,
            "report": report,
            "told_at_ms": now_ms,
            "tries": 0,
            "due_ms": now_ms,
        }
        return int(
            tx.execute(insert(handovers).values(values).returning(handovers.c.row)).scalar_one()
        )

    def _put(self, tx: Connection, row: int, **values: Any) -> None:
        tx.execute(update(handovers).where(handovers.c.row == row).values(**values))


_WAITING = handovers.c.done_at_ms.is_(None)


def _due(now_ms: int) -> Select[Any]:
    """The oldest row that may go now; what casework refused keeps none of its account's back."""
    earlier = handovers.alias()
    waits = exists().where(
        earlier.c.subject == handovers.c.subject,
        earlier.c.row < handovers.c.row,
        earlier.c.done_at_ms.is_(None),
        earlier.c.refused.is_(None),
    )
    may_go = or_(handovers.c.refused.is_not(None), ~waits)
    due = select(handovers).where(_WAITING, handovers.c.due_ms <= now_ms, may_go)
    return due.order_by(handovers.c.row).limit(1)


def _forget_words(tx: Connection, report: int) -> Sequence[bytes]:
    """Empty a report once all its parts are told; the digests of its pictures."""
    if tx.execute(select(handovers.c.row).where(_WAITING, handovers.c.report == report)).first():
        return ()
    mine = reported_messages.c.report == report
    named = and_(mine, reported_messages.c.picture_sha256.is_not(None))
    freed = tx.execute(select(reported_messages.c.picture_sha256).where(named)).scalars().all()
    gone = {**_WORDS_GONE, "picture_sha256": None}
    tx.execute(update(reported_messages).where(mine).values(gone))
    return freed


def _blocked_so_far(tx: Connection) -> Iterator[Incoming]:
    rows: Sequence[Row[Any]] = tx.execute(
        select(clearances, accounts.c.name)
        .join(accounts, accounts.c.row == clearances.c.account)
        .where(clearances.c.answer == "blocked")
        .order_by(clearances.c.row)
    ).all()
    for row in rows:
        # Only one option answers before sending; which epoch it was is not on record.
        facts = telling.facts_of(ON_DEVICE, 0, json.loads(row.evidence))
        yield telling.of_blocked(
            row.name, row.submission_digest, facts, row.received, row.answered_at_ms
        )
