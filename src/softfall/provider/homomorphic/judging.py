"""Encrypted pictures compared with the list, several at once: two round trips to the keyholder.

Guarantees: an outcome only where list, keyholder and dealt material made one: a run that is cut off
or refused for its serials is begun anew with fresh material, a bounded number of times; what lacks
material, a list or a keyholder waits a bounded time. Nothing is decided by default: afterwards
NotMatched says why, and the judge tries again, then follows the rule for outages. In a long outage
only the first picture waits: those after it cost one look each until something is back. The same
submission again is answered from the disk (outcomes.py). A question to the keyholder is at most
MAX_QUESTION_BYTES long, or one query: pictures are asked about in as many as that takes.
Refuses to believe an answer that contradicts itself (BadKeyholderAnswer): begun anew, then a hold.
Limit: each run of one query counts at the keyholder, which answers a bounded number in its epoch; a
picture whose runs were cut off that often is held as malformed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from softfall.errors import UnavailableError
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.material import DealtProvider
from softfall.options.homomorphic.provider import (
    Asked,
    BadKeyholderAnswer,
    NoMatch,
    Outcome,
    PreparedList,
    Run,
)
from softfall.provider.homomorphic.figures import HomomorphicFigures
from softfall.provider.homomorphic.keyholder_way import (
    KeyholderUnavailable,
    OtherList,
    RunRefused,
    StaleRun,
    Step,
)
from softfall.provider.homomorphic.lists import Lists
from softfall.provider.homomorphic.outcomes import KnownOutcomes
from softfall.provider.homomorphic.stock import HomomorphicStock

MAX_STARTS: Final = 5
PAUSE_SECONDS: Final = 0.1

# Below half of what a keyholder takes unless told otherwise (`keyholder.max_question_mib`).
MAX_QUESTION_BYTES: Final = 96 * 2**20


class NotMatched(UnavailableError):
    """An encrypted picture can't be compared just now: no list, no keyholder, or no material."""

    remedy = "Check the keyholder, the dealer and softfall_homomorphic_stock; nothing was lost."
    party_is_away = True

    @classmethod
    def refused(cls, what: str) -> "NotMatched":
        """Nobody is away: the keyholder answers, and what it says is none, or a refusal."""
        error = cls(what)
        error.party_is_away = False
        return error


class Keyholder(Protocol):
    """What a run asks, from a thread that may wait."""

    def ask(self, step: Step, body: bytes) -> bytes:
        """One step's answer. Raises KeyholderUnavailable, StaleRun, OtherList, RunRefused."""

    def is_there(self) -> bool:
        """Whether it answers at all; costs no material."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a picture may wait, in seconds, and what waiting is."""

    seconds: float
    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


