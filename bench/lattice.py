"""The `homomorphic` option: all parties' compute for a picture, a batch, preparing; and libraries.

One picture: the device hashes nothing here (that is `hashing`), seals its key and encrypts; the
provider multiplies; the keyholder decrypts masked values; two round trips of the comparison and the
equality test follow. All of it is the product's own code, every message is encoded and decoded, 16
of each block's 64 rows are dummies; HTTP between the parties is not in it (`homomorphic_http`). The
dealer works in advance (`dealing`).
Peers: OpenFHE and TenSEAL, at their own 128-bit parameters, for the distances alone: encrypting is
not in their time, nor is anything that would keep the distances from whoever decrypts. One thread
each, ours too. A pass takes them as long for each group of 4,096 entries, so they are asked for a
shorter list, and their time is multiplied for a million: a figure says how near twice the entries
come to twice the time. The ratio that a goal is about is given only where both have run.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.figures import Check, Figure
from bench.hashes import RADIUS_BITS
from bench.homomorphic_parties import Parties, Times
from bench.homomorphic_peers import Peer, interpreter
from bench.rows import Row
from softfall.options.homomorphic.parameters import Mode
from softfall.provider.homomorphic.shelf import Shelf

MILLION = 1_000_000
SHORTER = 100_000
ROUNDS = 9
BATCH = 8
PEER_ENTRIES = {"openfhe": 32_768, "tenseal": 8_192}
WORK = "distances to {entries:,} entries, two threads each"
DISTANCES_BITS = (0, 30, 31, 32, 128)


@cache
def parties(entries: int) -> Parties:
    return Parties(entries)


def rows() -> list[Row]:
    return [_against(peer) for peer in PEER_ENTRIES if interpreter(peer)]


def figures() -> list[Figure]:
    made: list[Figure] = []
    for name, entries in (("100k", SHORTER), ("1m", MILLION)):
        made += _one_picture(name, parties(entries), Mode.ONE_BIT)
    made += _one_picture("1m", parties(MILLION), Mode.PERMUTED)
    made += _batch(parties(MILLION))
    made += _exactness(parties(MILLION))
    made += _preparing(parties(MILLION))
    return made


def near(bits: bytes, distance_bits: int) -> bytes:
    """A hash so far from another."""
    flipped = np.unpackbits(np.frombuffer(bits, np.uint8))
    places = np.random.default_rng(distance_bits).permutation(256)[:distance_bits]
    flipped[places] ^= 1
    return np.packbits(flipped).tobytes()


def _against(name: str) -> Row:
    """A library and the whole option, turn about, on the same list; and the option at a million."""
    entries = PEER_ENTRIES[name]
    ours, whole = parties(entries), parties(MILLION)
    bits = near(ours.listed[7].tobytes(), 31)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peer = stack.enter_context(Peer(name, folder, ours.listed, bits))
        halved = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        half = stack.enter_context(Peer(name, halved, ours.listed[: entries // 2], bits))
        sides: dict[str, Callable[[], float]] = {
            "ours": partial(_total_ms, ours, bits),
            "peer": peer.pass_ms,
            "half": half.pass_ms,
            "million": partial(_total_ms, whole, bits),
        }
        taken = _in_turns(sides)
        wrong = _differ(ours, bits, peer.distances())
        about = peer.about
    _AT_A_MILLION[name] = median(taken["peer"]) * MILLION / entries / median(taken["million"])
    _DOUBLED[name] = median(taken["peer"]) / median(taken["half"])
    our_ms, peer_ms = median(taken["ours"]), median(taken["peer"])
    return Row(
        work=WORK.format(entries=entries)
        + f" (theirs: {about['query_bytes'] / 1e6:.3g} MB up, and decrypted in the clear)",
        peer=f"{name} {about['version']}, {about['security']}",
        our_median_ms=our_ms,
        peer_median_ms=peer_ms,
        ratio=peer_ms / our_ms,
        our_peak_bytes=None,
        peer_peak_bytes=None,
        rounds=ROUNDS,
        exact=not wrong,
        exactness=wrong or "all distances equal, and our bit is theirs",
    )


# Each library's time at a million entries over ours, from the interleaved run of `rows`.
_AT_A_MILLION: dict[str, float] = {}
# Each library's time for its list over that for half of it, from the same run: 2 if it is linear.
_DOUBLED: dict[str, float] = {}


def _total_ms(own: Parties, bits: bytes) -> float:
    return own.judge([bits], threads=2)[1].total_ms


def _in_turns(sides: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    for work in sides.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(ROUNDS):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            taken[name].append(sides[name]())
    return taken


def _differ(ours: Parties, bits: bytes, theirs: list[int]) -> str:
    plain = np.bitwise_count(ours.listed ^ np.frombuffer(bits, np.uint8)).sum(axis=1)
    if theirs != plain.tolist():
        return "the peer's distances are not the plain ones"
    if not np.array_equal(ours.distances(bits), ours.plain_distances(bits)):
        return "our distances are not the plain ones"
    return "" if ours.judge([bits])[0] == [min(theirs) <= RADIUS_BITS] else "the bits differ"


@dataclass(frozen=True, slots=True)
class _Runs:
    """Several runs of one picture: their times, and whether each bit was right."""

    times: list[Times]
    right: Check

    def median_ms(self, part: Callable[[Times], float]) -> float:
        return median(part(each) for each in self.times)


def _runs(own: Parties, mode: Mode) -> _Runs:
    bits, right = own.listed[11].tobytes(), True
    times = []
    for turn in range(ROUNDS):
        distance_bits = DISTANCES_BITS[turn % len(DISTANCES_BITS)]
        found, taken = own.judge([near(bits, distance_bits)], mode)
        right = right and found == [distance_bits <= RADIUS_BITS]
        times.append(taken)
    said = ", ".join(map(str, DISTANCES_BITS))
    return _Runs(times, Check(right, f"bits right at distances {said}"))


def _one_picture(name: str, own: Parties, mode: Mode) -> list[Figure]:
    runs = _runs(own, mode)
    key, check = f"homomorphic.{mode.name.lower()}.{name}", runs.right
    what = f"one picture among {len(own.listed):,}, {mode.name.lower().replace('_', ' ')}"
    made = [
        check.figure(
            f"{key}.total", f"{what}: all parties", runs.median_ms(lambda t: t.total_ms), "ms"
        )
    ]
    for party in ("device", "provider", "keyholder"):
        took_ms = runs.median_ms(lambda t, party=party: t.ms[party])  # type: ignore[misc]
        made.append(check.figure(f"{key}.{party}", f"{what}: {party}", took_ms, "ms"))
    if mode is Mode.ONE_BIT:
        upload = len(own.send(own.listed[0].tobytes()).body)
        made.append(check.figure(f"{key}.upload", f"{what}: upload", upload, "bytes"))
    return made


def _batch(own: Parties) -> list[Figure]:
    rng, right, times = np.random.default_rng(5), True, []
    pictures = [near(own.listed[20 + k].tobytes(), 30 + k % 3) for k in range(BATCH - 1)]
    pictures.append(rng.bytes(32))
    expected = [30 + k % 3 <= RADIUS_BITS for k in range(BATCH - 1)] + [False]
    for _ in range(max(3, ROUNDS // 2)):
        found, taken = own.judge(pictures)
        right = right and found == expected
        times.append(taken)
    runs = _Runs(times, Check(right, "bits right"))
    what = f"a batch of {BATCH} among {len(own.listed):,}, each"
    return [
        runs.right.figure(
            f"homomorphic.batch.{party}",
            f"{what}: {party}",
            runs.median_ms(lambda t, party=party: t.ms[party]) / BATCH,  # type: ignore[misc]
            "ms",
        )
        for party in ("device", "provider", "keyholder")
    ]


def _exactness(own: Parties) -> list[Figure]:
    """Recall and false holds are plain PDQ's because every distance is."""
    differing = 0
    for seed in range(3):
        bits = np.random.default_rng(seed).bytes(32) if seed else own.listed[3].tobytes()
        differing += int((own.distances(bits) != own.plain_distances(bits)).sum())
    check = Check(differing == 0, f"three pictures against {own.blocks * 48:,} rows")
    made = [
        check.figure("homomorphic.differing", "distances unlike plain PDQ's", differing, "rows")
    ]
    return made + ratios(check, _AT_A_MILLION, _DOUBLED)


