"""The provider's half of `homomorphic`: it multiplies by its list what it can't read, for one bit.

Guarantees: `form` depends on a submission's bytes alone. A run of up to 16 queries takes two round
trips to the keyholder; of each it learns match or no match and, after a match and only where the
epoch's signed parameters say so, which entries matched. Each run uses material that serves once.
Refuses: answers of the keyholder that are malformed, of another size, serial or count, or that
contradict themselves, as BadKeyholderAnswer: an outage, never a verdict; material of another mode
(WrongMaterial) or for fewer rows (TooFewRows).
Limits, printed: the parties are taken to follow the protocol. A provider that does not may move
rows' masks and so ask whether a row's distance lies in another range: one bit a run, eight runs a
query (the keyholder counts). Where entries are named it gets that bit of every row at once, which
is the picture's hash as soon as the list has a thousand or so entries. A keyholder that lies can
turn the bit around; a hold is never more than a reason for a person to look. A patched sender whose
query and capsule do not belong together matches about one row in sixteen by chance, so it is held
like any match; its recipient catches it. Together, provider and keyholder decrypt every submission.
Our own lattice code, not audited.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from softfall.crypto.lattice.query import MalformedQuery, read_query
from softfall.errors import OperatorError, PeerError, UnavailableError
from softfall.options.contract import Clear, Held, Malformed, ProviderPorts, Submission, Verdict
from softfall.options.homomorphic import provider_modes, wire
from softfall.options.homomorphic.material import DealtProvider
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.provider_modes import Half, PreparedSegment, half_of
from softfall.options.homomorphic.segments import LIST_ROWS, NO_ENTRY, U32Array
from softfall.wire import MalformedMessage, Message, Value

MISMATCHED: Final = Malformed("capsule and commitment do not fit")
SENT_TOO_OFTEN: Final = Malformed("this submission was sent too often")
KEY_SERVED_BEFORE: Final = Malformed("a key that served before")
_CLEAR: Final = Clear("no entry within the radius")


class BadKeyholderAnswer(PeerError):
    """The keyholder's reply is malformed, to another run, or contradicts itself."""

    remedy = "Use nothing of it; begin again with fresh material, and tell the keyholder."


class WrongMaterial(OperatorError):
    """Dealt material of another mode than the epoch's, or not one for each query."""

    remedy = "Take material of the epoch's mode from the stock, one serial a query."


@dataclass(frozen=True, slots=True)
class Match:
    """Within 31 bits of an entry. entries: their numbers; None where none are named."""

    entries: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Within 31 bits of no entry."""


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The sender sealed something else than it committed to, or nothing that opens."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The keyholder has run this query as often as it runs one in an epoch; others go on."""


@dataclass(frozen=True, slots=True)
class KeyReused:
    """Its commitment came with another query before: no app as published uses a key twice."""


Outcome = Match | NoMatch | Mismatched | Spent | KeyReused
_ENDED: Final[Mapping[Value, Outcome]] = {wire.MISMATCH: Mismatched(), wire.SPENT: Spent()}


