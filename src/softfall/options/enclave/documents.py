"""Attestation documents in AWS Nitro's format: laid out, taken apart, and signed by who may.

Guarantees: `parse(sign1(encode_payload(d), ...))` gives `d` back; whatever is parsed has one
reading (no key twice, no other encoding), with every field within the specification's bounds.
Refuses: anything else, as MalformedDocument, before anything large is built.
Leaves to others: whether the signature, the chain and the content are to be trusted
(`attestation`). The encoding side is for the software attester and for tests: on AWS hardware the
hypervisor makes the document.
Source: AWS, "Nitro Enclaves Attestation Process", sections 2.2 and 3; COSE_Sign1 with ES384:
RFC 9052 section 4.2 and RFC 9053 section 2.1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import cbor2
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from softfall.errors import PeerError
from softfall.wire import MalformedMessage, load_foreign

SOFTWARE_MARK: Final = "Softfall software root: not hardware"

MAX_DOCUMENT_BYTES: Final = 20_480
_MAX_PAYLOAD_BYTES: Final = 16_384
_MAX_CERTIFICATE_BYTES: Final = 1024
_MAX_CERTIFICATES: Final = 8  # AWS sends four; the specification names no bound
_MAX_FIELD_BYTES: Final = 1024
_PCR_SIZES: Final = (32, 48, 64)
_SIGNATURE_BYTES: Final = 96
_TAG_18: Final = 0xD2  # COSE_Sign1, where a document comes tagged
_PROTECTED: Final = cbor2.dumps({1: -35})  # algorithm: ES384, and nothing else
_MANDATORY: Final = {"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"}
_OPTIONAL: Final = ("public_key", "user_data", "nonce")

Signer = Callable[[bytes], bytes]


class MalformedDocument(PeerError):
    """Bytes that are no attestation document of this format."""

    remedy = "Nothing was sealed or sent; keep the document and tell who runs the enclave."


@dataclass(frozen=True, slots=True)
class Document:
    """What an attestation document says; nothing of it is proven yet.

    timestamp_ms: since 1970, by the attesting hypervisor's clock. pcrs: index to 32, 48 or 64
    bytes. certificate: DER of the signing key's. cabundle: DER, the root first.
    """

    module_id: str
    timestamp_ms: int
    pcrs: Mapping[int, bytes]
    certificate: bytes
    cabundle: tuple[bytes, ...]
    public_key: bytes | None = None
    user_data: bytes | None = None
    nonce: bytes | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A parsed document, the bytes that were signed, and the signature in DER."""

    document: Document
    signed: bytes
    signature: bytes


def encode_payload(document: Document) -> bytes:
    """The payload, its fields in AWS's order; those that are None are null, as AWS writes them."""
    return cbor2.dumps(
        {
            "module_id": document.module_id,
            "digest": "SHA384",
            "timestamp": document.timestamp_ms,
            "pcrs": dict(document.pcrs),
            "certificate": document.certificate,
            "cabundle": list(document.cabundle),
            **{name: getattr(document, name) for name in _OPTIONAL},
        }
    )


def sign1(payload: bytes, signer: Signer) -> bytes:
    """The untagged COSE_Sign1. `signer` makes a DER ECDSA signature (P-384, SHA-384) of bytes."""
    r, s = decode_dss_signature(signer(to_be_signed(payload)))
    signature = r.to_bytes(_SIGNATURE_BYTES // 2) + s.to_bytes(_SIGNATURE_BYTES // 2)
    return cbor2.dumps([_PROTECTED, {}, payload, signature])


def to_be_signed(payload: bytes) -> bytes:
    """COSE's Sig_structure over a payload: the bytes that ES384 signs."""
    return cbor2.dumps(["Signature1", _PROTECTED, b"", payload])


def parse(body: bytes) -> Signed:
    """A tagged or untagged document, taken apart. Raises MalformedDocument."""
    if len(body) > MAX_DOCUMENT_BYTES:
        raise MalformedDocument(f"a document has at most {MAX_DOCUMENT_BYTES} bytes")
    outer = _load(body[1:] if body[:1] == bytes([_TAG_18]) else body)
    if not isinstance(outer, list) or len(outer) != 4:
        raise MalformedDocument("a document is a COSE_Sign1 array of four")
    protected, unprotected, payload, signature = outer
    if protected != _PROTECTED or unprotected != {}:
        raise MalformedDocument("a document's header must say ES384, and nothing else")
    if not isinstance(payload, bytes) or not 1 <= len(payload) <= _MAX_PAYLOAD_BYTES:
        raise MalformedDocument("a document's payload must be 1 to 16384 bytes")
    if not isinstance(signature, bytes) or len(signature) != _SIGNATURE_BYTES:
        raise MalformedDocument(f"a document's signature must be {_SIGNATURE_BYTES} bytes")
    half = _SIGNATURE_BYTES // 2
    der = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    return Signed(_document(_load(payload)), to_be_signed(payload), der)


def _load(body: bytes) -> object:
    try:
        return load_foreign(body)
    except MalformedMessage as error:
        raise MalformedDocument(f"the document is not plain CBOR: {error.what}") from None


def _document(raw: object) -> Document:
    if not isinstance(raw, dict) or not _MANDATORY <= set(raw) <= _MANDATORY | set(_OPTIONAL):
        raise MalformedDocument("the document lacks a field, or has a foreign one")
    rules = (
        (_is_text(raw["module_id"]), "module_id must be text"),
        (raw["digest"] == "SHA384", "digest must be SHA384"),
        (_is_positive(raw["timestamp"]), "timestamp must be a number above 0"),
        (_are_pcrs(raw["pcrs"]), "pcrs must be 1 to 32 registers of 32, 48 or 64 bytes"),
        (_is_bytes(raw["certificate"], 1, _MAX_CERTIFICATE_BYTES), "certificate must be DER"),
        (_are_certificates(raw["cabundle"]), "cabundle must be 1 to 8 certificates in DER"),
        *((_is_field(raw.get(name)), f"{name} must be at most 1024 bytes") for name in _OPTIONAL),
    )
    for holds, rule in rules:
        if not holds:
            raise MalformedDocument(f"the document's {rule}")
    return Document(
        module_id=raw["module_id"],
        timestamp_ms=raw["timestamp"],
        pcrs=raw["pcrs"],
        certificate=raw["certificate"],
        cabundle=tuple(raw["cabundle"]),
        **{name: raw.get(name) for name in _OPTIONAL},
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _MAX_FIELD_BYTES


def _is_positive(value: object) -> bool:
    return type(value) is int and 0 < value < 2**63


def _is_bytes(value: object, least: int, most: int) -> bool:
    return isinstance(value, bytes) and least <= len(value) <= most


def _is_field(value: object) -> bool:
    return value is None or _is_bytes(value, 0, _MAX_FIELD_BYTES)


def _are_pcrs(value: object) -> bool:
    return (
        isinstance(value, dict)
        and 1 <= len(value) <= 32
        and all(type(index) is int and 0 <= index < 32 for index in value)
        and all(isinstance(pcr, bytes) and len(pcr) in _PCR_SIZES for pcr in value.values())
    )


def _are_certificates(value: object) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= _MAX_CERTIFICATES
        and all(_is_bytes(certificate, 1, _MAX_CERTIFICATE_BYTES) for certificate in value)
    )
