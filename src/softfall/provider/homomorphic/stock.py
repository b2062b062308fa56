"""The provider's stock of dealt material for `homomorphic`, on disk, by mode and size.

Guarantees: a serial leaves the stock in the very transaction that gives it to one submission,
before anything of it is sent, and never comes back: a run that is cut off (a lost reply, kill -9)
is begun anew with another serial. Material for fewer rows than the list has now goes unused: rows
under a mask that was not dealt would be bare.
Leaves to others: fetching (edge/stock_keeping.py); what no run of this list can use is deleted as
newer material comes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from softfall.edge.stock_keeping import Batch
from softfall.options.homomorphic.parameters import Mode
from softfall.provider.confirm_tables import homomorphic_stock as stock
from softfall.store.transactions import Database


@dataclass(frozen=True, slots=True)
class Kind:
    """What dealt material is for: a mode, and lists of at most `capacity_rows`."""

    mode: Mode
    capacity_rows: int


Deal = Callable[[Kind, int], Batch]


class HomomorphicStock:
    """What lies in `confirm.db` for `homomorphic`; a `Shelf` that a filler keeps filled.

    deal: the dealer's next serials of a kind, at most so many.
    """

    def __init__(self, db: Database, deal: Deal) -> None:
        self._db = db
        self._deal = deal
        self._wanted: tuple[Kind, ...] = ()

    def want(self, kinds: Sequence[Kind]) -> None:
        """Which kinds are needed from now on: one for each epoch in use, newest first."""
        self._wanted = tuple(dict.fromkeys(kinds))

    def count(self) -> int:
        """How many serials there are of the kind that is scarcest; plenty where none is wanted."""
        return min((self._count(kind) for kind in self._wanted), default=2**31)

    def fetch(self, count: int) -> Batch:
        """The dealer's next serials of the scarcest kind. Raises DealerUnavailable."""
        if not self._wanted:
            return ()
        scarcest = min(self._wanted, key=self._count)
        batch = self._deal(scarcest, count)
        self._keep(scarcest, batch)
        return batch

    def put(self, batch: Batch) -> None:
        """Nothing: `fetch` has kept it already, with its kind."""

    def take(self, mode: Mode, rows: int, count: int) -> list[tuple[int, bytes]]:
        """Material for runs over so many rows, oldest first, gone from the stock with this.

        (serial, material) each; fewer than `count` where there are fewer. Raises StorageFull,
        StoreBusy.
        """
        fits = (*_of(mode), stock.c.capacity_rows >= rows)
        oldest = select(stock.c.position).where(*fits).order_by(stock.c.position).limit(count)
        taking = (
            delete(stock)
            .where(stock.c.position.in_(oldest))
            .returning(stock.c.position, stock.c.serial, stock.c.dealt)
        )
        with self._db.write() as tx:
            taken = sorted(tx.execute(taking).all())
        return [(row.serial, row.dealt) for row in taken]

    def pass_over(self, mode: Mode, count: int) -> None:
        """The keyholder has no such serials: throw away some more, since the stocks are apart."""
        oldest = select(stock.c.position).where(*_of(mode)).order_by(stock.c.position).limit(count)
        with self._db.write() as tx:
            tx.execute(delete(stock).where(stock.c.position.in_(oldest)))

    def tidy(self) -> None:
        """Empty the database's log of what was deleted."""
        self._db.truncate_log()

    def _keep(self, kind: Kind, batch: Batch) -> None:
        with self._db.write() as tx:
            # Another dealer's old serials may be the same numbers: what came last is good.
            tx.execute(delete(stock).where(stock.c.serial.in_([serial for serial, _ in batch])))
            for serial, dealt in batch:
                values = {"mode": kind.mode.value, "capacity_rows": kind.capacity_rows}
                tx.execute(insert(stock).values(serial=serial, dealt=dealt, **values))
            if batch:
                self._drop_unwanted(tx)

    def _drop_unwanted(self, tx: Connection) -> None:
        """Delete what is for smaller lists than any that is in use."""
        for mode in Mode:
            sizes = [kind.capacity_rows for kind in self._wanted if kind.mode is mode]
            small = stock.c.capacity_rows < min(sizes) if sizes else None
            tx.execute(delete(stock).where(*_of(mode), *([] if small is None else [small])))

    def _count(self, kind: Kind) -> int:
        fits = (*_of(kind.mode), stock.c.capacity_rows >= kind.capacity_rows)
        with self._db.read() as tx:
            return tx.execute(select(func.count()).select_from(stock).where(*fits)).scalar_one()


def _of(mode: Mode) -> tuple[ColumnElement[bool], ...]:
    return (stock.c.mode == mode.value,)
