"""The keyholder's stock of dealt material: fetched in advance, each serial used once.

Guarantees: a serial leaves the stock in the very transaction that writes down that it is spent,
before anything of it is used; neither a kill nor a repeat uses it twice. What was dealt lies in a
file of its own, encrypted under a key that lies in the serial's row: with the row (SQLite
overwrites it) the file is noise, wherever copies of it are left. A damaged file is told by its tag
and never used. Both parties get their halves in the same order, so what lies more than `stragglers`
places before the furthest serial asked for is thrown away: the provider has thrown its halves away
too. It is their number that counts, not how few are kept in stock: several processes of the
provider ask in any order, up to 16 serials each. Of one kind there lie no more than these and
`BATCHES` times the stock. What no list needs any more goes.
Refuses: serials that were used (MaterialSpent), or are not here (MaterialUnknown).
Source: AES-256-GCM, NIST SP 800-38D; a fresh key a file, so that one nonce serves.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from softfall.errors import RefusedError
from softfall.keyholder.files import sweep, write_whole
from softfall.keyholder.tables import reached, spent, stock
from softfall.options.homomorphic.parameters import Mode

KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)
_SUFFIX: Final = ".dealt"
SPENT_MS: Final = 24 * 3_600_000
IDLE_MS: Final = 3_600_000
BATCHES: Final = 3  # of the stock that may wait at once, beside what was overtaken
OPENING_MS: Final = 60_000

Columns = ReadOnlyColumnCollection[str, Any]


class MaterialUnknown(RefusedError):
    """No dealt material of this serial is here: never fetched, or thrown away."""

    remedy = "Begin again with fresh dealt material; nothing was answered."


class MaterialSpent(RefusedError):
    """This serial was used before; it is never used again."""

    remedy = "Begin again with fresh dealt material; keep the evidence if you did not do this."


class Kind(NamedTuple):
    """What material is for. capacity_rows: how many rows of a list it is enough for."""

    mode: Mode
    capacity_rows: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One serial that is spent, and the way to its material."""

    serial: int
    kind: Kind
    _key: bytes = field(repr=False)


