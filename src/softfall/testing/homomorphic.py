"""A keyholder in this process, and small epochs of option `homomorphic` that it serves.

Guarantees: the real halves of all parties, real lists laid into blocks, real dealt material, one
serial a query; only small, and without a socket, a store or a limit. `spoil` changes the bytes that
pass between provider and keyholder, so that an attack on either is a two-line test.
Our own lattice code, not audited.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from softfall.crypto import hpke
from softfall.crypto.lattice.prepared import prepare
from softfall.device.surroundings import REAL
from softfall.lists.manifest import Manifest
from softfall.options.confirm.keys import make_keys
from softfall.options.homomorphic import dealer, keyholder
from softfall.options.homomorphic.custodian import HomomorphicCustodian
from softfall.options.homomorphic.keyholder import HintList, HintSegment
from softfall.options.homomorphic.listing import ListVersion, read
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.provider import (
    Asked,
    HomomorphicProvider,
    Outcome,
    PreparedList,
    Run,
)
from softfall.options.homomorphic.provider_modes import PreparedSegment
from softfall.options.homomorphic.segments import BadListFile, Buffer, read_hint, read_rows
from softfall.testing.confirming import SmallConfirm
from softfall.testing.epochs import SmallCustodian, SmallEpoch

DAY_MS = 86_400_000


@dataclass
class KeptFiles:
    """A custodian's segments, in memory."""

    files: dict[bytes, bytes] = field(default_factory=dict)

    def keep(self, file: bytes) -> bytes:
        """Keep a file; returns its SHA-256."""
        digest = hashlib.sha256(file).digest()
        self.files[digest] = file
        return digest

    def read(self, sha256: bytes) -> Buffer:
        """A kept file. Raises BadListFile."""
        if sha256 not in self.files:
            raise BadListFile("no such file")
        return self.files[sha256]


@dataclass
class SmallKeyholder:
    """One keyholder and its dealer. spoil: what becomes of each message between the two parties."""

    secret: bytes = field(default_factory=lambda: REAL.random_bytes(hpke.SECRET_BYTES), repr=False)
    spoil: Callable[[bytes], bytes] = field(default=lambda body: body)
    serial: int = 0

    @property
    def public_key(self) -> bytes:
        """What devices seal to: 1,216 bytes."""
        return hpke.public_of(self.secret)

    def deal(self, mode: Mode, rows: int) -> tuple[DealtProvider, DealtKeyholder]:
        """Both halves of the next serial."""
        self.serial += 1
        dealt = dealer.deal(self.serial, mode, max(1, rows), REAL.random_bytes)
        return DealtProvider.decode(dealt.provider), DealtKeyholder.decode(dealt.keyholder)

    def match(
        self, listed: PreparedList, hints: HintList, asked: Sequence[Asked]
    ) -> Sequence[Outcome]:
        """One run of some queries. Raises as `Run` and the keyholder's half do."""
        dealt = [self.deal(listed.parameters.mode, listed.rows) for _ in asked]
        run = Run(listed, asked, [own for own, _ in dealt])
        question = keyholder.read(self.spoil(run.begin()))
        begun, kept = keyholder.begin(
            question, hints, [theirs for _, theirs in dealt], [self.secret]
        )
        finish = run.go_on(self.spoil(begun))
        if finish is None:
            return run.results(None)
        return run.results(self.spoil(keyholder.finish(self.spoil(finish), kept)))


@dataclass
class SmallList:
    """One epoch's list at all who hold a part of it. files: the custodian's."""

    files: KeptFiles
    version: ListVersion
    parameters: HomomorphicParameters

    @property
    def prepared(self) -> PreparedList:
        """As the provider has it."""
        segments = []
        for each in self.version.segments:
            rows = read_rows(self.files.read(each.rows_sha256), each.rows_sha256)
            segments.append(PreparedSegment(prepare(rows.hashes), rows.numbers, each.live))
        about = (self.version.epoch, self.version.list_version, self.parameters)
        return PreparedList(*about, tuple(segments))

    @property
    def hints(self) -> HintList:
        """As the keyholder has it."""
        segments = tuple(
            HintSegment(read_hint(self.files.read(each.hint_sha256), each.hint_sha256), each.live)
            for each in self.version.segments
        )
        return HintList(self.version.epoch, self.version.list_version, self.parameters, segments)


def lay_list(
    number: int, custodian: SmallCustodian, parameters: HomomorphicParameters,
    listed: Sequence[bytes],
) -> tuple[SmallList, HomomorphicCustodian, bytes]:  # fmt: skip
    """A list over these 32-byte hashes; the custodian's half, and the signed version 0."""
    files = KeptFiles()
    half = HomomorphicCustodian(number, parameters, files, REAL.random_bytes, custodian.signer)
    artefact = half.prepare(list(enumerate(listed, start=1)), lambda done, of: None).artefact
    return SmallList(files, read(artefact), parameters), half, artefact


def publish(
    number: int, custodian: SmallCustodian, keyholder: SmallKeyholder, listed: Sequence[bytes] = (),
    mode: Mode = Mode.ONE_BIT, days: float = 30,
) -> SmallEpoch:  # fmt: skip
    """An epoch of `homomorphic` whose provider is served by this keyholder."""
    parameters = HomomorphicParameters(REAL.random_bytes(32), keyholder.public_key, mode)
    laid, half, artefact = lay_list(number, custodian, parameters, listed)
    prepared, hints = laid.prepared, laid.hints
    now_ms = REAL.now_ms()
    told = Manifest(
        option=half.name,
        epoch=number,
        public_key=b"",
        artefact_sha256=hashlib.sha256(artefact).digest(),
        entries=len(listed),
        published_at_ms=now_ms,
        expires_at_ms=now_ms + int(days * DAY_MS),
        parameters=parameters.encode(),
    )
    return SmallEpoch(
        option=half.name,
        number=number,
        manifest=custodian.sign(told),
        custodian_half=half,
        provider_half=HomomorphicProvider(
            number, parameters, lambda asked: keyholder.match(prepared, hints, asked)
        ),
        mint=custodian.mint,
        confirm=SmallConfirm(make_keys(REAL.random_bytes(32), half.name, number), {}),
    )