class Matcher:
    """Compares pictures with lists. One for the whole service; one thread at a time asks.

    threads: how many share a list. known: what became of earlier queries. shrunk: called when
    material was taken or is missing.
    """

    def __init__(
        self,
        lists: Lists,
        stock: HomomorphicStock,
        keyholder: Keyholder,
        figures: HomomorphicFigures,
        patience: Patience,
        threads: int,
        known: KnownOutcomes,
        shrunk: Callable[[], None] = lambda: None,
    ) -> None:
        self._lists = lists
        self._stock = stock
        self._keyholder = keyholder
        self._figures = figures
        self._patience = patience
        self._threads = threads
        self._known = known
        self._shrunk = shrunk
        self._away_since: float | None = None

    def match(self, epoch: int, asked: Sequence[Asked]) -> Sequence[Outcome | UnavailableError]:
        """The outcome of each query of this epoch, in order; or why there is none yet.

        Raises StorageFull, StoreBusy.
        """
        listed = self._lists.current(epoch)
        version = None if listed is None else listed.list_version
        known = self._known.claim(epoch, asked, version)
        places = [place for place, outcome in enumerate(known) if outcome is None]
        # One commitment has one query, so what came twice is run once.
        fresh = {asked[place].commitment: asked[place] for place in places}
        found = dict(zip(fresh, self._match(epoch, list(fresh.values())), strict=True))
        return [
            found[each.commitment] if outcome is None else outcome
            for each, outcome in zip(asked, known, strict=True)
        ]

    def _match(self, epoch: int, asked: Sequence[Asked]) -> list[Outcome | UnavailableError]:
        """As `match`, each with a run of its own."""
        began = self._patience.now()
        since = began if self._away_since is None else self._away_since
        deadline = since + self._patience.seconds
        done: list[Outcome | UnavailableError] = []
        starts, why = 0, NotMatched("the keyholder can use none of the serials that are here")
        while len(done) < len(asked) and starts < MAX_STARTS:
            try:
                self._require_keyholder()
                listed = self._listed(epoch, deadline)
                if listed.rows == 0:
                    return [*done, *(NoMatch() for _ in asked[len(done) :])]
                wanted = min(len(asked) - len(done), at_once(listed.rows))
                some = self._material(listed, wanted, deadline)
                ran = asked[len(done) :][: len(some)]
                found = self._run(listed, ran, some)
                self._known.keep(epoch, listed.list_version, ran, found)
                done += found
                starts, self._away_since = 0, None
            except NotMatched as error:
                why = error
                self._begin_outage(began)
                break
            except RunRefused as error:
                why = NotMatched.refused(f"the keyholder refused: {error}")
                break
            except StaleRun as error:
                starts, why = starts + 1, NotMatched(f"the keyholder refused: {error.error}")
                self._begin_anew(epoch, starts)
            except OtherList as error:
                starts, why = starts + 1, NotMatched(f"the keyholder has another list: {error}")
                self._begin_anew(epoch, 0)
            except BadKeyholderAnswer as error:
                starts += 1
                why = NotMatched.refused(f"the keyholder answered otherwise: {error}")
                self._begin_anew(epoch, 0)
            except KeyholderUnavailable as error:
                starts, why = starts + 1, NotMatched(error.what)
                if not self._keyholder_is_back(deadline):
                    self._begin_outage(began)
                    break
        return [*done, *self._not_matched(len(asked) - len(done), why, len(done))]

    def _not_matched(self, count: int, why: NotMatched, done: int) -> list[NotMatched]:
        self._figures.runs.labels("judged").inc(done)
        self._figures.runs.labels("failed").inc(count)
        return [why] * count

    def _begin_outage(self, since: float) -> None:
        if self._away_since is None:
            self._away_since = since

    def _require_keyholder(self) -> None:
        """After an outage: spend nothing before it answers again. Raises NotMatched."""
        if self._away_since is not None and not self._keyholder.is_there():
            raise NotMatched("the keyholder can't be reached")

    def _listed(self, epoch: int, deadline: float) -> PreparedList:
        listed = self._lists.wait_for(epoch, max(0.0, deadline - self._patience.now()))
        if listed is None:
            raise NotMatched(f"the list of epoch {epoch} is not here yet")
        return listed

    def _material(self, listed: PreparedList, wanted: int, deadline: float) -> list[DealtProvider]:
        """As much as there is, one at least; it is gone from the disk. Raises NotMatched."""
        mode = listed.parameters.mode
        while True:
            taken = self._stock.take(mode, listed.rows, wanted)
            self._shrunk()
            if taken:
                return [DealtProvider.decode(dealt) for _, dealt in taken]
            if self._patience.now() >= deadline:
                raise NotMatched("no dealt material is left")
            self._patience.pause(PAUSE_SECONDS)

    def _run(
        self, listed: PreparedList, asked: Sequence[Asked], dealt: Sequence[DealtProvider]
    ) -> Sequence[Outcome]:
        run = Run(listed, asked, dealt, self._threads)
        with self._figures.seconds.labels("multiply").time():
            begin = run.begin()
        with self._figures.seconds.labels("keyholder begins").time():
            begun = self._keyholder.ask("begin", begin)
        with self._figures.seconds.labels("compare").time():
            finish = run.go_on(begun)
        if finish is None:
            return run.results(None)
        with self._figures.seconds.labels("keyholder finishes").time():
            finished = self._keyholder.ask("finish", finish)
        return run.results(finished)

    def _begin_anew(self, epoch: int, starts: int) -> None:
        """Before the next try: each time more is passed over, since the stocks may be far apart."""
        self._figures.runs.labels("anew").inc()
        listed = self._lists.current(epoch)
        if starts > 1 and listed is not None:
            self._stock.pass_over(listed.parameters.mode, 4 ** (starts - 1) - 1)
        self._patience.pause(PAUSE_SECONDS)

    def _keyholder_is_back(self, deadline: float) -> bool:
        """Wait for it without spending anything."""
        self._figures.runs.labels("anew").inc()
        while self._patience.now() < deadline:
            self._patience.pause(PAUSE_SECONDS)
            if self._keyholder.is_there():
                return True
        return False


def at_once(rows: int) -> int:
    """How many queries against so many rows one question may hold: one at least."""
    one_bytes = rows * 12 // 8 + wire.CAPSULE_BYTES + 64
    return max(1, min(wire.MAX_BATCH, MAX_QUESTION_BYTES // one_bytes))
