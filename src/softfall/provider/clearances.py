"""Clearing a picture before it is sent, for options whose devices find candidates themselves.

Guarantees: an answer is given only after `confirm` has spoken: `blocked` is never said of an
unconfirmed picture. The same submission gets the same answer again, also as an envelope: who sends
in spite of `blocked` is held. What was blocked is on record for staff: who, when, which entry, and
whether that account's device says that it received the picture: who receives is not who sends.
`later` (nobody can confirm just now, or this account's daily answers are used up) means: send it,
it will be judged on its way like any submission, so nothing goes unmatched.
Refuses: malformed submissions and epochs not in use, by the same names as an envelope's.
Limit: the answer tells the owner of a picture whether it is on the list. No option that decides
before sending can avoid that oracle; it is limited per account and day, and every hit is on record.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from softfall.errors import UnavailableError
from softfall.options.contract import Candidate, Held, Malformed, ProviderPorts, Submission, Verdict
from softfall.provider import telling
from softfall.provider.accounts import Account
from softfall.provider.clock import Clock, days_ms
from softfall.provider.epochs import Epochs
from softfall.provider.intake import MalformedSubmission
from softfall.provider.outbox import Outbox
from softfall.provider.tables import accounts, clearances
from softfall.provider.verdicts import Confirms
from softfall.store.transactions import Database

MAX_LISTED = 500
_DAY_MS = days_ms(1.0)


class Answer(StrEnum):
    """What a device is told before it sends."""

    CLEARED = "cleared"
    BLOCKED = "blocked"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Blocked:
    """One picture that was confirmed before it was sent, or shown, as staff see it.

    received: the account's device says that the picture came from somebody else, unchecked.
    """

    account: str
    received: bool
    evidence: Mapping[str, Any]
    blocked_at_ms: int


class ClearanceDesk:
    """Clears submissions of one option."""

    def __init__(
        self,
        db: Database,
        epochs: Epochs,
        confirmer: Confirms,
        ports: ProviderPorts,
        clock: Clock,
        per_day: int,
        outbox: Outbox,
    ) -> None:
        self._db = db
        self._epochs = epochs
        self._confirmer = confirmer
        self._ports = ports
        self._clock = clock
        self._per_day = per_day
        self._outbox = outbox

    def clear(self, account: Account, submission: Submission, received: bool = False) -> Answer:
        """Whether this submission's message may be sent, or what was received be shown.

        Raises WrongEpoch, MalformedSubmission, StorageFull, StoreBusy.
        """
        half = self._epochs.accepted(submission.epoch).half
        fault = half.form(submission)
        if fault is not None:
            raise MalformedSubmission(f"the submission is malformed: {fault.reason}")
        now_ms = self._clock()
        with self._db.read() as tx:
            known = _known(tx, account, submission.digest)
            spent = _asked_since(tx, account, now_ms - _DAY_MS)
        if known is not None:
            return known
        if spent >= self._per_day:
            return Answer.LATER
        verdict = half.judge(submission, self._ports)
        if isinstance(verdict, Candidate):
            try:
                verdict = self._confirmer.decide(submission.option, submission.epoch, verdict)
            except UnavailableError:
                return Answer.LATER
        return self._keep(account, submission, verdict, received, now_ms)

    def _keep(
        self,
        account: Account,
        submission: Submission,
        verdict: Verdict,
        received: bool,
        now_ms: int,
    ) -> Answer:
        if isinstance(verdict, Malformed):
            raise MalformedSubmission(f"the submission is malformed: {verdict.reason}")
        if isinstance(verdict, Candidate):
            return Answer.LATER
        confirmed = isinstance(verdict, Held) and verdict.evidence.get("confirmed") is True
        evidence = dict(verdict.evidence) if isinstance(verdict, Held) else {}
        answer = Answer.BLOCKED if confirmed else Answer.CLEARED
        with self._db.write() as tx:
            known = _known(tx, account, submission.digest)
            if known is not None:
                return known
            if _asked_since(tx, account, now_ms - _DAY_MS) >= self._per_day:
                return Answer.LATER  # answered meanwhile, perhaps by another process
            tx.execute(
                insert(clearances).values(
                    account=account.row,
                    submission_digest=submission.digest,
                    answer=answer,
                    evidence=json.dumps(evidence),
                    received=received,
                    answered_at_ms=now_ms,
                )
            )
            if answer is Answer.BLOCKED:
                facts = telling.facts_of(submission.option, submission.epoch, evidence)
                digest = submission.digest
                case = telling.of_blocked(account.name, digest, facts, received, now_ms)
                self._outbox.blocked(tx, case, now_ms)
        return answer


def blocked(db: Database) -> list[Blocked]:
    """What was blocked before it was sent, the newest first; at most `MAX_LISTED`."""
    with db.read() as tx:
        rows = tx.execute(
            select(clearances, accounts.c.name)
            .join(accounts, accounts.c.row == clearances.c.account)
            .where(clearances.c.answer == Answer.BLOCKED)
            .order_by(clearances.c.answered_at_ms.desc())
            .limit(MAX_LISTED)
        ).all()
    return [
        Blocked(row.name, row.received, json.loads(row.evidence), row.answered_at_ms)
        for row in rows
    ]


def forget(tx: Connection, now_ms: int, retention_ms: int) -> None:
    """Delete cleared rows once they count no more, blocked ones after the holds' retention."""
    spent = clearances.c.answered_at_ms < now_ms - _DAY_MS
    tx.execute(delete(clearances).where(clearances.c.answer == Answer.CLEARED, spent))
    tx.execute(delete(clearances).where(clearances.c.answered_at_ms < now_ms - retention_ms))


def _known(tx: Connection, account: Account, digest: bytes) -> Answer | None:
    answer = tx.execute(
        select(clearances.c.answer).where(
            clearances.c.account == account.row, clearances.c.submission_digest == digest
        )
    ).scalar()
    return None if answer is None else Answer(answer)


def _asked_since(tx: Connection, account: Account, since_ms: int) -> int:
    return tx.execute(
        select(func.count()).where(
            clearances.c.account == account.row, clearances.c.answered_at_ms > since_ms
        )
    ).scalar_one()
