"""A chain of certificates from a pinned root to the key that signed a document.

Guarantees: the root is one that is pinned by its SHA-256; each certificate is signed by the one
before it, is valid at the given time, may do what it does (CA flag, path length, key usage), and
holds nothing critical that is not understood.
Refuses: anything else, by name: WrongRoot, ChainExpired, ChainBroken. The order is fixed (the root
first, the signer last): no path is searched for.
Limits: no revocation list is fetched. AWS's signing certificates live three hours; a software
root's live as long as whoever runs it says.
Source: RFC 5280 section 6.1, for chains without name constraints and policies; AWS, "Nitro Enclaves
Attestation Process", section 3.2.3.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from softfall.errors import PeerError
from softfall.options.enclave.parameters import HARDWARE_ROOTS

CLOCK_SKEW_MS: Final = 5 * 60 * 1000  # a device's clock may be that far behind

# `cryptography` reads most of a certificate only when it is asked for it.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_T = TypeVar("_T", bound=x509.ExtensionType)
_UNDERSTOOD: Final = (x509.BasicConstraints, x509.KeyUsage)


class WrongRoot(PeerError):
    """An attestation's chain does not begin at a root that the manifest pins."""

    remedy = "Nothing was sealed or sent; if the root is right, the custodian must publish it."


class ChainExpired(PeerError):
    """A certificate of an attestation's chain is past its end, or not yet valid."""

    remedy = "Set this device's clock, then ask for a fresh attestation; nothing was sent."


class ChainBroken(PeerError):
    """An attestation's chain holds a certificate that its issuer did not sign, or may not use."""

    remedy = "Nothing was sealed or sent; keep the document and tell who runs the enclave."


@dataclass(frozen=True, slots=True)
class Chain:
    """A verified chain. root: the pinned root's SHA-256. ends_at_ms: when its first part ends.

    software: whether the root is none that is known to stand for hardware.
    """

    signer: ec.EllipticCurvePublicKey
    root: bytes
    software: bool
    ends_at_ms: int


def verify_chain(certificates: Sequence[bytes], roots: Sequence[bytes], now_ms: int) -> Chain:
    """The chain of DER certificates, root first and signer last, at a time in ms since 1970.

    roots: the SHA-256 of each pinned root. Raises WrongRoot, ChainExpired, ChainBroken.
    """
    root = hashlib.sha256(certificates[0]).digest()
    if root not in roots:
        raise WrongRoot(f"the chain begins at a root that is not pinned, {root.hex()[:16]}...")
    try:
        chain = [x509.load_der_x509_certificate(der) for der in certificates]
        _check_issued(chain)
        for place, certificate in enumerate(chain):
            _check_use(certificate, ca_below=len(chain) - place - 2)
        signer = chain[-1].public_key()
    except _UNREADABLE as error:
        raise ChainBroken(f"a certificate can't be read ({type(error).__name__})") from None
    if not isinstance(signer, ec.EllipticCurvePublicKey) or not isinstance(
        signer.curve, ec.SECP384R1
    ):
        raise ChainBroken("the document's signer has no P-384 key")
    ends_at_ms = _check_times(chain, now_ms)
    return Chain(signer, root, root not in HARDWARE_ROOTS, ends_at_ms)


def _check_issued(chain: Sequence[x509.Certificate]) -> None:
    """Each by the one before it, the root by itself, all with ECDSA and SHA-384."""
    for issuer, certificate in zip((chain[0], *chain), chain, strict=False):
        if not isinstance(certificate.signature_hash_algorithm, SHA384):
            raise ChainBroken("a certificate is not signed with SHA-384")
        try:
            certificate.verify_directly_issued_by(issuer)
        except InvalidSignature:
            raise ChainBroken("a certificate was not signed by the one before it") from None


def _check_use(certificate: x509.Certificate, ca_below: int) -> None:
    """Whether a certificate may stand where it does; ca_below is -1 for the document's signer."""
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise ChainBroken("a certificate has a critical extension that is not understood")
    constraints = _value(certificate, x509.BasicConstraints)
    usage = _value(certificate, x509.KeyUsage)
    if usage is None:
        raise ChainBroken("a certificate does not say what its key is for")
    if ca_below < 0:
        if constraints is not None and constraints.ca:
            raise ChainBroken("the document's signer is itself an authority")
        if not usage.digital_signature:
            raise ChainBroken("the document's signer may not sign documents")
        return
    if constraints is None or not constraints.ca or not usage.key_cert_sign:
        raise ChainBroken("a certificate was issued by one that is no authority")
    if constraints.path_length is not None and constraints.path_length < ca_below:
        raise ChainBroken("the chain is longer than one of its authorities allows")


def _value(certificate: x509.Certificate, kind: type[_T]) -> _T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _check_times(chain: Sequence[x509.Certificate], now_ms: int) -> int:
    """When the first certificate ends, in ms since 1970."""
    starts_at_ms = max(int(c.not_valid_before_utc.timestamp() * 1000) for c in chain)
    ends_at_ms = min(int(c.not_valid_after_utc.timestamp() * 1000) for c in chain)
    if now_ms > ends_at_ms:
        raise ChainExpired("a certificate of the attestation's chain has expired")
    if now_ms < starts_at_ms - CLOCK_SKEW_MS:
        raise ChainExpired("a certificate of the attestation's chain is not valid yet")
    return ends_at_ms
