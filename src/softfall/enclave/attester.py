"""The SOFTWARE attester: documents in AWS Nitro's format from a root of this installation's own.

It stands in for the hypervisor, for development and for comparing: it proves which key a process
said it had, and nothing about the machine that the process runs on. Its certificates, the module's
name in each document, the service's log and its health all say `SOFTWARE`, and whoever verifies one
is told so by the same mark.

Guarantees: root, intermediate and leaf are P-384; the leaf's key lives in memory only, for
`LEAF_HOURS`, as a hypervisor's does; the folder's keys are their owner's alone (0600), and nothing
that exists is overwritten.
Leaves to the operator: keeping software-root.key offline; the service never reads it.
Source: AWS, "Nitro Enclaves Attestation Process"; X.509 profile, RFC 5280.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from softfall.enclave.measure import Pcrs
from softfall.errors import OperatorError
from softfall.options.enclave.documents import SOFTWARE_MARK, Document, encode_payload, sign1

ROOT_CERTIFICATE: Final = "software-root.crt"
ROOT_KEY: Final = "software-root.key"
CERTIFICATE: Final = "software-attester.crt"
KEY: Final = "software-attester.key"
FILES: Final = (ROOT_CERTIFICATE, ROOT_KEY, CERTIFICATE, KEY)
MODULE_ID: Final = "SOFTWARE-not-hardware"
ROOT_DAYS: Final = 3650
INTERMEDIATE_DAYS: Final = 397
LEAF_HOURS: Final = 3
_EARLY: Final = timedelta(minutes=5)  # clocks differ a little


class AttesterExists(OperatorError):
    """There is a software attester in this folder already."""

    remedy = "Keep it: custodians may have allowed its root. To begin anew, choose another folder."


class AttesterUnusable(OperatorError):
    """The software attester's certificates or key are missing, damaged or expired."""

    remedy = "Run `softfall keys init`, or `softfall keys renew` if its certificate has expired."


@dataclass(frozen=True, slots=True)
class Claim:
    """What a document is to say besides the measurements. nonce: as asked for, or None."""

    public_key: bytes
    user_data: bytes | None
    nonce: bytes | None


class SoftwareAttester:
    """One attester. pcrs: what it measured at start; every document says the same."""

    def __init__(
        self,
        root: x509.Certificate,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        pcrs: Pcrs,
    ) -> None:
        self._bundle = (_der(root), _der(certificate))
        self._certificate = certificate
        self._key = key
        self._pcrs = dict(pcrs)
        self._leaf: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None = None

    @classmethod
    def load(cls, folder: Path, pcrs: Pcrs, now: datetime) -> "SoftwareAttester":
        """The attester of `folder`, without its root's key. Raises AttesterUnusable."""
        root = _read_certificate(folder / ROOT_CERTIFICATE)
        certificate = _read_certificate(folder / CERTIFICATE)
        key = _read_key(folder / KEY)
        if certificate.public_key() != key.public_key():
            raise AttesterUnusable(f"{CERTIFICATE} and {KEY} in {folder} are not a pair")
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise AttesterUnusable(f"{folder / CERTIFICATE} is not valid at this time")
        return cls(root, certificate, key, pcrs)

    def attest(self, claim: Claim, now_ms: int) -> bytes:
        """A signed document. now_ms: milliseconds since 1970."""
        key, leaf = self._leaf_at(datetime.fromtimestamp(now_ms / 1000, UTC))
        document = Document(
            module_id=MODULE_ID,
            timestamp_ms=now_ms,
            pcrs=self._pcrs,
            certificate=_der(leaf),
            cabundle=self._bundle,
            public_key=claim.public_key,
            user_data=claim.user_data,
            nonce=claim.nonce,
        )
        payload = encode_payload(document)
        return sign1(payload, lambda message: key.sign(message, ec.ECDSA(hashes.SHA384())))

    def _leaf_at(self, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A leaf with at least half of its life left; two made at once do no harm."""
        leaf = self._leaf
        half = timedelta(hours=LEAF_HOURS) / 2
        if leaf is None or not leaf[1].not_valid_before_utc <= now <= (
            leaf[1].not_valid_after_utc - half
        ):
            key = ec.generate_private_key(ec.SECP384R1())
            unsigned = (
                _builder("leaf", self._certificate.subject, key, now, timedelta(hours=LEAF_HOURS))
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_usage(signs=True), critical=True)
            )
            leaf = self._leaf = (key, unsigned.sign(self._key, hashes.SHA384()))
        return leaf


def create(folder: Path, now: datetime) -> None:
    """Make root and intermediate in `folder`. Raises AttesterExists before anything is written."""
    require_none(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP384R1())
    name = _name("root")
    root = _authority("root", name, key, now, timedelta(days=ROOT_DAYS), 1).sign(
        key, hashes.SHA384()
    )
    _write_new(folder / ROOT_KEY, _pem(key))
    _write_new(folder / ROOT_CERTIFICATE, root.public_bytes(Encoding.PEM))
    _issue(folder, root, key, now)


def require_none(folder: Path) -> None:
    """Raises AttesterExists where `folder` holds any of an attester's files."""
    present = [name for name in FILES if (folder / name).exists()]
    if present:
        raise AttesterExists(f"{folder} holds {present[0]} already")


def renew(folder: Path, now: datetime) -> None:
    """Replace the intermediate and its key; the root stays, so nobody need allow it anew.

    Raises AttesterUnusable where the root's certificate or key can't be read.
    """
    _issue(folder, _read_certificate(folder / ROOT_CERTIFICATE), _read_key(folder / ROOT_KEY), now)


def _issue(
    folder: Path, root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    lifetime = timedelta(days=INTERMEDIATE_DAYS)
    unsigned = _authority("intermediate", root.subject, key, now, lifetime, 0)
    certificate = unsigned.sign(root_key, hashes.SHA384())
    for name, content in ((KEY, _pem(key)), (CERTIFICATE, certificate.public_bytes(Encoding.PEM))):
        fresh = folder / f"{name}.new"
        fresh.unlink(missing_ok=True)
        _write_new(fresh, content)
        fresh.replace(folder / name)


def _authority(
    what: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        _builder(what, issuer, key, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(signs=False), critical=True)
    )


def _builder(
    what: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(what))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + life)
    )


def _name(what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, SOFTWARE_MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Softfall SOFTWARE {what}"),
        ]
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Of a key that signs documents, or of one that signs certificates."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise AttesterUnusable(f"{path} can't be read") from None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise AttesterUnusable(f"{path} can't be read") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise AttesterUnusable(f"{path} does not hold a P-384 key")
    return key


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
