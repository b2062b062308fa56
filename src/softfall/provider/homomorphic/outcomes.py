"""What became of each query of `homomorphic`, on disk: the same again is answered from here.

Guarantees: a commitment serves one query an epoch, whichever came first, before anything of it is
sent and whatever became of its run; so a listed picture that is submitted again is a match again,
without a run, however often, and nobody uses the keyholder's count up to get by. A match stays one
for as long as the epoch lives; that there was none counts for the list version it was found with.
Kept are digests, the outcome and the numbers of entries: no query, no account.
Leaves to others: what was found without a run (an empty list), or could not be judged.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from softfall.options.homomorphic.provider import (
    Asked,
    KeyReused,
    Match,
    Mismatched,
    NoMatch,
    Outcome,
)
from softfall.provider.confirm_tables import homomorphic_outcomes as outcomes
from softfall.store.transactions import Database

_MATCH: Final = "match"
_NAMES: Final[dict[type[Outcome], str]] = {
    Match: _MATCH,
    NoMatch: "no_match",
    Mismatched: "mismatched",
}


class KnownOutcomes:
    """What lies in `confirm.db` of judged queries; several processes may share it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def claim(
        self, epoch: int, asked: Sequence[Asked], list_version: int | None
    ) -> list[Outcome | None]:
        """What is known of each query, in order; None for one that is to be run.

        list_version: what is judged by now; None while there is nothing. Raises StorageFull,
        StoreBusy.
        """
        with self._db.write() as tx:
            return [_claimed(tx, epoch, each, list_version) for each in asked]

    def keep(
        self, epoch: int, list_version: int, asked: Sequence[Asked], found: Sequence[Outcome]
    ) -> None:
        """Write down what runs with this list version found. Raises StorageFull, StoreBusy."""
        with self._db.write() as tx:
            for each, outcome in zip(asked, found, strict=True):
                if (name := _NAMES.get(type(outcome))) is None:
                    continue  # the keyholder remembers by itself what it runs no more
                entries = json.dumps(outcome.entries) if isinstance(outcome, Match) else None
                # Another process may have found a match meanwhile, with another list version.
                undecided = outcomes.c.outcome.is_distinct_from(_MATCH)
                tx.execute(
                    update(outcomes)
                    .where(*_is(epoch, each.commitment), undecided)
                    .values(outcome=name, entries=entries, list_version=list_version)
                )

    def forget_before(self, epoch: int) -> None:
        """Delete what is of older epochs than this. Raises StorageFull, StoreBusy."""
        old = outcomes.c.epoch < epoch
        with self._db.read() as tx:
            if tx.execute(select(outcomes.c.epoch).where(old).limit(1)).first() is None:
                return
        with self._db.write() as tx:
            tx.execute(delete(outcomes).where(old))


def _claimed(tx: Connection, epoch: int, asked: Asked, list_version: int | None) -> Outcome | None:
    query_sha256 = hashlib.sha256(asked.query.tobytes()).digest()
    row = tx.execute(select(outcomes).where(*_is(epoch, asked.commitment))).first()
    if row is None:
        values = {"commitment": asked.commitment, "query_sha256": query_sha256}
        tx.execute(insert(outcomes).values(epoch=epoch, **values))
        return None
    if row.query_sha256 != query_sha256:
        return KeyReused()
    return _read(row, list_version)


def _read(row: Row[Any], list_version: int | None) -> Outcome | None:
    if row.outcome == _MATCH:
        entries = json.loads(row.entries)
        return Match(None if entries is None else tuple(entries))
    if row.outcome == _NAMES[Mismatched]:
        return Mismatched()
    is_current = row.outcome is not None and row.list_version == list_version
    return NoMatch() if is_current else None


def _is(epoch: int, commitment: bytes) -> tuple[ColumnElement[bool], ...]:
    return outcomes.c.epoch == epoch, outcomes.c.commitment == commitment