class Stock:
    """What waits to be used; one object per running keyholder.

    stragglers: how many serials may be overtaken. stock: how few there are when more is fetched.
    now_ms: milliseconds since 1970.
    random_bytes(n): n bytes of the system's source.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        stragglers: int,
        stock: int,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._stragglers = stragglers
        self._most = stragglers + BATCHES * stock
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._files = threading.Lock()
        self._coming: set[int] = set()  # serials without a row yet
        self._opening: dict[int, int] = {}  # serials without a row any more, and since when
        self.sweep()

    def count(self, kind: Kind) -> int:
        """How many serials of this kind are still to be asked for."""
        furthest = select(func.max(reached.c.position)).where(*_is(reached.c, kind))
        after = stock.c.position > func.coalesce(furthest.scalar_subquery(), 0)
        waiting = select(func.count()).select_from(stock).where(*_is(stock.c, kind), after)
        with self._engine.connect() as connection:
            return int(connection.scalar(waiting) or 0)

    def counts(self) -> dict[Kind, int]:
        """How many serials of each kind lie here."""
        of_kind = select(stock.c.mode, stock.c.capacity_rows, func.count())
        with self._engine.connect() as connection:
            rows = connection.execute(of_kind.group_by(stock.c.mode, stock.c.capacity_rows)).all()
        return {Kind(Mode(mode), capacity): count for mode, capacity, count in rows}

    def put(self, kind: Kind, batch: Sequence[tuple[int, bytes]]) -> None:
        """Keep what the dealer handed out, (serial, material) each, in its order.

        What was spent before is not kept again. Raises KeyholderDiskFull; what came before it in
        the batch is kept.
        """
        for serial, dealt in batch:
            if self._is_spent(serial):
                continue
            key = self._random_bytes(KEY_BYTES)
            sealed = AESGCM(key).encrypt(_NONCE, dealt, str(serial).encode())
            with self._arriving(serial):
                write_whole(self._path(serial), [sealed])
                self._enter(kind, serial, key)

    def _enter(self, kind: Kind, serial: int, key: bytes) -> None:
        with self._engine.begin() as tx:
            # Another dealer's old serials may be the same numbers: what came last is good.
            tx.execute(delete(stock).where(stock.c.serial == serial))
            tx.execute(
                insert(stock).values(
                    serial=serial,
                    mode=kind.mode.value,
                    capacity_rows=kind.capacity_rows,
                    key=key,
                )
            )
            self._reach(tx, kind, newest=serial)
            self._trim(tx, kind)

    @contextmanager
    def _arriving(self, serial: int) -> Iterator[None]:
        """Its file is not swept while it has no row yet. The lock is held by nobody who waits for
        the database, for whoever is in a transaction may wait for the lock (`take`)."""
        with self._files:
            self._coming.add(serial)
        try:
            yield
        finally:
            with self._files:
                self._coming.discard(serial)

    def are_to_come(self, serials: Iterable[int], mode: Mode, rows: int) -> bool:
        """Whether one of them may still come from the dealer: it is none that came before.

        For lists of so many rows; material of any greater capacity serves them too.
        """
        wanted = set(serials)
        newest = select(reached.c.newest).where(
            reached.c.mode == mode.value, reached.c.capacity_rows >= rows
        )
        with self._engine.connect() as tx:
            for table in (stock, spent):
                wanted -= set(tx.scalars(select(table.c.serial).where(table.c.serial.in_(wanted))))
            came = list(tx.scalars(newest))
        return any(not came or serial > min(came) for serial in wanted)

    def take(self, tx: Connection, serial: int) -> Taken:
        """One serial, spent with this transaction. Raises MaterialSpent, MaterialUnknown."""
        row = tx.execute(delete(stock).where(stock.c.serial == serial).returning(*stock.c)).first()
        if row is None:
            if tx.scalar(select(spent.c.serial).where(spent.c.serial == serial)) is not None:
                raise MaterialSpent(f"serial {serial} was used before")
            raise MaterialUnknown(f"no dealt material of serial {serial} is here")
        tx.execute(insert(spent).values(serial=serial, spent_at_ms=self._now_ms()))
        with self._files:
            self._opening[serial] = self._now_ms()
        kind = Kind(Mode(row.mode), row.capacity_rows)
        self._reach(tx, kind, position=row.position)
        overtaken = stock.c.position < row.position - self._stragglers
        tx.execute(delete(stock).where(*_is(stock.c, kind), overtaken))
        return Taken(serial, kind, row.key)

    def open(self, taken: Taken) -> bytes:
        """What was dealt, its file gone; once the transaction is over. Raises MaterialUnknown."""
        path = self._path(taken.serial)
        try:
            sealed = path.read_bytes()
            path.unlink()
            return AESGCM(taken._key).decrypt(_NONCE, sealed, str(taken.serial).encode())
        except (OSError, InvalidTag):
            raise MaterialUnknown(f"the material of serial {taken.serial} is damaged") from None
        finally:
            with self._files:
                self._opening.pop(taken.serial, None)

    def tidy(self, needed: Collection[Kind]) -> None:
        """Throw away what no list needs, and forget what was spent long ago.

        Material of a greater capacity than any list needs is kept for `IDLE_MS` after its last use:
        a list may just have shrunk, and the provider goes on using what it has.
        """
        now_ms = self._now_ms()
        with self._engine.begin() as tx:
            tx.execute(delete(spent).where(spent.c.spent_at_ms < now_ms - SPENT_MS))
            for row in tx.execute(select(reached)).all():
                kind = Kind(Mode(row.mode), row.capacity_rows)
                sizes = [each.capacity_rows for each in needed if each.mode is kind.mode]
                small = not sizes or kind.capacity_rows < min(sizes)
                if kind not in needed and (small or row.at_ms < now_ms - IDLE_MS):
                    for table in (stock, reached):
                        tx.execute(delete(table).where(*_is(table.c, kind)))
        self.sweep()

    def sweep(self) -> None:
        """Remove files without a row: overtaken ones, and what a kill left."""
        with self._files:
            with self._engine.connect() as connection:
                serials = set(connection.scalars(select(stock.c.serial)))
            late_ms = self._now_ms() - OPENING_MS
            self._opening = {s: since for s, since in self._opening.items() if since > late_ms}
            kept = serials | self._coming | self._opening.keys()
            sweep(self._folder, (self._path(each).name for each in kept))

    def _reach(self, tx: Connection, kind: Kind, *, position: int = 0, newest: int = -1) -> None:
        """Note the furthest position asked for, and the last serial that came."""
        known = tx.execute(select(reached).where(*_is(reached.c, kind))).first()
        if known is None:
            of_kind = {"mode": kind.mode.value, "capacity_rows": kind.capacity_rows}
            tx.execute(insert(reached).values(position=0, newest=-1, at_ms=0, **of_kind))
        came = newest if newest >= 0 else (known.newest if known else -1)
        further = max(position, known.position if known else 0)
        values = {"position": further, "newest": came, "at_ms": self._now_ms()}
        tx.execute(update(reached).where(*_is(reached.c, kind)).values(values))

    def _trim(self, tx: Connection, kind: Kind) -> None:
        """Away with the oldest, where this party was far behind the other and is catching up."""
        newest = select(stock.c.position).where(*_is(stock.c, kind))
        beyond = newest.order_by(stock.c.position.desc()).offset(self._most)
        tx.execute(delete(stock).where(stock.c.position.in_(beyond)))

    def newest(self, kind: Kind) -> int:
        """The last serial that came of this kind; -1 before the first."""
        with self._engine.connect() as tx:
            newest = tx.scalar(select(reached.c.newest).where(*_is(reached.c, kind)))
        return -1 if newest is None else int(newest)

    def _is_spent(self, serial: int) -> bool:
        with self._engine.connect() as tx:
            same = select(spent.c.serial).where(spent.c.serial == serial)
            return tx.scalar(same) is not None

    def _path(self, serial: int) -> Path:
        return self._folder / f"{serial}{_SUFFIX}"


def _is(columns: Columns, kind: Kind) -> tuple[ColumnElement[bool], ...]:
    return columns.mode == kind.mode.value, columns.capacity_rows == kind.capacity_rows
