"""An attester that can lie in every way that the tests need; its root is of its own making."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from softfall.crypto import hpke
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import NITRO, Evidence
from softfall.options.enclave.binding import key_digest, signer_digest
from softfall.options.enclave.documents import SOFTWARE_MARK, Document, encode_payload, sign1
from softfall.options.enclave.parameters import EnclaveParameters, Measurement

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
NONCE = hashlib.sha256(b"a nonce").digest()
LIST_SIGNER = hashlib.sha256(b"a custodian").digest()
SECRET = hashlib.shake_256(b"an enclave").digest(hpke.SECRET_BYTES)
PUBLIC_KEY = hpke.public_of(SECRET)
PCRS = {index: bytes([index + 1]) * 48 for index in (0, 1, 2, 8)} | {3: bytes(48)}


@dataclass(frozen=True)
class Part:
    """One certificate to be made. ca, path_length, usage: None leaves the extension out."""

    name: str
    ca: bool | None = True
    path_length: int | None = None
    usage: str | None = "key_cert_sign"
    starts_at_ms: int = NOW_MS - HOUR_MS
    ends_at_ms: int = NOW_MS + HOUR_MS
    curve: type[ec.EllipticCurve] = ec.SECP384R1
    digest: type[SHA256] | type[SHA384] = SHA384
    critical_extra: bool = False
    misissued: bool = False  # signed by a key that is not its issuer's


CHAIN = (
    Part(SOFTWARE_MARK, ends_at_ms=NOW_MS + 24 * HOUR_MS),
    Part("region", path_length=2),
    Part("zone", path_length=1),
    Part("machine", path_length=0),
    Part("enclave", ca=False, usage="digital_signature"),
)


@dataclass(frozen=True)
class Attester:
    """Makes documents. spoil: changes the document before it is signed."""

    chain: tuple[Part, ...] = CHAIN
    spoil: Callable[[Document], Document] = field(default=lambda document: document)

    def document(self, *, nonce: bytes | None = NONCE, **changes: Any) -> bytes:
        """A document, signed; `changes` replace its fields."""
        certificates, key = made_chain(self.chain)
        document = Document(
            module_id="i-0123456789-enc0123456789",
            timestamp_ms=NOW_MS - MINUTE_MS,
            pcrs=PCRS,
            certificate=certificates[-1],
            cabundle=tuple(certificates[:-1]),
            public_key=key_digest(PUBLIC_KEY),
            user_data=signer_digest(LIST_SIGNER),
            nonce=nonce,
        )
        payload = encode_payload(self.spoil(replace(document, **changes)))
        return sign1(payload, lambda signed: key.sign(signed, ec.ECDSA(SHA384())))

    @property
    def root(self) -> bytes:
        """The root's fingerprint."""
        return hashlib.sha256(made_chain(self.chain)[0][0]).digest()


def evidence(
    document: bytes, public_key: bytes = PUBLIC_KEY, nonce: bytes = NONCE, technology: int = NITRO
) -> Evidence:
    values = {
        "version": wire.VERSION,
        "technology": technology,
        "document": document,
        "public_key": public_key,
        "collateral": b"",
    }
    return Evidence(wire.ATTESTATION.encode(values), nonce, NOW_MS - MINUTE_MS)


def parameters(**changes: Any) -> EnclaveParameters:
    made = EnclaveParameters(
        list_signer=LIST_SIGNER,
        roots=(Attester().root,),
        measurements=(Measurement(PCRS[0], PCRS[1], PCRS[2]),),
    )
    return replace(made, **changes)


@cache
def made_chain(parts: Sequence[Part]) -> tuple[list[bytes], ec.EllipticCurvePrivateKey]:
    """The certificates in DER, and the last one's key."""
    certificates, issuer, issuer_key = [], None, None
    for part in parts:
        key = ec.generate_private_key(part.curve())
        signer = key if issuer_key is None else issuer_key
        if part.misissued:
            signer = ec.generate_private_key(ec.SECP384R1())
        certificates.append(_certificate(part, key, issuer or part.name, signer))
        issuer, issuer_key = part.name, key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return certificates, key


def _certificate(
    part: Part, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(part.name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(part.starts_at_ms))
        .not_valid_after(_time(part.ends_at_ms))
    )
    if part.ca is not None:
        length = part.path_length if part.ca else None
        builder = builder.add_extension(x509.BasicConstraints(part.ca, length), critical=True)
    if part.usage is not None:
        builder = builder.add_extension(_usage(part.usage), critical=True)
    if part.critical_extra:
        extra = x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"
        )
        builder = builder.add_extension(extra, critical=True)
    return builder.sign(signer, part.digest()).public_bytes(Encoding.DER)


def _usage(only: str) -> x509.KeyUsage:
    kinds = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{kind: kind == only for kind in kinds})


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
