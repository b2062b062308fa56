"""The `enclave` option against a list of a million: one picture, a batch, and the attestation.

One picture: the cached document is verified again, whole; the hash is sealed (post-quantum HPKE);
the enclave opens it, checks its commitment, scans every entry, and answers. A batch: 64 sealed
pictures are opened and scanned together. First contact adds: a document made for a fresh nonce,
and verified. All of it is the product's own code, without HTTP between the parties.
Peers: `threatexchange`'s flat index (on faiss), which platforms run today on readable hashes, asked
about the same pictures; for the attestation, `cryptography`'s own verifier on the same chain, plus
the document's signature.
"""

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store
from threatexchange.signal_type.pdq.pdq_faiss_matcher import PDQFlatHashIndex

from bench.figures import Check, Figure, processor_ms
from bench.hashes import RADIUS_BITS, balanced, flipped
from bench.rows import Row, compare
from softfall.crypto.hpke import SECRET_BYTES
from softfall.enclave.attester import ROOT_CERTIFICATE, Claim, SoftwareAttester, create
from softfall.lists.manifest import Manifest, sign
from softfall.media.pdq import PdqHash
from softfall.options.contract import ScanSecret, Submission
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import Attested, Evidence, verify
from softfall.options.enclave.binding import key_digest, signer_digest
from softfall.options.enclave.custodian import EnclaveCustodian, derive_secret
from softfall.options.enclave.device import EnclaveDevice
from softfall.options.enclave.documents import parse
from softfall.options.enclave.enclave import Enclave
from softfall.options.enclave.outcomes import Outcome
from softfall.options.enclave.parameters import EnclaveParameters, Measurement
from softfall.options.enclave.provider import outcomes, question

ENTRIES = 1_000_000
BATCH = 64
FEW = 1_000
EPOCH = 1
PCRS = {index: bytes([index + 1]) * 48 for index in range(3)}


