"""What `confirm` said about each candidate, kept so that nothing is ever confirmed twice.

Guarantees: a verdict is on disk before anybody acts on it, so a restart, an envelope whose picture
was cleared before it was sent, or a lost reply costs no second confirmation and gets no second
answer. Kept are a digest and the verdict: no shares, no account.
Limit: kept as long as a list epoch may live (`KEPT_MS`); afterwards the submission is stale anyway.
"""

import hashlib
import json
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from softfall.options.contract import Candidate, Clear, Held, Malformed, Verdict
from softfall.provider.clock import Clock, days_ms
from softfall.provider.tables import verdicts
from softfall.store.transactions import Database

KEPT_MS = days_ms(60.0)

_KINDS: dict[str, type[Clear | Held | Malformed]] = {
    "clear": Clear,
    "held": Held,
    "malformed": Malformed,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Confirms(Protocol):
    """What decides about a candidate: `provider.confirming` does, by asking the custodian."""

    def decide(self, option: str, epoch: int, candidate: Candidate) -> Verdict:
        """Clear, Held with `confirmed`, or Malformed. Raises where nobody can say just now."""


class RememberedVerdicts:
    """A confirmer that asks another one, once a candidate."""

    def __init__(self, confirmer: Confirms, db: Database, clock: Clock) -> None:
        self._confirmer = confirmer
        self._db = db
        self._clock = clock

    def decide(self, option: str, epoch: int, candidate: Candidate) -> Verdict:
        """As `Confirms`; what the confirmer raises is not remembered."""
        digest = digest_of(option, epoch, candidate)
        with self._db.read() as tx:
            known = _read(tx, digest)
        if known is not None:
            return known
        verdict = self._confirmer.decide(option, epoch, candidate)
        if isinstance(verdict, Candidate):
            return verdict
        with self._db.write() as tx:
            earlier = _read(tx, digest)  # the same candidate may have been decided meanwhile
            if earlier is not None:
                return earlier
            _write(tx, digest, verdict, self._clock())
        return verdict


def digest_of(option: str, epoch: int, candidate: Candidate) -> bytes:
    """What one candidate is remembered by: SHA-256 over its option, epoch, entries and shares."""
    entries = ",".join(map(str, candidate.entries))
    head = f"softfall verdict v1|{option}|{epoch}|{entries}|".encode()
    return hashlib.sha256(head + candidate.shares).digest()


def forget(tx: Connection, now_ms: int) -> None:
    """Delete what no living epoch can ask for again."""
    tx.execute(delete(verdicts).where(verdicts.c.decided_at_ms < now_ms - KEPT_MS))


def _read(tx: Connection, digest: bytes) -> Verdict | None:
    row = tx.execute(select(verdicts).where(verdicts.c.digest == digest)).first()
    if row is None:
        return None
    if row.kind == _NAMES[Held]:
        return Held(row.reason, json.loads(row.evidence))
    return _KINDS[row.kind](row.reason)  # type: ignore[call-arg]  # only Held has evidence


def _write(tx: Connection, digest: bytes, verdict: Clear | Held | Malformed, now_ms: int) -> None:
    evidence = json.dumps(dict(verdict.evidence)) if isinstance(verdict, Held) else "{}"
    tx.execute(
        insert(verdicts).values(
            digest=digest,
            kind=_NAMES[type(verdict)],
            reason=verdict.reason,
            evidence=evidence,
            decided_at_ms=now_ms,
        )
    )