@dataclass(frozen=True)
class PreparedList:
    """One list version, ready to be multiplied; its segments in the version's order."""

    epoch: int
    list_version: int
    parameters: HomomorphicParameters
    segments: tuple[PreparedSegment, ...] = field(repr=False)

    @property
    def rows(self) -> int:
        """How many list rows are compared: what dealt material must serve."""
        return sum(segment.live_blocks for segment in self.segments) * LIST_ROWS

    @property
    def numbers(self) -> U32Array:
        """(rows,) uint32: the entry in each row, or NO_ENTRY."""
        parts = [segment.numbers[segment.live].reshape(-1) for segment in self.segments]
        return np.concatenate(parts) if parts else np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a submission asks."""

    capsule: bytes = field(repr=False)
    commitment: bytes
    query: U32Array = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> "Asked":
        """From `homomorphic_query`. Raises MalformedMessage, MalformedQuery."""
        values = wire.decode(wire.QUERY, body)
        query = read_query(wire.octets(values, "query"))
        return cls(wire.octets(values, "capsule"), wire.octets(values, "commitment"), query)


class Run:
    """Some queries on their way: `begin`, `go_on`, `results`, each once and in this order.

    halves: one a query, of the epoch's mode, erased from the stock already. threads: how many share
    the list. Raises WrongMaterial, TooFewRows.
    """

    def __init__(
        self,
        listed: PreparedList,
        asked: Sequence[Asked],
        halves: Sequence[DealtProvider],
        threads: int = 2,
    ) -> None:
        if not 1 <= len(asked) == len(halves) <= wire.MAX_BATCH:
            raise WrongMaterial(f"{len(halves)} halves for {len(asked)} queries")
        if any(half.mode is not listed.parameters.mode for half in halves):
            raise WrongMaterial("the material is of another mode than the epoch's")
        self._listed = listed
        self._asked = asked
        self._threads = threads
        self._numbers = [half.serial for half in halves]
        # Spent now: whatever happens to this run, its material serves no other.
        self._halves = [half_of(half.spend(), listed.rows) for half in halves]
        self._going_on: list[int] = []
        self._ended: dict[int, Outcome] = {}

    @property
    def serials(self) -> tuple[int, ...]:
        """The dealt material that this run uses up, one serial a query."""
        return tuple(self._numbers)

    def begin(self) -> bytes:
        """`homomorphic_begin` for the keyholder."""
        queries = np.stack([each.query for each in self._asked])
        masks = [half.masks for half in self._halves]
        packed = provider_modes.encrypted_distances(
            self._listed.segments, queries, masks, self._threads
        )
        runs: list[Value] = [
            {
                "serial": wire.serial_bytes(number),
                "capsule": each.capsule,
                "commitment": each.commitment,
                "masked": masked,
            }
            for number, each, masked in zip(self._numbers, self._asked, packed, strict=True)
        ]
        head: dict[str, Value] = {
            "version": wire.VERSION,
            "epoch": self._listed.epoch,
            "list_version": self._listed.list_version,
        }
        return wire.BEGIN.encode({**head, "runs": runs})

    def go_on(self, begun: bytes) -> bytes | None:
        """`homomorphic_finish` from `homomorphic_begun`; None where none goes on.

        Raises BadKeyholderAnswer.
        """
        runs, places = [], range(len(self._asked))
        for place, values in zip(places, self._read(wire.BEGUN, begun, places), strict=True):
            half = self._halves[place]
            theirs = self._sized(values, half.begun_bytes)
            if (ended := _ENDED.get(values["outcome"])) is not None:
                self._ended[place] = ended
                continue
            self._going_on.append(place)
            head = {"serial": wire.serial_bytes(self._numbers[place])}
            runs.append({**head, **half.go_on(theirs)})
        if not runs:
            return None
        return wire.FINISH.encode({"version": wire.VERSION, "runs": list[Value](runs)})

    def results(self, finished: bytes | None) -> list[Outcome]:
        """The outcome of each query, from `homomorphic_finished` (None: nothing went on).

        Raises BadKeyholderAnswer.
        """
        outcomes = dict(self._ended)
        if finished is None and not self._going_on:
            return [outcomes[place] for place in range(len(self._asked))]
        read = self._read(wire.FINISHED, finished or b"", self._going_on)
        named = self._listed.parameters.names_entry
        for place, values in zip(self._going_on, read, strict=True):
            half = self._halves[place]
            theirs = self._sized(values, half.finished_bytes(named))
            matched = half.matched(theirs, wire.number(values, "match"))
            if matched is None:
                raise BadKeyholderAnswer("the keyholder answered in another mode")
            outcomes[place] = self._outcome(half, matched, theirs["bits"])
        return [outcomes[place] for place in range(len(self._asked))]

    def _outcome(self, half: Half, matched: bool, bits: bytes) -> Outcome:
        if not matched:
            return NoMatch()
        if not self._listed.parameters.names_entry:
            return Match(None)
        numbers = self._listed.numbers[half.matching_rows(bits)]
        entries = tuple(sorted(int(number) for number in numbers if number != NO_ENTRY))
        if not entries:
            raise BadKeyholderAnswer("the keyholder says match, and its answer names no entry")
        return Match(entries)

    def _read(self, message: Message, body: bytes, places: Sequence[int]) -> list[dict[str, Value]]:
        """A reply's runs: those of these queries, in this order."""
        try:
            runs = wire.nested(wire.decode(message, body), "runs")
            numbers = [wire.serial(values) for values in runs]
        except MalformedMessage as error:
            raise BadKeyholderAnswer(f"the keyholder's reply: {error.what}") from None
        if numbers != [self._numbers[place] for place in places]:
            raise BadKeyholderAnswer("the keyholder's reply is to another run")
        return runs

    def _sized(self, values: Mapping[str, Value], sizes: Mapping[str, int]) -> dict[str, bytes]:
        try:
            return {name: wire.octets(values, name, size) for name, size in sizes.items()}
        except MalformedMessage as error:
            raise BadKeyholderAnswer(f"the keyholder's reply: {error.what}") from None


Matching = Callable[[Sequence[Asked]], Sequence[Outcome | UnavailableError]]


class HomomorphicProvider:
    """One epoch of `homomorphic` at the provider.

    matching: runs queries of this epoch with the keyholder (`Run`) against the current list
    version, with fresh material, and gives an outcome each; or why there is none yet, in its place.
    """

    name: ClassVar[str] = NAME

    def __init__(self, epoch: int, parameters: HomomorphicParameters, matching: Matching) -> None:
        self.epoch = epoch
        self.parameters = parameters
        self._matching = matching

    def form(self, submission: Submission) -> Malformed | None:
        """Malformed unless the bytes are a query of this epoch."""
        asked = self._asked(submission)
        return asked if isinstance(asked, Malformed) else None

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """One query by itself. Raises what `matching` raises, or gives."""
        (verdict,) = self.judge_batch([submission], ports)
        if isinstance(verdict, UnavailableError):
            raise verdict
        return verdict

    def judge_batch(
        self, submissions: Sequence[Submission], ports: ProviderPorts
    ) -> list[Verdict | UnavailableError]:
        """Up to 16 at once, in order; what could not be judged is in the verdict's place."""
        del ports
        read = [self._asked(submission) for submission in submissions]
        well_formed = [each for each in read if isinstance(each, Asked)]
        outcomes = iter(self._matching(well_formed) if well_formed else ())
        return [
            each if isinstance(each, Malformed) else verdict_of(next(outcomes)) for each in read
        ]

    def _asked(self, submission: Submission) -> Asked | Malformed:
        if submission.option != self.name:
            return Malformed("another option")
        if submission.epoch != self.epoch:
            return Malformed("wrong epoch")
        try:
            return Asked.read(submission.body)
        except (MalformedMessage, MalformedQuery):
            return Malformed("malformed query")


def verdict_of(outcome: Outcome | UnavailableError) -> Verdict | UnavailableError:
    """What an outcome means for the message."""
    if isinstance(outcome, Match):
        entry = {} if outcome.entries is None else {"entry": outcome.entries[0]}
        return Held("match", {"confirmed": True, **entry})
    if isinstance(outcome, NoMatch):
        return _CLEAR
    if isinstance(outcome, Mismatched):
        return MISMATCHED
    if isinstance(outcome, Spent):
        return SENT_TOO_OFTEN
    if isinstance(outcome, KeyReused):
        return KEY_SERVED_BEFORE
    return outcome
