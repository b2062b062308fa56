"""What the keyholder answers, and what it keeps of it: each serial once, each query a few times.

Guarantees: a serial is spent, and its query counted, in one transaction that is on the disk before
anything of the dealt material is used; so a kill, a repeat or a race answers nothing twice. Counts
are kept until the epoch ends. Between the two questions a run is in memory alone, at most
`runs_at_once` of them, `run_seconds` long: after a restart the provider begins anew.
Refuses: what is not in its form or of another list (as `lists.py` and `options/homomorphic` say),
before any serial is spent; serials that were used or are not here (`stock.py`); runs beyond those
at once (TooManyRuns), second questions without a first (RunUnknown) or too late (RunExpired). A
query beyond `runs_per_query` is told so in its place, and the others of its batch go on.
Why queries are counted: a provider that does not follow the protocol learns one more bit of a
picture from each run.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import DBAPIError

from softfall.config import KeyholderSettings
from softfall.errors import RefusedError, UnavailableError
from softfall.keyholder.keys import SealingKey
from softfall.keyholder.lists import ListBook
from softfall.keyholder.stock import Stock, Taken
from softfall.keyholder.tables import runs as counted
from softfall.options.homomorphic import keyholder
from softfall.options.homomorphic.keyholder import Begin, HintList, Kept
from softfall.options.homomorphic.material import DealtKeyholder

RETRY_AFTER_SECONDS: Final = 1
# A late question is told so for this many times `run_seconds`; then its run is unknown.
TOLD_LATE: Final = 4

Clock = Callable[[], int]


class TooManyRuns(RefusedError):
    """As many runs as are allowed wait for their second question."""

    remedy = "Finish what was begun, or wait; the keeper sets keyholder.runs_at_once."

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.retry_after_seconds = RETRY_AFTER_SECONDS


class RunUnknown(RefusedError):
    """No run of these serials is under way: never begun, finished, or lost in a restart."""

    remedy = "Begin again with fresh dealt material; nothing was told."


class RunExpired(RefusedError):
    """The second question came too late; the run is forgotten."""

    remedy = "Begin again with fresh dealt material, and finish within keyholder.run_seconds."


class NotWrittenDown(UnavailableError):
    """What is spent can't be written to the keyholder's disk, so nothing is answered."""

    remedy = "Check the keyholder's disk; then begin again with fresh dealt material."


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A batch between its two questions."""

    kept: Kept = field(repr=False)
    since_ms: int


class Runs:
    """The runs of one keyholder. steady_ms: milliseconds that never run back."""

    def __init__(
        self,
        settings: KeyholderSettings,
        engine: Engine,
        book: ListBook,
        stock: Stock,
        keys: Callable[[], Sequence[SealingKey]],
        steady_ms: Clock,
    ) -> None:
        self._per_query = settings.runs_per_query
        self._at_once = settings.runs_at_once
        self._life_ms = round(settings.run_seconds * 1000)
        self._threads = settings.threads
        self._engine = engine
        self._book = book
        self._stock = stock
        self._keys = keys
        self._steady_ms = steady_ms
        self._waiting: dict[int, _Waiting] = {}
        self._lock = threading.Lock()

    def asked(self, body: bytes) -> tuple[Begin, HintList]:
        """What a `homomorphic_begin` asks, and by which list: nothing is spent yet.

        Raises MalformedMessage, EpochNotHere, WrongListVersion, HintsMissing.
        """
        asked = keyholder.read(body)
        hints = self._book.served(asked.epoch, asked.list_version)
        keyholder.require_fit(asked, hints)
        return asked, hints

    def awaits_material(self, asked: Begin, hints: HintList) -> bool:
        """Whether a serial that is named may still come from the dealer."""
        serials = [run.serial for run in asked.runs]
        return self._stock.are_to_come(serials, hints.parameters.mode, hints.rows)

    def begin(self, asked: Begin, hints: HintList) -> bytes:
        """`homomorphic_begun`.

        Raises TooManyRuns, MaterialSpent, MaterialUnknown, NotWrittenDown, MalformedMessage,
        OtherMaterial, TooFewRows.
        """
        self._require_room(len(asked.runs))
        serials, spent = self._spend(asked)
        dealt = [self._opened(taken) for taken in serials]
        named = hints.parameters.keyholder_key
        secrets = [key.secret for key in self._keys() if key.public == named]
        reply, kept = keyholder.begin(asked, hints, dealt, secrets, self._threads, spent)
        if kept.serials:
            with self._lock:
                self._waiting[kept.serials[0]] = _Waiting(kept, self._steady_ms())
        return reply

    def finish(self, body: bytes) -> bytes:
        """`homomorphic_finished`, once.

        Raises MalformedMessage, RunUnknown, RunExpired, OtherMaterial.
        """
        serials = keyholder.read_finish(body)
        with self._lock:
            waiting = self._waiting.get(serials[0])
            if waiting is None:
                raise RunUnknown("no run of these serials is under way")
            late = self._steady_ms() - waiting.since_ms > self._life_ms
            if late or waiting.kept.serials == serials:
                del self._waiting[serials[0]]
        if late:
            raise RunExpired("the run was begun too long ago")
        return keyholder.finish(body, waiting.kept)

    def waiting(self) -> int:
        """How many queries wait for their second question."""
        with self._lock:
            return sum(len(each.kept.serials) for each in self._waiting.values())

    def tidy(self) -> None:
        """Forget what nobody finished."""
        oldest_ms = self._steady_ms() - TOLD_LATE * self._life_ms
        with self._lock:
            self._waiting = {
                serial: each for serial, each in self._waiting.items() if each.since_ms > oldest_ms
            }

    def _require_room(self, count: int) -> None:
        """Raises TooManyRuns; what is late makes room first."""
        oldest_ms = self._steady_ms() - self._life_ms
        if self.waiting() + count <= self._at_once:
            return
        with self._lock:
            for serial in [s for s, each in self._waiting.items() if each.since_ms < oldest_ms]:
                del self._waiting[serial]
        if self.waiting() + count > self._at_once:
            raise TooManyRuns(f"{self._at_once} runs wait for their second question")

    def _spend(self, asked: Begin) -> tuple[list[Taken], set[int]]:
        """All of the batch's serials and counts, or none of them; and the serials of the runs whose
        query was run often enough before.
        """
        with _written_down(), self._engine.begin() as tx:
            taken = [self._stock.take(tx, run.serial) for run in asked.runs]
            spent = {
                run.serial
                for run in asked.runs
                if not _count(tx, asked.epoch, run.commitment, self._per_query)
            }
        return taken, spent

    def _opened(self, taken: Taken) -> DealtKeyholder:
        return DealtKeyholder.decode(self._stock.open(taken))


def _count(tx: Connection, epoch: int, commitment: bytes, most: int) -> bool:
    """Count one run of a query; False where it was run `most` times before."""
    same = (counted.c.epoch == epoch, counted.c.commitment == commitment)
    known = tx.scalar(select(counted.c.count).where(*same))
    if known is None:
        tx.execute(insert(counted).values(epoch=epoch, commitment=commitment, count=1))
        return True
    if known >= most:
        return False
    tx.execute(update(counted).where(*same).values(count=known + 1))
    return True


@contextlib.contextmanager
def _written_down() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise NotWrittenDown(f"what is spent can't be written down: {error.orig}") from None
