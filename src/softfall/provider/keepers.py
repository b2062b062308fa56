"""Which process is to judge an envelope: the one that took it in, or whoever finds that one gone.

Guarantees: an envelope belongs to one process at a time; one whose process ended, however it ended,
is taken up by the next that looks, in one transaction, so by one only. Only that counts as a
recovery: what another living process is at work on is left to it.
Limit: a process that lost its connection to the database is thought gone (store/presence.py), so
two may judge one envelope; it is still moved once, since the second move is none of its life's.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, and_, or_, select, update

from softfall.provider.life import State
from softfall.provider.tables import envelopes
from softfall.store.presence import Presence
from softfall.store.transactions import Database

_RECEIVED = envelopes.c.state == State.RECEIVED


class Keepers:
    """One process among those that judge. number: as of `Presence`."""

    def __init__(self, db: Database, number: int) -> None:
        self._db = db
        self._presence = Presence(db, number)
        self.number = number
        self._unheard_of: set[int] = set()
        self._has_left = False

    def left_over(self, at_work: Callable[[], set[int]]) -> list[tuple[int, bool]]:
        """What this process has to judge and does not: row numbers, oldest first, and is it media.

        at_work: the row numbers that it is at. What is its own and was twice not among them was
        committed although the commit failed (the server went away in its midst).
        Raises StoreAway, StoreBusy, StorageFull.
        """
        if self._has_left:
            return []
        gone = or_(envelopes.c.keeper.is_(None), envelopes.c.keeper.not_in(self._presence.living()))
        found = self._strays(at_work) + self._taken_over(gone)
        return sorted((row, option is not None) for row, option in found)

    def leave(self) -> None:
        """What is left may be taken up by others from now on."""
        self._has_left = True
        self._presence.leave()

    def _taken_over(self, gone: ColumnElement[bool]) -> list[tuple[int, str | None]]:
        due = and_(_RECEIVED, gone)
        with self._db.read() as tx:
            if tx.execute(select(envelopes.c.row).where(due).limit(1)).first() is None:
                return []
        taking = (
            update(envelopes)
            .where(due)
            .values(keeper=self.number, recoveries=envelopes.c.recoveries + 1)
            .returning(envelopes.c.row, envelopes.c.submission_option)
        )
        with self._db.write() as tx:
            return [(row.row, row.submission_option) for row in tx.execute(taking).all()]

    def _strays(self, at_work: Callable[[], set[int]]) -> list[tuple[int, str | None]]:
        mine = select(envelopes.c.row, envelopes.c.submission_option).where(
            _RECEIVED, envelopes.c.keeper == self.number
        )
        with self._db.read() as tx:
            rows = {row.row: row.submission_option for row in tx.execute(mine)}
        unheard_of = rows.keys() - at_work()  # looked at second: what was done meanwhile is gone
        twice, self._unheard_of = unheard_of & self._unheard_of, set(unheard_of)
        return [(row, rows[row]) for row in twice]