def ratios(
    check: Check, at_a_million: Mapping[str, float], doubled: Mapping[str, float]
) -> list[Figure]:
    """Each library that ran beside us; and the quicker one's ratio, only where all have run."""
    made: list[Figure] = []
    for name, times in at_a_million.items():
        asked = PEER_ENTRIES[name]
        what = f"{name}'s time, scaled from {asked:,} to 1,000,000 entries, over ours; two threads"
        made.append(check.figure(f"homomorphic.ratio.{name}", what, times, "times"))
        what = f"{name}'s time for {asked:,} entries over that for {asked // 2:,}"
        made.append(check.figure(f"homomorphic.doubled.{name}", what, doubled[name], "times"))
    if set(at_a_million) == set(PEER_ENTRIES):
        best = min(at_a_million.values())
        what = "the quicker library's time, scaled to 1,000,000 entries, over ours"
        made.append(check.figure("homomorphic.ratio", what, best, "times"))
    return made


def _preparing(own: Parties) -> list[Figure]:
    """As the provider does: prepared, written, compared with its digest, mapped."""
    with tempfile.TemporaryDirectory() as place:
        shelf = Shelf(Path(place))
        for file in own.row_files.values():
            shelf.rows.put(bytes(file))
        start = time.perf_counter()
        segments: list[Any] = [shelf.open(each) for each in own.version.segments]
        seconds = time.perf_counter() - start
        mapped = sum(each.prepared.nbytes + each.numbers.nbytes for each in segments)
        (first, *_), (kept, *_) = segments, own.list_of(Mode.ONE_BIT).segments
        check = Check(np.array_equal(first.prepared, kept.prepared), "as prepared in memory")
        del segments, first
    what = f"preparing {len(own.listed):,} entries"
    return [
        check.figure("homomorphic.preparing", f"{what}: made, written, checked", seconds, "s"),
        check.figure("homomorphic.mapped", f"{what}: mapped", mapped, "bytes"),
    ]
