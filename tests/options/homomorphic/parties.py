"""The parties of `homomorphic` in one process: a custodian, a dealer, both servers, two devices."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from softfall.crypto import hpke
from softfall.crypto.lattice.prepared import prepare
from softfall.errors import UnavailableError
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Claim, Honest, Mismatch, ScanSecret, Submission
from softfall.options.homomorphic import dealer, keyholder, opening, wire
from softfall.options.homomorphic.custodian import HomomorphicCustodian
from softfall.options.homomorphic.device import HomomorphicDevice
from softfall.options.homomorphic.keyholder import HintList, HintSegment
from softfall.options.homomorphic.listing import ListVersion, read
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.provider import (
    Asked,
    HomomorphicProvider,
    Outcome,
    PreparedList,
    PreparedSegment,
    Run,
)
from softfall.options.homomorphic.segments import (
    BadListFile,
    Buffer,
    Rows,
    U32Array,
    read_hint,
    read_rows,
)

EPOCH = 7
ATTACHMENT_KEY = hashlib.sha256(b"an attachment").digest()
CUSTODIAN = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"the custodian").digest())
SIGNER = CUSTODIAN.public_key().public_bytes_raw()
SECRET = hashlib.shake_256(b"the keyholder").digest(hpke.SECRET_BYTES)
PUBLIC_SEED = hashlib.sha256(b"the epoch's public seed").digest()
KEYHOLDER_KEY = hpke.public_of(SECRET)

Entry = tuple[int, bytes]


def parameters(mode: Mode = Mode.ONE_BIT, names_entry: bool = True) -> HomomorphicParameters:
    return HomomorphicParameters(PUBLIC_SEED, KEYHOLDER_KEY, mode, names_entry)


def picture(bits: bytes) -> PdqHash:
    """A hash, all of whose bits are firm."""
    return PdqHash(bits, 100, np.full(256, 40, np.float32), b"")


def secret_of(label: str = "", epoch: int = EPOCH) -> ScanSecret:
    key = hashlib.sha256(ATTACHMENT_KEY + label.encode()).digest()
    return ScanSecret(key, "homomorphic", epoch)


def random_source(seed: int) -> Callable[[int], bytes]:
    """Reproducible bytes in place of the system's source."""
    rng = np.random.default_rng(seed)
    return rng.bytes


def hash_at(base: bytes, distance: int, seed: int = 0) -> bytes:
    """A hash at exactly this Hamming distance of another."""
    bits = np.unpackbits(np.frombuffer(base, np.uint8))
    bits[np.random.default_rng(seed).permutation(256)[:distance]] ^= 1
    return np.packbits(bits).tobytes()


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def random_hashes(count: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(32) for _ in range(count)]


class Shelf:
    """The custodian's files, in memory."""

    def __init__(self) -> None:
        self.files: dict[bytes, bytes] = {}

    def keep(self, file: bytes) -> bytes:
        digest = hashlib.sha256(file).digest()
        self.files[digest] = file
        return digest

    def read(self, sha256: bytes) -> Buffer:
        if sha256 not in self.files:
            raise BadListFile("no such file")
        return self.files[sha256]


class Exchange(NamedTuple):
    """All that passes between provider and keyholder in one run."""

    begin: bytes
    begun: bytes
    finish: bytes | None
    finished: bytes | None


