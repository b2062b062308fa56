"""Every byte that the parties of `enclave` exchange, and who receives it.

Guarantees: under one policy each message about a picture has one size, so that nothing about the
picture, not even that it has no hash, shows in a length; an answer is one byte a picture, whatever
it says.
Refuses: any other form, as MalformedMessage.

Who sees what: the provider forwards sealed bytes that it can't open, and receives one bit; the
enclave opens them, in memory; the custodian seals its list to an attested key; the opening travels
inside the ciphertext, to the recipient's device alone.
"""

from collections.abc import Mapping
from typing import Final

from softfall.crypto import hpke
from softfall.options.enclave.documents import MAX_DOCUMENT_BYTES
from softfall.wire import (
    Bytes,
    Field,
    ListOf,
    MalformedMessage,
    Message,
    Nested,
    Optional,
    Party,
    Text,
    Uint,
    Value,
)

VERSION: Final = 1
HASH_BYTES: Final = 32
PLANE_BYTES: Final = 64 * 64
DIGEST_BYTES: Final = 32
REGISTER_BYTES: Final = 48
NONCE_BYTES: Final = 32
SALT_BYTES: Final = 32
KEY_BYTES: Final = 32
CAPSULE_BYTES: Final = KEY_BYTES + hpke.OVERHEAD_BYTES
MAX_BATCH: Final = 64
MAX_ENTRIES: Final = 2**24
MAX_PARAMETERS_BYTES: Final = 6144  # what a manifest carries
MAX_COLLATERAL_BYTES: Final = 65_536
MAX_CACHE_LIFETIME_MS: Final = 7 * 24 * 3600 * 1000
_MAX_MANIFEST_BYTES: Final = 10_240

_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_EPOCH_FIELD = Field("epoch", Uint(2**32), "the list epoch")
_DIGEST = Bytes(DIGEST_BYTES, DIGEST_BYTES)
_REGISTER = Bytes(REGISTER_BYTES, REGISTER_BYTES)
_PUBLIC_KEY = Bytes(hpke.PUBLIC_BYTES, hpke.PUBLIC_BYTES)
_CAPSULE = Bytes(CAPSULE_BYTES, CAPSULE_BYTES)

MEASUREMENT = Message(
    "enclave_measurement",
    Party.DEVICE,
    (
        Field("pcr0", _REGISTER, "SHA-384 of the enclave's image"),
        Field("pcr1", _REGISTER, "of its kernel and start-up"),
        Field("pcr2", _REGISTER, "of its application"),
        Field("pcr8", Optional(_REGISTER), "of the certificate that signed the image, if asked"),
    ),
    max_bytes=256,
)

TDX_MEASUREMENT = Message(
    "enclave_tdx_measurement",
    Party.DEVICE,
    (
        Field("mrtd", _REGISTER, "SHA-384 of the guest as it was first built"),
        *(Field(f"rtmr{i}", _REGISTER, f"run-time register {i}") for i in range(4)),
    ),
    max_bytes=256,
)

TDX_POLICY = Message(
    "enclave_tdx_policy",
    Party.DEVICE,
    (
        Field("statuses", ListOf(Text(64), 1, 8), "the TCB statuses that are good enough"),
        Field("measurements", ListOf(Nested(TDX_MEASUREMENT), 1, 4), "the allowed guests"),
    ),
    max_bytes=2048,
)

PARAMETERS = Message(
    "enclave_parameters",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("policy", Uint(1), "what is sealed: 0 the hash, 1 the 64x64 luminance"),
        Field("roots", ListOf(_DIGEST, 0, 8), "SHA-256 of each pinned root certificate"),
        Field("measurements", ListOf(Nested(MEASUREMENT), 0, 16), "the allowed enclaves"),
        Field("cache_lifetime_ms", Uint(MAX_CACHE_LIFETIME_MS), "how long a document may be used"),
        Field("list_signer", Bytes(32, 32), "the Ed25519 key whose lists the enclave must demand"),
        Field("tdx", Optional(Nested(TDX_POLICY)), "Intel TDX guests, where they are allowed"),
    ),
    max_bytes=MAX_PARAMETERS_BYTES,
)

