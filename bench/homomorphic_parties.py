"""All parties of `homomorphic` in one process, timed by party: the product's own halves.

What the parties hand each other is encoded and decoded as over HTTP; material is dealt in advance,
and that time is the dealer's. Lists are random hashes: distances and times do not depend on
them.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from softfall.crypto import hpke
from softfall.crypto.lattice.masking import masked, opened
from softfall.crypto.lattice.prepared import prepare, products
from softfall.crypto.lattice.query import encrypt, read_query
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from softfall.media.pdq import PdqHash
from softfall.options.contract import ScanSecret, Submission
from softfall.options.homomorphic import dealer, keyholder
from softfall.options.homomorphic.custodian import HomomorphicCustodian
from softfall.options.homomorphic.device import HomomorphicDevice
from softfall.options.homomorphic.keyholder import HintList, HintSegment
from softfall.options.homomorphic.listing import ListVersion, read
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.provider import Asked, Match, PreparedList, Run
from softfall.options.homomorphic.provider_modes import PreparedSegment
from softfall.options.homomorphic.segments import read_hint, read_rows
from softfall.testing.homomorphic import KeptFiles

EPOCH = 1
MARGINS = np.full(256, 40, np.float32)


@dataclass
class Times:
    """Milliseconds by party, of one run."""

    ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def of(self, party: str) -> Iterator[None]:
        start_ns = time.perf_counter_ns()
        yield
        self.ms[party] += (time.perf_counter_ns() - start_ns) / 1e6

    @property
    def total_ms(self) -> float:
        """All parties', but for the dealer, who works in advance."""
        return sum(took for party, took in self.ms.items() if party != "dealer")


class Parties:
    """Custodian, provider, keyholder, dealer and device, with a list of so many entries."""

    def __init__(self, entries: int, seed: int = 1) -> None:
        self.listed = np.random.default_rng(seed).integers(0, 256, (entries, 32), np.uint8)
        self._secret = os.urandom(hpke.SECRET_BYTES)
        self._parameters = HomomorphicParameters(os.urandom(32), hpke.public_of(self._secret))
        self._serial = 0
        kept = KeptFiles()
        self.version = self._laid(kept)
        self.row_files = {each.rows_sha256: kept.read(each.rows_sha256) for each in self._segments}
        self._hints = tuple(
            HintSegment(read_hint(kept.read(each.hint_sha256)), each.live)
            for each in self._segments
        )
        self._prepared = tuple(self._opened_rows())
        self._device = HomomorphicDevice(EPOCH, self._parameters)

    def deal(self, mode: Mode = Mode.ONE_BIT) -> tuple[bytes, bytes]:
        """Both halves of one serial, encoded."""
        self._serial += 1
        rows = self.list_of(mode).rows
        return tuple(dealer.deal(self._serial, mode, rows, os.urandom))  # type: ignore[return-value]

    def send(self, bits: bytes) -> Submission:
        """One picture's submission."""
        secret = ScanSecret(os.urandom(32), "homomorphic", EPOCH)
        return self._device.begin(PdqHash(bits, 100, MARGINS), secret).finish(None)[0]

    def judge(
        self, pictures: Sequence[bytes], mode: Mode = Mode.ONE_BIT, threads: int = 2
    ) -> tuple[list[bool], Times]:
        """Each picture's bit, from its hash on; all of them in one run."""
        times = Times()
        with times.of("dealer"):
            dealt = [self.deal(mode) for _ in pictures]
        with times.of("device"):
            bodies = [self.send(bits).body for bits in pictures]
        with times.of("provider"):
            asked = [Asked.read(body) for body in bodies]
            halves = [DealtProvider.decode(own) for own, _ in dealt]
            run = Run(self.list_of(mode), asked, halves, threads)
            begin = run.begin()
        with times.of("keyholder"):
            theirs = [DealtKeyholder.decode(own) for _, own in dealt]
            hints = HintList(EPOCH, 0, self._in(mode), self._hints)
            begun, kept = keyholder.begin(
                keyholder.read(begin), hints, theirs, [self._secret], threads
            )
        with times.of("provider"):
            finish = run.go_on(begun)
        assert finish is not None
        with times.of("keyholder"):
            finished = keyholder.finish(finish, kept)
        with times.of("provider"):
            outcomes = run.results(finished)
        return [isinstance(each, Match) for each in outcomes], times

    def list_of(self, mode: Mode) -> PreparedList:
        """The list as the provider has it."""
        return PreparedList(EPOCH, 0, self._in(mode), self._prepared)

    def distances(self, bits: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
        """What the lattice alone decrypts of each living list row, with masks of zero."""
        secret_seed, error_seed = os.urandom(32), os.urandom(32)
        query = read_query(encrypt(bits, secret_seed, error_seed, self._device._public))[None]
        found = []
        for own, hint in zip(self._prepared, self._hints, strict=True):
            values = products(own.prepared, query)[0]
            sent = masked(values, np.zeros(len(values) * 48, np.uint16))
            found.append(opened(sent, unmasking(hint.hint, secret_slots(secret_seed))))
        return np.concatenate(found)

    def plain_distances(self, bits: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
        """The same in the clear."""
        parts = []
        for each in self._segments:
            rows = read_rows(self.row_files[each.rows_sha256]).hashes[:, :48]
            differing = np.bitwise_count(rows ^ np.frombuffer(bits, np.uint8))
            parts.append(differing.sum(axis=2, dtype=np.uint16).reshape(-1))
        return np.concatenate(parts)

    @cached_property
    def blocks(self) -> int:
        """Of the whole list."""
        return sum(len(each.numbers) for each in self._prepared)

    @property
    def _segments(self) -> tuple:  # type: ignore[type-arg]
        return self.version.segments

    def _in(self, mode: Mode) -> HomomorphicParameters:
        return replace(self._parameters, mode=mode)

    def _laid(self, kept: KeptFiles) -> ListVersion:
        key = Ed25519PrivateKey.generate()
        half = HomomorphicCustodian(EPOCH, self._parameters, kept, os.urandom, key.sign)
        entries = ((number, row.tobytes()) for number, row in enumerate(self.listed, 1))
        return read(half.prepare(entries, lambda done, of: None).artefact)

    def _opened_rows(self) -> Iterator[PreparedSegment]:
        for each in self._segments:
            rows = read_rows(self.row_files[each.rows_sha256])
            yield PreparedSegment(prepare(rows.hashes), rows.numbers, each.live)
