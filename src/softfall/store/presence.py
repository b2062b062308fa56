"""Which processes of one room are alive, and whose turn a piece of work is.

Guarantees: a process counts as alive as long as its session with the database's server lives: a
kill -9 ends it at once, a lost machine within half a minute; no clock is compared. A turn is held
by one process at a time, and ends with the process.
Where the database is one process's alone (SQLite, behind the lock on its folder), that process is
all there are, and every turn is its own.
Limit: a process whose connection broke is thought dead until its next `living()`: others may take
up its work while it is at it. Whatever is taken up must bear being done by both.
Source: PostgreSQL, "Advisory Locks" (session level) and "pg_locks".
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text

from softfall.store.postgresql import StoreAway, lock_number, lock_pair
from softfall.store.transactions import Database

_TAKE = text("SELECT pg_try_advisory_lock(:group, :number)")
_LIVING = text(
    "SELECT objid::bigint FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND datname = current_database()"
    " AND classid::bigint = :group"
)


class Presence:
    """One process, known to the others by a number that it chose at random.

    number: 1 to 2**31 - 1, another one in each process.
    """

    def __init__(self, db: Database, number: int) -> None:
        self._db = db
        self.number = number
        self._group = lock_pair(db.room)
        self._step = threading.Lock()
        self._session: Connection | None = None

    def living(self) -> frozenset[int]:
        """The numbers of all processes that are alive, this one's among them.

        Raises StoreAway, StoreBusy.
        """
        if not self._db.is_shared:
            return frozenset({self.number})
        with self._step:
            try:
                return self._look()
            except StoreAway:  # the session is lost, and with it the lock: a new one
                self._leave()
                return self._look()

    def leave(self) -> None:
        """No longer be alive, as far as the others know."""
        with self._step:
            self._leave()

    def _look(self) -> frozenset[int]:
        if self._session is None:
            self._session = self._db.session()
            self._session.execute(_TAKE, {"group": self._group, "number": self.number})
        found = self._session.execute(_LIVING, {"group": self._group}).scalars()
        return frozenset(found) | {self.number}

    def _leave(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            with suppress(StoreAway):
                _end(session)


@contextmanager
def turn(db: Database, work: str) -> Iterator[bool]:
    """Whether this piece of work is this process's while the block runs; else another is at it.

    Raises StoreAway, StoreBusy.
    """
    if not db.is_shared:
        yield True
        return
    session = db.session()
    try:
        taking = text("SELECT pg_try_advisory_lock(:key)")
        key = lock_number(f"{db.room}|{work}")
        yield bool(session.execute(taking, {"key": key}).scalar())
    finally:
        with suppress(StoreAway):
            _end(session)


def _end(session: Connection) -> None:
    """Close the session for good: back in the pool it would keep its locks."""
    session.invalidate()
    session.close()