ATTESTATION = Message(
    "enclave_attestation",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("technology", Uint(1), "0: a document in AWS Nitro's format, 1: an Intel TDX quote"),
        Field("document", Bytes(1, MAX_DOCUMENT_BYTES), "it binds the key, the signer, the nonce"),
        Field("public_key", _PUBLIC_KEY, "the enclave's HPKE key (MLKEM768-X25519)"),
        Field("collateral", Bytes(0, MAX_COLLATERAL_BYTES), "a quote's, as JSON; else empty"),
    ),
    max_bytes=MAX_DOCUMENT_BYTES + MAX_COLLATERAL_BYTES + hpke.PUBLIC_BYTES + 64,
)

SEALED = Message(
    "enclave_sealed",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("key_digest", _DIGEST, "which enclave key the capsule is for"),
        Field("capsule", _CAPSULE, "HPKE to that key: the body's 32-byte key"),
        Field("commitment", _DIGEST, "HMAC under the body's key: commits to key and body"),
        Field("body", Bytes(HASH_BYTES, PLANE_BYTES), "the hash, or the luminance, encrypted"),
    ),
    max_bytes=PLANE_BYTES + CAPSULE_BYTES + 128,
)

OPENING = Message(
    "enclave_opening",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("unhashable", Uint(1), "1: the picture has no hash, a stand-in was sealed"),
        Field("key_digest", _DIGEST, "which enclave key it was sealed to"),
        Field("capsule", _CAPSULE, "the capsule as it was submitted"),
        Field("content", Bytes(HASH_BYTES, PLANE_BYTES), "what was sealed (zeros: a stand-in)"),
    ),
    max_bytes=PLANE_BYTES + CAPSULE_BYTES + 128,
)

SUBMITTED = Message(
    "enclave_submitted",
    Party.ENCLAVE,
    (_EPOCH_FIELD, Field("sealed", Bytes(1, SEALED.max_bytes), "`enclave_sealed`")),
    max_bytes=SEALED.max_bytes + 16,
)

QUESTION = Message(
    "enclave_question",
    Party.ENCLAVE,
    (
        _VERSION_FIELD,
        Field("submissions", ListOf(Nested(SUBMITTED), 1, MAX_BATCH), "to judge, in order"),
    ),
    max_bytes=MAX_BATCH * SUBMITTED.max_bytes + 16,
)

ANSWER = Message(
    "enclave_answer",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("outcomes", Bytes(1, MAX_BATCH), "one byte a submission, in order: see `Outcome`"),
    ),
    max_bytes=MAX_BATCH + 16,
)

LIST_COMMITMENT = Message(
    "enclave_list_commitment",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        Field("entries", Uint(MAX_ENTRIES), "how many entries the list has"),
        Field("digest", _DIGEST, "salted SHA-256 of the list, which only the enclave receives"),
    ),
    max_bytes=64,
)

LIST_REQUEST = Message(
    "enclave_list_request",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        Field("attestation", Bytes(1, ATTESTATION.max_bytes), "with the custodian's own nonce"),
    ),
    max_bytes=ATTESTATION.max_bytes + 32,
)

LIST_SEALED = Message(
    "enclave_list",
    Party.ENCLAVE,
    (
        _VERSION_FIELD,
        Field("manifest", Bytes(1, _MAX_MANIFEST_BYTES), "the epoch's, signed"),
        Field("commitment", Bytes(1, LIST_COMMITMENT.max_bytes), "`enclave_list_commitment`"),
        Field(
            "sealed",
            Bytes(1, MAX_ENTRIES * HASH_BYTES + SALT_BYTES + hpke.OVERHEAD_BYTES),
            "HPKE to the attested key: the salt, then 32 bytes an entry",
        ),
    ),
    max_bytes=MAX_ENTRIES * HASH_BYTES + 16_384,
)


def decode(message: Message, body: bytes) -> dict[str, Value]:
    """The values of a message of this version. Raises MalformedMessage."""
    values = message.decode(body)
    if values["version"] != VERSION:
        raise MalformedMessage(f"{message.name} must be of version {VERSION}")
    return values


def octets(values: Mapping[str, Value], name: str, size_bytes: int | None = None) -> bytes:
    """A decoded message's byte field, of exactly `size_bytes`. Raises MalformedMessage."""
    value = values[name]
    if not isinstance(value, bytes) or (size_bytes is not None and len(value) != size_bytes):
        raise MalformedMessage(f"{name} must be {size_bytes} bytes in this epoch")
    return value


def number(values: Mapping[str, Value], name: str) -> int:
    """A decoded message's whole number. Raises MalformedMessage."""
    value = values[name]
    if not isinstance(value, int):
        raise MalformedMessage(f"{name} must be a whole number")
    return value
