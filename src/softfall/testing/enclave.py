"""An enclave in this process, with its own software root, and small epochs of option `enclave`.

Guarantees: the real inner half, the real attester, real documents and seals; only small, unhardened
and without a socket. Every document is made by `statement`, so that an attack on attestation is a
test that changes one value of it. Not for production: nothing is measured.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from softfall.crypto.hpke import SECRET_BYTES
from softfall.device.surroundings import REAL
from softfall.enclave import attester
from softfall.enclave.attester import Claim, SoftwareAttester
from softfall.enclave.measure import PCR_BYTES, Pcrs
from softfall.lists.manifest import Manifest
from softfall.options.confirm.keys import make_keys
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import NITRO, Evidence, verify
from softfall.options.enclave.binding import key_digest, signer_digest
from softfall.options.enclave.custodian import EnclaveCustodian, derive_secret
from softfall.options.enclave.enclave import Enclave
from softfall.options.enclave.parameters import EnclaveParameters, Measurement, Policy
from softfall.options.enclave.provider import EnclaveProvider
from softfall.testing.confirming import SmallConfirm
from softfall.testing.epochs import SmallCustodian, SmallEpoch
from softfall.wire import Party

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
PCRS: Pcrs = {index: bytes([index + 1]) * PCR_BYTES for index in range(3)}


@dataclass(frozen=True)
class Statement:
    """What one attestation is made of, and when; an attack changes one of these."""

    pcrs: Pcrs
    folder: Path
    made_at_ms: int
    bound_key: bytes
    told_key: bytes
    signer: bytes
    nonce: bytes | None
    technology: int = NITRO

    def attestation(self) -> bytes:
        """The `enclave_attestation` that says so, signed by the root in `folder`."""
        made_at = datetime.fromtimestamp(self.made_at_ms / 1000, UTC)
        signing = SoftwareAttester.load(self.folder, self.pcrs, made_at)
        claim = Claim(key_digest(self.bound_key), signer_digest(self.signer), self.nonce)
        return wire.ATTESTATION.encode(
            {
                "version": wire.VERSION,
                "technology": self.technology,
                "document": signing.attest(claim, self.made_at_ms),
                "public_key": self.told_key,
                "collateral": b"",
            }
        )


class SmallEnclave:
    """One enclave. folder: for its attester's files. now_ms: milliseconds since 1970."""

    def __init__(
        self, folder: Path, custodian: SmallCustodian, now_ms: Callable[[], int] = REAL.now_ms
    ) -> None:
        self.folder = folder
        self.custodian = custodian
        self.now_ms = now_ms
        self.change: Callable[[Statement], Statement] = lambda statement: statement
        made_at = datetime.fromtimestamp(now_ms() / 1000, UTC) - timedelta(days=1)
        attester.create(folder, made_at)
        self.restart()

    def restart(self) -> None:
        """Another key, and no list."""
        self.inner = Enclave(REAL.random_bytes(SECRET_BYTES), self.custodian.public_key)

    def statement(self, nonce: bytes) -> Statement:
        """What an honest attestation for this nonce is made of."""
        key = self.inner.public_key
        signer = self.custodian.public_key
        return Statement(PCRS, self.folder, self.now_ms(), key, key, signer, nonce)

    def attest(self, nonce: bytes) -> bytes:
        """As GET /v1/attestation, but for what `change` makes of it."""
        return self.change(self.statement(nonce)).attestation()

    def ask(self, receiver: Party, body: bytes) -> bytes:
        """A provider's port to the enclave."""
        assert receiver is Party.ENCLAVE, "nobody else is asked"
        return self.inner.answer(body)

    def publish(
        self, number: int, *listed: bytes, policy: Policy = Policy.HASH, days: float = 30
    ) -> SmallEpoch:
        """An epoch that allows this enclave, its list already taken."""
        parameters = EnclaveParameters(
            list_signer=self.custodian.public_key,
            roots=(root_digest(self.folder),),
            measurements=(Measurement(PCRS[0], PCRS[1], PCRS[2]),),
            policy=policy,
            cache_lifetime_ms=HOUR_MS,
        )
        half = EnclaveCustodian(
            number, derive_secret(REAL.random_bytes(SECRET_BYTES), number), parameters
        )
        entries = list(enumerate(listed, start=1))
        prepared = half.prepare(entries, lambda done, of: None)
        now_ms = self.now_ms()
        told = Manifest(
            option=half.name,
            epoch=number,
            public_key=b"",
            artefact_sha256=hashlib.sha256(prepared.artefact).digest(),
            entries=len(listed),
            published_at_ms=now_ms,
            expires_at_ms=now_ms + int(days * DAY_MS),
            parameters=parameters.encode(),
        )
        manifest = self.custodian.sign(told)
        self._give_list(half, manifest, entries)
        return SmallEpoch(
            option=half.name,
            number=number,
            manifest=manifest,
            custodian_half=half,
            provider_half=EnclaveProvider(number, parameters),
            mint=self.custodian.mint,
            confirm=SmallConfirm(make_keys(REAL.random_bytes(32), half.name, number), {}),
        )

    def _give_list(
        self, half: EnclaveCustodian, manifest: bytes, entries: list[tuple[int, bytes]]
    ) -> None:
        nonce = REAL.random_bytes(wire.NONCE_BYTES)
        body = self.statement(nonce).attestation()
        evidence = Evidence(body, nonce, self.now_ms())
        attested = verify(evidence, half.parameters, self.now_ms())
        self.inner.take_list(half.seal_list(entries, manifest, attested), self.now_ms())


def root_digest(folder: Path) -> bytes:
    """SHA-256 of the software root in `folder`, as a manifest pins it."""
    root = x509.load_pem_x509_certificate((folder / attester.ROOT_CERTIFICATE).read_bytes())
    return hashlib.sha256(root.public_bytes(Encoding.DER)).digest()
