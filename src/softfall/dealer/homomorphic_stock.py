"""Dealing for `homomorphic`: two seeds a serial, and the keyholder's half made when it is fetched.

Guarantees: as `stock` does, a half of each serial goes to its party once, and its seed leaves the
store in the transaction that is over before the first byte of the reply. What lies here is seeds,
of serials that one party has and the other has not; who of the two comes first does not matter.
Each party asks for a kind (mode and number of rows), and gets the serials of that kind that wait
for it, oldest first, then fresh ones.
Refuses to deal more while too much of a kind waits for the other party, by number or by what the
keyholder would have to fetch (DealerStockFull). What waits of other kinds, which lists of another
size needed, makes room first, oldest first.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select

from softfall.dealer.serials import begin_counting, next_serials
from softfall.dealer.stock import DealerStockFull
from softfall.dealer.tables import seeds
from softfall.edge.dealer_tokens import HomomorphicParty
from softfall.options.homomorphic.dealer import Seeds, draw
from softfall.options.homomorphic.dealt_wire import columns_bytes
from softfall.options.homomorphic.parameters import Mode
from softfall.store.database import empty_the_log

_OTHER: Final[dict[HomomorphicParty, HomomorphicParty]] = {
    "provider": "keyholder",
    "keyholder": "provider",
}


class Kind(NamedTuple):
    """What is dealt for: how the two parties compare, and how many rows at most."""

    mode: Mode
    rows: int


class Backlog(NamedTuple):
    """How much may wait. size_bytes: of the keyholder's halves, as they would travel."""

    serials: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Handed:
    """One serial, gone from the store: what its party's half is made from."""

    serial: int
    kind: Kind
    seeds: Seeds = field(repr=False)


class HomomorphicStock:
    """What one dealer deals for `homomorphic`.

    turn: held while the store is used; everything that uses it shares one. now_ms, random_bytes:
    as in `stock`.
    """

    def __init__(
        self,
        engine: Engine,
        backlog: Backlog,
        turn: threading.Lock,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._engine = engine
        self._backlog = backlog
        self._turn = turn
        self._random_bytes = random_bytes
        with turn, engine.begin() as tx:
            begin_counting(tx, now_ms)

    def hand_out(self, party: HomomorphicParty, kind: Kind, count: int) -> list[Handed]:
        """The next serials of a kind, increasing; fewer where the backlog is full.

        Raises DealerStockFull where there is none at all.
        """
        with self._turn:
            with self._engine.begin() as tx:
                handed = self._waiting(tx, party, kind, count)
                handed += self._fresh(tx, party, kind, count - len(handed))
            empty_the_log(self._engine)
        return handed

    def waiting(self) -> dict[HomomorphicParty, Backlog]:
        """What waits for each party; of the provider's halves, nothing but their number counts."""
        with self._engine.connect() as connection:
            return {party: _backlog(connection, seeds.c.waits_for == party) for party in _OTHER}

    def _waiting(
        self, tx: Connection, party: HomomorphicParty, kind: Kind, count: int
    ) -> list[Handed]:
        """Serials that the other party has fetched; erased here."""
        theirs = _of(party, kind)
        oldest = select(seeds.c.serial).where(*theirs).order_by(seeds.c.serial).limit(count)
        taking = delete(seeds).where(*theirs, seeds.c.serial.in_(oldest))
        rows = tx.execute(taking.returning(*seeds.c)).all()
        return [
            Handed(row.serial, kind, Seeds(row.provider_seed, row.keyholder_seed or b""))
            for row in sorted(rows, key=lambda row: row.serial)
        ]

    def _fresh(
        self, tx: Connection, party: HomomorphicParty, kind: Kind, count: int
    ) -> list[Handed]:
        if count <= 0:
            return []
        other = _OTHER[party]
        room = self._room(tx, other, kind, count)
        if room <= 0:
            raise DealerStockFull(f"too much of this kind waits for the {other}")
        fresh = [
            Handed(serial, kind, draw(self._random_bytes))
            for serial in next_serials(tx, min(count, room))
        ]
        tx.execute(insert(seeds), [_kept(each, other) for each in fresh])
        return fresh

    def _room(self, tx: Connection, party: HomomorphicParty, kind: Kind, count: int) -> int:
        """How many serials of a kind may still be dealt before `party` fetches any."""
        room = self._room_now(tx, party, kind)
        while room < count:
            others = (seeds.c.waits_for == party, ~(_is(kind)))
            oldest = select(seeds.c.serial).where(*others).order_by(seeds.c.serial).limit(count)
            if not tx.execute(delete(seeds).where(seeds.c.serial.in_(oldest))).rowcount:
                break
            room = self._room_now(tx, party, kind)
        return room

    def _room_now(self, tx: Connection, party: HomomorphicParty, kind: Kind) -> int:
        there = _backlog(tx, seeds.c.waits_for == party)
        room = self._backlog.serials - there.serials
        if party == "keyholder":
            left_bytes = self._backlog.size_bytes - there.size_bytes
            room = min(room, left_bytes // columns_bytes(*kind))
        return room


def _kept(fresh: Handed, waits_for: HomomorphicParty) -> dict[str, object]:
    """What is kept of a serial for the party that has not fetched it."""
    return {
        "serial": fresh.serial,
        "waits_for": waits_for,
        "mode": fresh.kind.mode.value,
        "rows": fresh.kind.rows,
        "provider_seed": fresh.seeds.provider,
        "keyholder_seed": fresh.seeds.keyholder if waits_for == "keyholder" else None,
    }


def _is(kind: Kind) -> ColumnElement[bool]:
    return (seeds.c.mode == kind.mode.value) & (seeds.c.rows == kind.rows)


def _of(party: HomomorphicParty, kind: Kind) -> tuple[ColumnElement[bool], ...]:
    return seeds.c.waits_for == party, _is(kind)


def _backlog(connection: Connection, which: ColumnElement[bool]) -> Backlog:
    kinds = select(seeds.c.mode, seeds.c.rows, func.count()).where(which)
    found = connection.execute(kinds.group_by(seeds.c.mode, seeds.c.rows)).all()
    return Backlog(
        sum(count for _, _, count in found),
        sum(count * columns_bytes(Mode(mode), rows) for mode, rows, count in found),
    )
