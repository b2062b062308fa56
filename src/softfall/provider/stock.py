"""The provider's stock of dealt material for `confirm`, and the runs that use it, on disk.

Guarantees: a serial leaves the stock in the very transaction that gives it to one share and entry,
before anything of it is sent; it never comes back, and no other share or entry gets it. A run
remembers the custodian's first answer before the second question is sent, so that a run that is
taken up again (a lost reply, kill -9) repeats the very same messages and no others: a mask that
hides two different values would give them away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from softfall.provider.clock import Clock, days_ms
from softfall.provider.confirm_tables import confirm_runs, confirm_stock
from softfall.store.transactions import Database

KEPT_MS = days_ms(60.0)  # as long as a list epoch may live; verdicts are kept as long


@dataclass(frozen=True, slots=True)
class Run:
    """One share against one entry. within: the bit, once it is known; else dealt is there.

    begun: the custodian's first answer; None until it came.
    """

    shares_sha256: bytes
    entry: int
    dealt: bytes | None = field(repr=False)
    begun: bytes | None = field(repr=False)
    within: bool | None


class ConfirmStock:
    """What lies in `confirm.db`; a `Shelf` that a filler keeps filled."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def count(self) -> int:
        """How many serials are there to be used."""
        with self._db.read() as tx:
            return tx.execute(select(func.count()).select_from(confirm_stock)).scalar_one()

    def put(self, batch: Sequence[tuple[int, bytes]]) -> None:
        """Keep what the dealer handed out, (serial, material) each, in its order."""
        with self._db.write() as tx:
            # Another dealer's old serials may be the same numbers: what came last is good.
            serials = [serial for serial, _ in batch]
            tx.execute(delete(confirm_stock).where(confirm_stock.c.serial.in_(serials)))
            for serial, dealt in batch:
                tx.execute(insert(confirm_stock).values(serial=serial, dealt=dealt))

    def run(self, shares_sha256: bytes, entry: int) -> Run | None:
        """The run of this share and entry, begun now if there is none; None if the stock is out."""
        with self._db.write() as tx:
            known = _run(tx, shares_sha256, entry)
            if known is not None:
                return known
            dealt = _oldest(tx)
            if dealt is None:
                return None
            tx.execute(
                insert(confirm_runs).values(
                    shares_sha256=shares_sha256,
                    entry=entry,
                    dealt=dealt,
                    since_ms=self._clock(),
                )
            )
            return Run(shares_sha256, entry, dealt, None, None)

    def keep_begun(self, run: Run, begun: bytes) -> bytes | None:
        """Write the custodian's first answer down, once; what is written, None if the run is gone.

        Only after this may anything that depends on the answer be sent.
        """
        with self._db.write() as tx:
            tx.execute(
                update(confirm_runs)
                .where(*_is(run), confirm_runs.c.begun.is_(None))
                .values(begun=begun)
            )
            kept: bytes | None = tx.execute(select(confirm_runs.c.begun).where(*_is(run))).scalar()
        return kept

    def keep_bit(self, run: Run, within: bool) -> None:
        """The run is over: its material goes, the bit stays."""
        with self._db.write() as tx:
            values = {"within": within, "dealt": None, "begun": None}
            tx.execute(update(confirm_runs).where(*_is(run)).values(values))

    def give_up(self, run: Run, passing_over: int) -> None:
        """The custodian has no such serial: throw the run away, and some of the stock after it."""
        with self._db.write() as tx:
            tx.execute(delete(confirm_runs).where(*_is(run), confirm_runs.c.within.is_(None)))
            passed = (
                select(confirm_stock.c.position)
                .order_by(confirm_stock.c.position)
                .limit(passing_over)
            )
            tx.execute(delete(confirm_stock).where(confirm_stock.c.position.in_(passed)))

    def tidy(self) -> None:
        """Delete what no living epoch can ask for again; empty the log of what was deleted."""
        old = confirm_runs.c.since_ms < self._clock() - KEPT_MS
        with self._db.write() as tx:
            tx.execute(delete(confirm_runs).where(old))
        self._db.truncate_log()


def _is(run: Run) -> tuple[ColumnElement[bool], ...]:
    ours = confirm_runs.c.shares_sha256 == run.shares_sha256
    return ours, confirm_runs.c.entry == run.entry


def _run(tx: Connection, shares_sha256: bytes, entry: int) -> Run | None:
    row = tx.execute(
        select(confirm_runs).where(
            confirm_runs.c.shares_sha256 == shares_sha256, confirm_runs.c.entry == entry
        )
    ).first()
    if row is None:
        return None
    return Run(shares_sha256, entry, row.dealt, row.begun, row.within)


def _oldest(tx: Connection) -> bytes | None:
    """The material that came first, gone from the stock with this transaction."""
    oldest = select(func.min(confirm_stock.c.position)).scalar_subquery()
    taken = delete(confirm_stock).where(confirm_stock.c.position == oldest)
    dealt: bytes | None = tx.execute(taken.returning(confirm_stock.c.dealt)).scalar()
    return dealt
