"""Dealing for `confirm` on demand, and handing each half of each serial to its party exactly once.

Guarantees: a half leaves the store in the transaction that is over before the first byte of the
reply, so no kill, repeat or race hands one out twice. What a party fetches first is dealt there and
then and never lies on this disk; only the other party's half waits here, and is erased when it is
fetched, from the write-ahead log too. Serials grow (serials.py).
Refuses to deal more while `max_backlog` halves wait for the other party (DealerStockFull).
Leaves to the parties: a reply that is lost on its way loses its serials; the other party's halves
of those match nothing, and it throws them away when it sees later ones in use.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select

from softfall.dealer.serials import begin_counting, next_serials
from softfall.dealer.tables import halves
from softfall.edge.dealer_tokens import ConfirmParty
from softfall.errors import RefusedError
from softfall.options.confirm.dealer import deal
from softfall.store.database import empty_the_log, open_store, sqlite_url

DATABASE_FILE: Final = "dealer.db"
RETRY_AFTER_SECONDS: Final = 60

_OTHER: Final[dict[ConfirmParty, ConfirmParty]] = {"provider": "custodian", "custodian": "provider"}


class DealerStockFull(RefusedError):
    """As many halves as are allowed wait for the other party, so nothing more is dealt."""

    remedy = "See why the other party fetches nothing; dealing goes on once it does."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.retry_after_seconds = RETRY_AFTER_SECONDS


def open_database(data_dir: Path) -> Engine:
    """The dealer's database, brought up to date. Raises StoreUnusable."""
    return open_store(sqlite_url(data_dir / DATABASE_FILE), Path(__file__).parent / "migrations")


class Stock:
    """What one dealer deals.

    now_ms: milliseconds since 1970, asked once in a store's life. random_bytes(n): n bytes of the
    system's source.
    """

    def __init__(
        self,
        engine: Engine,
        max_backlog: int,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._engine = engine
        self._max_backlog = max_backlog
        self._random_bytes = random_bytes
        self.turn = threading.Lock()  # held while the store is used
        with engine.begin() as tx:
            begin_counting(tx, now_ms)

    def hand_out(self, party: ConfirmParty, count: int) -> list[bytes]:
        """The next halves of `party`, encoded, serials increasing; fewer where the backlog is full.

        Raises DealerStockFull where there is none at all.
        """
        with self.turn:
            with self._engine.begin() as tx:
                handed = self._waiting(tx, party, count)
                handed += self._fresh(tx, party, count - len(handed))
            empty_the_log(self._engine)
        return handed

    def backlog(self) -> dict[ConfirmParty, int]:
        """How many halves wait for each party."""
        with self._engine.connect() as connection:
            return {party: _count(connection, party) for party in _OTHER}

    def _waiting(self, tx: Connection, party: ConfirmParty, count: int) -> list[bytes]:
        """Halves that were dealt with ones that the other party has fetched; erased here."""
        oldest = select(halves.c.serial).where(halves.c.party == party)
        oldest = oldest.order_by(halves.c.serial).limit(count)
        rows = tx.execute(
            delete(halves)
            .where(halves.c.party == party, halves.c.serial.in_(oldest))
            .returning(halves.c.serial, halves.c.dealt)
        ).all()
        return [row.dealt for row in sorted(rows, key=lambda row: row.serial)]

    def _fresh(self, tx: Connection, party: ConfirmParty, count: int) -> list[bytes]:
        if count <= 0:
            return []
        other = _OTHER[party]
        room = self._max_backlog - _count(tx, other)
        if room <= 0:
            raise DealerStockFull(f"{self._max_backlog} halves wait for the {other}")
        handed, waiting = [], []
        for serial in next_serials(tx, min(count, room)):
            dealt = deal(serial, self._random_bytes)._asdict()
            handed.append(dealt[party])
            waiting.append({"party": other, "serial": serial, "dealt": dealt[other]})
        tx.execute(insert(halves), waiting)
        return handed


def _count(connection: Connection, party: ConfirmParty) -> int:
    waiting = select(func.count()).select_from(halves).where(halves.c.party == party)
    return int(connection.scalar(waiting) or 0)