@dataclass
class Parties:
    """One epoch. listed: entry number -> hash; spare_rows: dealt for beyond the list's."""

    listed: dict[int, bytes]
    mode: Mode = Mode.ONE_BIT
    names_entry: bool = True
    spare_rows: int = 0
    seed: int = 1
    shelf: Shelf = field(default_factory=Shelf)
    serial: int = 0
    versions: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random_bytes = random_source(self.seed)
        made = self.custodian.prepare(self.listed.items(), lambda done, total: None)
        self.versions.append(made.artefact)
        self._load()

    @cached_property
    def parameters(self) -> HomomorphicParameters:
        return parameters(self.mode, self.names_entry)

    @cached_property
    def custodian(self) -> HomomorphicCustodian:
        return HomomorphicCustodian(
            EPOCH, self.parameters, self.shelf, self.random_bytes, CUSTODIAN.sign
        )

    @cached_property
    def device(self) -> HomomorphicDevice:
        return HomomorphicDevice(EPOCH, self.parameters)

    @cached_property
    def provider(self) -> HomomorphicProvider:
        return HomomorphicProvider(EPOCH, self.parameters, self.matching)

    @property
    def version(self) -> ListVersion:
        return read(self.versions[-1])

    def change(self, added: Iterable[Entry] = (), withdrawn: Sequence[int] = ()) -> None:
        """The next version of the list, with both servers."""
        added = list(added)
        made = self.custodian.extend(self.version, added, withdrawn, lambda done, total: None)
        self.versions.append(made)
        self.listed = {n: h for n, h in self.listed.items() if n not in withdrawn} | dict(added)
        self._load()

    def rows_of(self, version: ListVersion) -> list[Rows]:
        return [read_rows(self.shelf.read(s.rows_sha256), s.rows_sha256) for s in version.segments]

    def hints_of(self, version: ListVersion) -> list[U32Array]:
        return [read_hint(self.shelf.read(s.hint_sha256), s.hint_sha256) for s in version.segments]

    def _load(self) -> None:
        version = self.version
        segments = list(zip(version.segments, self.rows_of(version), strict=True))
        hints = zip(version.segments, self.hints_of(version), strict=True)
        self.prepared = PreparedList(
            EPOCH,
            version.list_version,
            self.parameters,
            tuple(PreparedSegment(prepare(r.hashes), r.numbers, s.live) for s, r in segments),
        )
        self.hints = HintList(
            EPOCH,
            version.list_version,
            self.parameters,
            tuple(HintSegment(hint, segment.live) for segment, hint in hints),
        )

    def deal(self, mode: Mode | None = None, rows: int | None = None) -> tuple[bytes, bytes]:
        """Fresh material, encoded: the provider's and the keyholder's half."""
        self.serial += 1
        capacity = max(1, self.prepared.rows + self.spare_rows) if rows is None else rows
        seeds = dealer.draw(self.random_bytes)
        kind = mode or self.mode
        theirs = b"".join(dealer.keyholder_half(self.serial, kind, capacity, seeds))
        return dealer.provider_half(self.serial, kind, capacity, seeds), theirs

    def send(
        self, media: PdqHash | Unhashable | bytes, secret: ScanSecret | None = None
    ) -> tuple[Submission, bytes]:
        if isinstance(media, bytes):
            media = picture(media)
        return self.device.begin(media, secret or secret_of()).finish(None)

    def run_of(self, submissions: Sequence[Submission]) -> tuple[Run, list[DealtKeyholder]]:
        asked = [Asked.read(submission.body) for submission in submissions]
        dealt = [self.deal() for _ in asked]
        run = Run(self.prepared, asked, [DealtProvider.decode(own) for own, _ in dealt])
        return run, [DealtKeyholder.decode(theirs) for _, theirs in dealt]

    def exchange(self, submissions: Sequence[Submission]) -> tuple[list[Outcome], Exchange]:
        """One run between both servers, and all its bytes."""
        run, dealt = self.run_of(submissions)
        begin = run.begin()
        begun, kept = keyholder.begin(keyholder.read(begin), self.hints, dealt, [SECRET])
        finish = run.go_on(begun)
        finished = None if finish is None else keyholder.finish(finish, kept)
        return run.results(finished), Exchange(begin, begun, finish, finished)

    def outcome(self, media: PdqHash | Unhashable | bytes, label: str = "") -> Outcome:
        submission, _ = self.send(media, secret_of(label))
        ((outcome,), _) = self.exchange([submission])
        return outcome

    def matching(self, asked: Sequence[Asked]) -> Sequence[Outcome | UnavailableError]:
        dealt = [self.deal() for _ in asked]
        run = Run(self.prepared, asked, [DealtProvider.decode(own) for own, _ in dealt])
        halves = [DealtKeyholder.decode(theirs) for _, theirs in dealt]
        begun, kept = keyholder.begin(keyholder.read(run.begin()), self.hints, halves, [SECRET])
        finish = run.go_on(begun)
        return run.results(None if finish is None else keyholder.finish(finish, kept))

    def near(self, hash_bits: bytes) -> tuple[int, ...]:
        """What plain PDQ says: the entries within 31 bits."""
        return tuple(
            sorted(n for n, listed in self.listed.items() if distance(hash_bits, listed) <= 31)
        )

    def check(
        self, media: PdqHash | Unhashable, body: bytes, submission: Submission
    ) -> Honest | Mismatch:
        """What the recipient finds; a provider that is shown the opening finds it too."""
        found = self.device.check(media, secret_of(), body, submission.digest)
        claim = Claim(body, secret_of().attachment_key, self.manifest, submission.digest)
        proved = [each for each in (opening.disprove(claim), opening.differs(media, claim)) if each]
        assert found in proved if isinstance(found, Mismatch) else not proved
        return found

    @cached_property
    def manifest(self) -> Manifest:
        artefact = hashlib.sha256(self.versions[0]).digest()
        return Manifest(
            "homomorphic", EPOCH, b"", artefact, len(self.listed), 1, 2, self.parameters.encode()
        )


def changed(submission: Submission, **changes: wire.Value) -> Submission:
    """The submission with fields of its body replaced."""
    values = wire.decode(wire.QUERY, submission.body) | changes
    return replace(submission, body=wire.QUERY.encode(values))


def reopened(body: bytes, **changes: wire.Value) -> bytes:
    """The opening with fields replaced."""
    return wire.OPENING.encode(wire.decode(wire.OPENING, body) | changes)