def rows() -> list[Row]:
    faiss.omp_set_num_threads(1)  # its threads would also not survive the fork that weighs memory
    rng = np.random.default_rng(1)
    listed = balanced(rng, ENTRIES)
    pictures = flipped(rng, listed[: BATCH // 2]) + balanced(rng, BATCH // 2)
    parties = _Parties(listed)
    flat = PDQFlatHashIndex()
    flat.add([pdq.hex() for pdq in listed], range(ENTRIES))
    search = partial(_search, flat)
    one = partial(
        compare,
        f"one picture among {ENTRIES:,}: document verified, sealed, opened, scanned",
        peer="threatexchange",
        same="same verdict as the flat index",
    )
    sealed = question([parties.send(bits) for bits in pictures])
    batch = partial(
        compare,
        peer="threatexchange",
        theirs=partial(search, pictures),
        same="same verdicts as the flat index",
    )
    return [
        one(ours=partial(parties.judge, pictures[:1]), theirs=partial(search, pictures[:1])),
        batch(
            f"{BATCH} sealed pictures among {ENTRIES:,}, one thread",
            ours=partial(parties.answer, sealed, 1),
        ),
        batch(
            f"{BATCH} sealed pictures among {ENTRIES:,}, {_cores()} threads (the peer: one)",
            ours=partial(parties.answer, sealed, _cores()),
        ),
        parties.first_contact(),
    ]


def figures() -> list[Figure]:
    """What the attestation costs a device, and how much travels; the list's size is no matter."""
    rng = np.random.default_rng(1)
    parties = _Parties(balanced(rng, FEW))
    (bits,) = balanced(rng, 1)
    kept, sent = parties.evidence, parties.send(bits)
    told = wire.octets(wire.decode(wire.ATTESTATION, kept.body), "document")
    checked = Check(parties.attested().software, "accepted, as the local root's")
    answered = Check(parties.judge([bits]) == [False], "an unlisted picture is clear")
    times_ms = processor_ms({"verify": parties.attested, "send": partial(parties.send, bits)})
    return [
        checked.figure(
            "enclave.verify", "a cached document verified again", times_ms["verify"], "ms"
        ),
        checked.figure("enclave.document", "an attestation document", len(told), "bytes"),
        answered.figure(
            "enclave.device", "the device's whole work: verified, sealed", times_ms["send"], "ms"
        ),
        answered.figure("enclave.submission", "a sealed picture", len(sent.body), "bytes"),
    ]


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class _Parties:
    """Attester, custodian, enclave and device, with a list of so many."""

    def __init__(self, listed: list[bytes]) -> None:
        custodian_key = Ed25519PrivateKey.generate()
        signer = custodian_key.public_key().public_bytes_raw()
        self._signer = signer
        with tempfile.TemporaryDirectory() as folder:
            create(Path(folder), datetime.now(UTC))
            self._attester = SoftwareAttester.load(Path(folder), PCRS, datetime.now(UTC))
            pem = (Path(folder) / ROOT_CERTIFICATE).read_bytes()
        root = x509.load_pem_x509_certificate(pem)
        self._root = root
        fingerprint = root.fingerprint(SHA256())
        self._parameters = EnclaveParameters(
            signer, (fingerprint,), (Measurement(PCRS[0], PCRS[1], PCRS[2]),)
        )
        secret = os.urandom(SECRET_BYTES)
        self._enclaves = {1: Enclave(secret, signer)}
        self._enclaves[_cores()] = Enclave(secret, signer, _FreshThreads(), _cores())  # type: ignore[arg-type]
        self.evidence = self.contact()
        custodian = EnclaveCustodian(EPOCH, derive_secret(bytes(32), EPOCH), self._parameters)
        entries = list(enumerate(listed))
        prepared = custodian.prepare(entries, lambda done, total: None)
        now_ms = _now_ms()
        manifest = sign(
            Manifest(
                option="enclave",
                epoch=EPOCH,
                public_key=b"",
                artefact_sha256=hashlib.sha256(prepared.artefact).digest(),
                entries=len(listed),
                published_at_ms=now_ms,
                expires_at_ms=now_ms + 86_400_000,
                parameters=self._parameters.encode(),
            ),
            custodian_key.sign,
        )
        for enclave in self._enclaves.values():
            enclave.take_list(custodian.seal_list(entries, manifest, self.attested()))
        self._device = EnclaveDevice(EPOCH, self._parameters, self.attested)

    def contact(self) -> Evidence:
        """A document for a fresh nonce, as the enclave's service makes it."""
        nonce, enclave = os.urandom(wire.NONCE_BYTES), self._enclaves[1]
        claim = Claim(key_digest(enclave.public_key), signer_digest(self._signer), nonce)
        now_ms = _now_ms()
        values: dict[str, Any] = {
            "version": wire.VERSION,
            "technology": 0,
            "document": self._attester.attest(claim, now_ms),
            "public_key": enclave.public_key,
            "collateral": b"",
        }
        return Evidence(wire.ATTESTATION.encode(values), nonce, now_ms)

    def attested(self) -> Attested:
        """The cached document, verified again."""
        return verify(self.evidence, self._parameters, _now_ms())

    def send(self, bits: bytes) -> Submission:
        """One picture, sealed."""
        media = PdqHash(bits, 100, np.full(256, 40, np.float32))
        secret = ScanSecret(os.urandom(32), "enclave", EPOCH)
        return self._device.begin(media, secret).finish(None)[0]

    def judge(self, pictures: list[bytes]) -> list[bool]:
        """From hash to verdict, one picture at a time."""
        found: list[bool] = []
        for bits in pictures:
            found += self.answer(question([self.send(bits)]), _cores())
        return found

    def answer(self, asked: bytes, threads: int) -> list[bool]:
        """What the enclave says of each submission."""
        told = wire.QUESTION.decode(asked)["submissions"]
        assert isinstance(told, list)
        said = outcomes(self._enclaves[threads].answer(asked), len(told))
        assert set(said) <= {Outcome.CLEAR, Outcome.MATCH}
        return [outcome is Outcome.MATCH for outcome in said]

    def first_contact(self) -> Row:
        """What the first picture costs more than the next."""
        return compare(
            "first contact: a document made, then verified whole",
            peer="cryptography",
            ours=self._meet,
            theirs=self._meet_by_library,
            same="both accept it",
        )

    def _meet(self) -> bool:
        evidence = self.contact()
        return verify(evidence, self._parameters, _now_ms()).software

    def _meet_by_library(self) -> bool:
        signed = parse(wire.octets(wire.decode(wire.ATTESTATION, self.contact().body), "document"))
        chain = [x509.load_der_x509_certificate(der) for der in signed.document.cabundle]
        leaf = x509.load_der_x509_certificate(signed.document.certificate)
        anything = ExtensionPolicy.permit_all()
        authorities = anything.require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
        builder = PolicyBuilder().store(Store([self._root])).time(datetime.now(UTC))
        builder = builder.extension_policies(ca_policy=authorities, ee_policy=anything)
        found = builder.build_client_verifier().verify(leaf, chain[1:])
        key = found.chain[0].public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signed.signature, signed.signed, ec.ECDSA(SHA384()))
        return True


class _FreshThreads:
    """Threads made for each scan: a pool's own would not survive the fork that weighs memory."""

    def map(self, function: Any, *columns: Any) -> list[Any]:
        with ThreadPoolExecutor(_cores()) as pool:
            return list(pool.map(function, *columns))


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _search(flat: PDQFlatHashIndex, pictures: list[bytes]) -> list[bool]:
    return [bool(found) for found in flat.search([p.hex() for p in pictures], RADIUS_BITS)]
