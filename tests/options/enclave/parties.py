"""The parties of `enclave` in one process: a custodian that signs, an enclave, two devices."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from softfall.lists.manifest import Manifest, read, sign
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.options.contract import Claim, Honest, Mismatch, ScanSecret, Submission, Verdict
from softfall.options.enclave import opening, wire
from softfall.options.enclave.attestation import Attested, verify
from softfall.options.enclave.binding import key_digest, signer_digest
from softfall.options.enclave.custodian import EnclaveCustodian, derive_secret
from softfall.options.enclave.device import EnclaveDevice
from softfall.options.enclave.enclave import Enclave
from softfall.options.enclave.outcomes import Outcome
from softfall.options.enclave.parameters import EnclaveParameters, Policy
from softfall.options.enclave.provider import EnclaveProvider, outcomes, question
from softfall.wire import Party
from tests.options.enclave.attester import NOW_MS, SECRET, Attester, evidence, parameters

ATTACHMENT_KEY = hashlib.sha256(b"an attachment").digest()
CUSTODIAN = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"the custodian").digest())
SIGNER = CUSTODIAN.public_key().public_bytes_raw()
EPOCH = 7


def random_hash(seed: int) -> PdqHash:
    """A hash with 128 ones, all of them firm."""
    rng = np.random.default_rng(seed)
    bits = rng.permutation(np.repeat(np.array([0, 1], np.uint8), 128))
    plane = rng.integers(0, 256, 4096, np.uint8).tobytes()
    return PdqHash(np.packbits(bits).tobytes(), 100, np.full(256, 40, np.float32), plane)


def flipped(media: PdqHash, count: int) -> PdqHash:
    """The same with its first `count` bits the other way."""
    bits = np.unpackbits(np.frombuffer(media.bits, np.uint8))
    bits[:count] ^= 1
    return replace(media, bits=np.packbits(bits).tobytes())


def picture(seed: int) -> PdqHash:
    """A hash from pixels, luminance and all."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    found = pdq(np.ascontiguousarray(coarse.repeat(40, 0).repeat(40, 1)))
    assert isinstance(found, PdqHash)
    return found


def secret_of(label: str = "", epoch: int = EPOCH) -> ScanSecret:
    return ScanSecret(hashlib.sha256(ATTACHMENT_KEY + label.encode()).digest(), "enclave", epoch)


@dataclass
class Parties:
    """One epoch; `listed` is what the custodian's list holds."""

    listed: list[PdqHash]
    policy: Policy = Policy.HASH
    epoch: int = EPOCH
    secret: bytes = SECRET
    enclave: Enclave = field(init=False)

    def __post_init__(self) -> None:
        self.enclave = Enclave(self.secret, SIGNER)
        self.enclave.take_list(self.sealed_list())

    @cached_property
    def parameters(self) -> EnclaveParameters:
        return parameters(list_signer=SIGNER, policy=self.policy)

    @cached_property
    def custodian(self) -> EnclaveCustodian:
        secret = derive_secret(hashlib.sha256(b"seed").digest(), self.epoch)
        return EnclaveCustodian(self.epoch, secret, self.parameters)

    @property
    def entries(self) -> list[tuple[int, bytes]]:
        return [(number, media.bits) for number, media in enumerate(self.listed)]

    def manifest(self, **changes: object) -> bytes:
        prepared = self.custodian.prepare(self.entries, lambda done, total: None)
        told = Manifest(
            option="enclave",
            epoch=self.epoch,
            public_key=prepared.public_key,
            artefact_sha256=hashlib.sha256(prepared.artefact).digest(),
            entries=len(self.listed),
            published_at_ms=NOW_MS - 1000,
            expires_at_ms=NOW_MS + 86_400_000,
            parameters=self.parameters.encode(),
        )
        return sign(replace(told, **changes), CUSTODIAN.sign)  # type: ignore[arg-type]

    def sealed_list(self, manifest: bytes | None = None) -> bytes:
        return self.custodian.seal_list(self.entries, manifest or self.manifest(), self.attested())

    def attested(self) -> Attested:
        document = Attester().document(
            public_key=key_digest(self.enclave.public_key), user_data=signer_digest(SIGNER)
        )
        return verify(evidence(document, self.enclave.public_key), self.parameters, NOW_MS)

    @cached_property
    def device(self) -> EnclaveDevice:
        return EnclaveDevice(self.epoch, self.parameters, self.attested)

    @cached_property
    def provider(self) -> EnclaveProvider:
        return EnclaveProvider(self.epoch, self.parameters)

    def ask(self, receiver: Party, body: bytes) -> bytes:
        """The provider's port."""
        assert receiver is Party.ENCLAVE
        return self.enclave.answer(body)

    def send(
        self, media: PdqHash | Unhashable, secret: ScanSecret | None = None
    ) -> tuple[Submission, bytes]:
        return self.device.begin(media, secret or secret_of()).finish(None)

    def judge(self, submission: Submission) -> Verdict:
        return self.provider.judge(submission, self)

    def outcome(self, submission: Submission) -> Outcome:
        (outcome,) = outcomes(self.enclave.answer(question([submission])), 1)
        return outcome

    def check(
        self, media: PdqHash | Unhashable, body: bytes, submission: Submission
    ) -> Honest | Mismatch:
        found = self.device.check(media, secret_of(), body, submission.digest)
        self._shown_in_a_report(found, media, body, submission)
        return found

    def _shown_in_a_report(
        self,
        found: Honest | Mismatch,
        media: PdqHash | Unhashable,
        body: bytes,
        submission: Submission,
    ) -> None:
        """A provider that is shown the opening finds what the recipient found, each time."""
        claim = Claim(body, secret_of().attachment_key, self._told, submission.digest)
        proved = [each for each in (opening.disprove(claim), opening.differs(media, claim)) if each]
        assert found in proved if isinstance(found, Mismatch) else not proved

    @cached_property
    def _told(self) -> Manifest:
        return read(self.manifest())


def changed(submission: Submission, **changes: wire.Value) -> Submission:
    """The submission with fields of its body replaced."""
    values = wire.decode(wire.SEALED, submission.body) | changes
    return replace(submission, body=wire.SEALED.encode(values))


def reopened(opening: bytes, **changes: wire.Value) -> bytes:
    """The opening with fields replaced."""
    return wire.OPENING.encode(wire.decode(wire.OPENING, opening) | changes)
