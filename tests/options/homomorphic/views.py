"""What each party has of one run: every byte that it receives, and what it can make of them.

Derived numbers use all that the party may know, and more: the list, both pictures, its keys, its
dealt half. Only what the protocol never gives it is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from softfall.crypto import comparing, equality, shuffling
from softfall.crypto.columns import bits_of, plane, unpacked
from softfall.crypto.lattice.masking import opened
from softfall.crypto.lattice.parameters import HALF_LEVEL, LIST_ROWS, PRIMES, SENT_LEVELS, Q
from softfall.crypto.lattice.query import read_query
from softfall.crypto.lattice.transform import joined
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from softfall.options.contract import Submission
from softfall.options.homomorphic import keyholder, sealing, wire
from softfall.options.homomorphic.keyholder import Begin
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Asked, Run
from tests.options.homomorphic.distinguishing import Numbers, View
from tests.options.homomorphic.parties import EPOCH, SECRET, Parties, distance, secret_of

U16 = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Known:
    """What a curious party may know besides: both pictures that it wonders about."""

    pictures: tuple[bytes, bytes]


@dataclass
class Watched:
    """One run with both servers watched. broken: what a fault does to the run before it begins."""

    parties: Parties
    known: Known
    broken: Callable[[Run], None] | None = None
    dealt: tuple[bytes, bytes] | None = None  # the same for every run, where that is the fault
    first: npt.NDArray[np.int64] | None = None  # of the first query, for comparison
    true: dict[bytes, U16] = field(default_factory=dict)  # distances from each row

    def views(self, pdq: bytes, label: str) -> dict[str, View]:
        """The provider's and the keyholder's view of one picture, sent afresh."""
        submission, _ = self.parties.send(pdq, secret_of(label))
        own, theirs = self.dealt or self.parties.deal()
        run = Run(self.parties.prepared, [Asked.read(submission.body)], [DealtProvider.decode(own)])
        if self.broken is not None:
            self.broken(run)
        begin = keyholder.read(run.begin())
        half = DealtKeyholder.decode(theirs)
        begun, kept = keyholder.begin(begin, self.parties.hints, [half], [SECRET])
        finish = run.go_on(begun)
        assert finish is not None
        finished = keyholder.finish(finish, kept)
        return {
            "provider": self._provider(submission, own, begun, finish, finished),
            "keyholder": self._keyholder(begin, theirs, begun, finish),
        }

    def _provider(
        self, submission: Submission, own: bytes, begun: bytes, finish: bytes, finished: bytes
    ) -> View:
        values = wire.decode(wire.QUERY, submission.body)
        (first,) = wire.nested(wire.decode(wire.BEGUN, begun), "runs")
        (sent,) = wire.nested(wire.decode(wire.FINISH, finish), "runs")
        (last,) = wire.nested(wire.decode(wire.FINISHED, finished), "runs")
        fields = {name: wire.octets(values, name) for name in ("capsule", "commitment", "query")}
        fields |= {
            "values": wire.octets(first, "values"),
            "opened": wire.octets(first, "opened"),
            "tag": wire.octets(last, "tag"),
        }
        half = DealtProvider.decode(own).spend()
        rows = self.parties.prepared.rows
        derived = self._query_scores(fields["query"])
        if self.parties.mode is Mode.ONE_BIT:
            masked = unpacked(fields["values"], rows)
            derived |= self._distance_scores((masked - half.masks(rows)) & 511)
            both = plane(_xor(wire.octets(sent, "opened"), fields["opened"]))
            derived["bits opened by both"] = bits_of(both, 64 * len(both)).astype(np.float64)
            triple = half.triple(rows)
            found = comparing.look_up(masked, half.tables(rows))
            mine = comparing.result(
                found, triple, wire.octets(sent, "opened"), fields["opened"], first=True
            )
            if self.parties.names_entry:
                result = bits_of(mine ^ plane(wire.octets(last, "bits")), rows)
                derived["result"] = result.astype(np.float64)
        else:
            capacity = half.expansion.capacity
            hidden = unpacked(fields["values"], capacity)[:rows] - half.masks(rows)
            derived |= self._distance_scores(hidden & 511)
        fields = {name: body for name, body in fields.items() if body}
        return View(fields, derived)

    def _keyholder(self, begin: Begin, theirs: bytes, begun: bytes, finish: bytes) -> View:
        (asked,) = begin.runs
        (sent,) = wire.nested(wire.decode(wire.FINISH, finish), "runs")
        names = ("values", "opened", "tag")
        fields = {"capsule": asked.capsule, "commitment": asked.commitment, "masked": asked.masked}
        fields |= {name: wire.octets(sent, name) for name in names}
        seed = sealing.opened_seed(asked.capsule, asked.commitment, [SECRET], EPOCH)
        assert seed is not None
        hidden = unmasking(self.parties.hints.segments[0].hint, secret_slots(seed))
        distances = opened(asked.masked, hidden)
        derived = self._distance_scores(distances)
        derived["what rounding leaves"] = rounding(asked.masked, hidden)
        half = DealtKeyholder.decode(theirs).spend()
        rows = len(distances)
        if self.parties.mode is Mode.ONE_BIT:
            masked = comparing.masked(distances, half.masks(rows))
            found = comparing.look_up(masked, half.tables(rows))
            own = comparing.opening(found, half.triple(rows))
            share = comparing.result(found, half.triple(rows), own, fields["opened"], first=False)
            derived["share of the result"] = bits_of(share, rows).astype(np.float64)
            digest = equality.digest(half.digest_key, share.astype("<u8").tobytes())
            both = np.frombuffer(_xor(digest, fields["tag"]), np.uint8)
            derived["digests together"] = np.unpackbits(both).astype(np.float64)
        else:
            hiding = half.hiding()
            seen = shuffling.distances(unpacked(fields["values"], len(hiding.added)), hiding)
            derived["distances in their new order"] = np.sort(seen)[:rows] / 511
        fields = {name: body for name, body in fields.items() if body}
        return View(fields, derived)

    def _distance_scores(self, values: U16) -> dict[str, Numbers]:
        """Numbers modulo 512 that should be uniform, and what each picture would make of them."""
        scores = {"numbers": values / 511}
        for place, pdq in enumerate(self.known.pictures):
            away = (values - self._true_distances(pdq)) & 511
            scores[f"numbers less the distances of picture {place}"] = away / 511
            scores[f"numbers that are the distances of picture {place}"] = (away == 0) * 1.0
        return scores

    def _true_distances(self, pdq: bytes) -> U16:
        if pdq not in self.true:
            (segment,) = self.parties.rows_of(self.parties.version)
            rows = segment.hashes[:, :LIST_ROWS].reshape(-1, 32)
            away = [distance(pdq, row.tobytes()) for row in rows]
            self.true[pdq] = np.array(away, np.uint16)
        return self.true[pdq]

    def _query_scores(self, query: bytes) -> dict[str, Numbers]:
        """Whether a query is the first one's but for each picture's bits: were its key the same."""
        values = _coefficients(query)
        if self.first is None:
            self.first = values
        scores = {}
        away = values - self.first
        for place, pdq in enumerate(self.known.pictures):
            expected = HALF_LEVEL * (_signs(pdq) - _signs(self.known.pictures[0]))
            left = np.abs((away - expected + Q // 2) % Q - Q // 2)
            near = (left < HALF_LEVEL / 2).mean()
            scores[f"query less the first, as of picture {place}"] = np.array([near])
        return scores


def _coefficients(query: bytes) -> npt.NDArray[np.int64]:
    """The constant coefficients of a query's 256 columns, which carry the hash's bits.

    A polynomial's constant coefficient is the mean of its slots.
    """
    sums = read_query(query).view(np.int16).reshape(64, 2, 256).sum(axis=0, dtype=np.int64)
    return joined(*(own * pow(64, -1, p) % p for p, own in zip(PRIMES, sums, strict=True)))


def _signs(pdq: bytes) -> npt.NDArray[np.int64]:
    return 2 * np.unpackbits(np.frombuffer(pdq, np.uint8)).astype(np.int64) - 1


def rounding(packed: bytes, hidden: npt.NDArray[np.uint32]) -> Numbers:
    """What is left of each row once its level is taken off: noise and rounding, 0 to 1."""
    octets = np.zeros((len(packed) // 3, 4), np.uint8)
    octets[:, :3] = np.frombuffer(packed, np.uint8).reshape(-1, 3)
    pairs = octets.view("<u4").astype(np.int64).reshape(-1)
    sent = np.stack([pairs & 4095, pairs >> 12], axis=1).reshape(-1)
    left = sent * Q - SENT_LEVELS * hidden[:, :LIST_ROWS].astype(np.int64).reshape(-1)
    level = SENT_LEVELS // 512 * Q
    return ((left + level // 2) % level) / level


def _xor(one: bytes, two: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, two, strict=True))
