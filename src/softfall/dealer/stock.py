"""Dealing on demand, and handing each half of each serial to its party exactly once.

Guarantees: a half leaves the store in the transaction that is over before the first byte of the
reply, so no kill, repeat or race hands one out twice. What a party fetches first is dealt there and
then and never lies on this disk; only the other party's half waits here, and is erased when it is
fetched, from the write-ahead log too. Serials grow, and a store that is made anew begins above all
that an earlier one can have dealt, as long as the clock was not set back between.
Refuses to deal more while `max_backlog` halves wait for the other party (DealerStockFull).
Leaves to the parties: a reply that is lost on its way loses its serials; the other party's halves
of those match nothing, and it throws them away when it sees later ones in use.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from softfall.dealer.tables import counter, halves
from softfall.edge.dealer_tokens import DealerParty
from softfall.errors import RefusedError
from softfall.options.confirm.dealer import deal
from softfall.store.database import empty_the_log, open_store, sqlite_url

DATABASE_FILE: Final = "dealer.db"
# A new store's first serial is its birth in ms times this: no dealer deals faster, on average.
SERIALS_PER_MS: Final = 2**20
RETRY_AFTER_SECONDS: Final = 60

_OTHER: Final[dict[DealerParty, DealerParty]] = {"provider": "custodian", "custodian": "provider"}


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
        self._one_at_a_time = threading.Lock()
        with engine.begin() as tx:
            if tx.scalar(select(func.count()).select_from(counter)) == 0:
                tx.execute(insert(counter).values(next_serial=now_ms() * SERIALS_PER_MS))

    def hand_out(self, party: DealerParty, count: int) -> list[bytes]:
        """The next halves of `party`, encoded, serials increasing; fewer where the backlog is full.

        Raises DealerStockFull where there is none at all.
        """
        with self._one_at_a_time:
            with self._engine.begin() as tx:
                handed = self._waiting(tx, party, count)
                handed += self._fresh(tx, party, count - len(handed))
            empty_the_log(self._engine)
        return handed

    def backlog(self) -> dict[DealerParty, int]:
        """How many halves wait for each party."""
        with self._engine.connect() as connection:
            return {party: _count(connection, party) for party in _OTHER}

    def _waiting(self, tx: Connection, party: DealerParty, count: int) -> list[bytes]:
        """Halves that were dealt with ones that the other party has fetched; erased here."""
        oldest = select(halves.c.serial).where(halves.c.party == party)
        oldest = oldest.order_by(halves.c.serial).limit(count)
        rows = tx.execute(
            delete(halves)
            .where(halves.c.party == party, halves.c.serial.in_(oldest))
            .returning(halves.c.serial, halves.c.dealt)
        ).all()
        return [row.dealt for row in sorted(rows, key=lambda row: row.serial)]

    def _fresh(self, tx: Connection, party: DealerParty, count: int) -> list[bytes]:
        if count <= 0:
            return []
        other = _OTHER[party]
        room = self._max_backlog - _count(tx, other)
        if room <= 0:
            raise DealerStockFull(f"{self._max_backlog} halves wait for the {other}")
        next_serial = tx.execute(
            update(counter)
            .values(next_serial=counter.c.next_serial + min(count, room))
            .returning(counter.c.next_serial)
        ).scalar_one()
        handed, waiting = [], []
        for serial in range(next_serial - min(count, room), next_serial):
            dealt = deal(serial, self._random_bytes)._asdict()
            handed.append(dealt[party])
            waiting.append({"party": other, "serial": serial, "dealt": dealt[other]})
        tx.execute(insert(halves), waiting)
        return handed


def _count(connection: Connection, party: DealerParty) -> int:
    waiting = select(func.count()).select_from(halves).where(halves.c.party == party)
    return int(connection.scalar(waiting) or 0)
