"""Every byte that the parties of `homomorphic` exchange about a picture or a list, and who gets it.

Guarantees: under one list version and one mode each message about a picture has one size, so that
nothing about the picture, not even that it has no hash or that it matched, shows in a length.
Refuses: any other form, as MalformedMessage.

Who sees what: the provider gets the encrypted query, which it can't open, and in the end one bit
(and, where the signed parameters allow it, which entries matched); the keyholder gets the sealed
seed of the query's key and values under masks, never the query, never a list entry; the opening
travels inside the ciphertext, to the recipient's device alone. What a dealer hands out in advance
is in `dealt_wire.py`. Our own lattice code, not audited.
"""

from collections.abc import Mapping
from typing import Final

from softfall.crypto import hpke
from softfall.wire import (
    Bytes,
    Field,
    ListOf,
    MalformedMessage,
    Message,
    Nested,
    Party,
    Uint,
    Value,
)

VERSION: Final = 1
HASH_BYTES: Final = 32
DIGEST_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
SERIAL_BYTES: Final = 8
MAX_SERIAL: Final = 2**63 - 1
QUERY_BYTES: Final = 49_152
CAPSULE_BYTES: Final = SEED_BYTES + hpke.OVERHEAD_BYTES
TAG_BYTES: Final = 16
MAX_BATCH: Final = 16
MAX_ROWS: Final = 2**24
MAX_SEGMENT_BLOCKS: Final = 2048
MAX_SEGMENTS: Final = 1024
MAX_MANIFEST_BYTES: Final = 10_240

GOING_ON: Final = 0
MISMATCH: Final = 1
SPENT: Final = 2

_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_EPOCH_FIELD = Field("epoch", Uint(2**32), "the list epoch")
_LIST_VERSION_FIELD = Field("list_version", Uint(2**32), "of the epoch's list: 0 is its first")
_DIGEST = Bytes(DIGEST_BYTES, DIGEST_BYTES)
_CAPSULE = Bytes(CAPSULE_BYTES, CAPSULE_BYTES)
_QUERY = Bytes(QUERY_BYTES, QUERY_BYTES)
_SERIAL_FIELD = Field(
    "serial",
    Bytes(SERIAL_BYTES, SERIAL_BYTES),
    "which dealt material both sides use up: 8 bytes, big-endian",
)
_MAX_TWELVE_BITS = MAX_ROWS * 12 // 8
_MAX_NINE_BITS = MAX_ROWS * 9 // 8 + 8
_MAX_TWO_BITS = MAX_ROWS * 2 // 8 + 16
_MAX_ONE_BIT = MAX_ROWS // 8 + 8

PARAMETERS = Message(
    "homomorphic_parameters",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("public_seed", Bytes(SEED_BYTES, SEED_BYTES), "makes the epoch's public elements"),
        Field(
            "keyholder_key",
            Bytes(hpke.PUBLIC_BYTES, hpke.PUBLIC_BYTES),
            "the keyholder's HPKE key (MLKEM768-X25519)",
        ),
        Field("mode", Uint(1), "how the keyholder answers: 0 one bit, 1 permuted distances"),
        Field("names_entry", Uint(1), "1: after a match the provider learns which entries"),
    ),
    max_bytes=2048,
)

QUERY = Message(
    "homomorphic_query",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("capsule", _CAPSULE, "HPKE to the keyholder: the seed of the query's key"),
        Field("commitment", _DIGEST, "SHA-256 that binds that seed and the epoch"),
        Field("query", _QUERY, "the hash, encrypted: 64 x 256 values of 24 bits"),
    ),
    max_bytes=QUERY_BYTES + CAPSULE_BYTES + 64,
)

OPENING = Message(
    "homomorphic_opening",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("unhashable", Uint(1), "1: the picture has no hash, a stand-in was encrypted"),
        Field("hash", Bytes(HASH_BYTES, HASH_BYTES), "what was encrypted (zeros: a stand-in)"),
        Field("capsule", _CAPSULE, "the capsule as it was submitted"),
    ),
    max_bytes=CAPSULE_BYTES + 64,
)

ASKED = Message(
    "homomorphic_asked",
    Party.KEYHOLDER,
    (
        _SERIAL_FIELD,
        Field("capsule", _CAPSULE, "as submitted; it opens at the keyholder alone"),
        Field("commitment", _DIGEST, "as submitted; it names the query however often it is asked"),
        Field("masked", Bytes(0, _MAX_TWELVE_BITS), "12 bits a row: encrypted distance plus mask"),
    ),
    max_bytes=_MAX_TWELVE_BITS + CAPSULE_BYTES + 64,
)

BEGIN = Message(
    "homomorphic_begin",
    Party.KEYHOLDER,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        _LIST_VERSION_FIELD,
        Field("runs", ListOf(Nested(ASKED), 1, MAX_BATCH), "one a query, all of one list version"),
    ),
    max_bytes=MAX_BATCH * ASKED.max_bytes + 64,
)

ANSWERED = Message(
    "homomorphic_answered",
    Party.PROVIDER,
    (
        _SERIAL_FIELD,
        Field("outcome", Uint(SPENT), "0: going on; 1: mismatch, 2: run too often; zeros follow"),
        Field("values", Bytes(0, _MAX_NINE_BITS), "9 bits a row, each under a dealt mask: uniform"),
        Field("opened", Bytes(0, _MAX_TWO_BITS), "one bit: 2 bits a row, masked: uniform"),
    ),
    max_bytes=_MAX_NINE_BITS + _MAX_TWO_BITS + 64,
)

BEGUN = Message(
    "homomorphic_begun",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("runs", ListOf(Nested(ANSWERED), 1, MAX_BATCH), "in the order they were asked"),
    ),
    max_bytes=MAX_BATCH * ANSWERED.max_bytes + 64,
)

OPENED = Message(
    "homomorphic_opened",
    Party.KEYHOLDER,
    (
        _SERIAL_FIELD,
        Field("values", Bytes(0, _MAX_NINE_BITS), "permuted: 9 bits a row, distances in new order"),
        Field("opened", Bytes(0, _MAX_TWO_BITS), "one bit: 2 bits a row, masked: uniform"),
        Field("tag", Bytes(0, TAG_BYTES), "one bit: the masked digest of the result's share"),
    ),
    max_bytes=_MAX_NINE_BITS + _MAX_TWO_BITS + 64,
)

FINISH = Message(
    "homomorphic_finish",
    Party.KEYHOLDER,
    (
        _VERSION_FIELD,
        Field("runs", ListOf(Nested(OPENED), 1, MAX_BATCH), "those that go on, in their order"),
    ),
    max_bytes=MAX_BATCH * OPENED.max_bytes + 64,
)

RESULT = Message(
    "homomorphic_result",
    Party.PROVIDER,
    (
        _SERIAL_FIELD,
        Field("tag", Bytes(0, TAG_BYTES), "one bit: zero together with the dealt value if equal"),
        Field("match", Uint(1), "permuted: whether a distance is within 31; one bit: 0"),
        Field("bits", Bytes(0, _MAX_ONE_BIT), "where entries are named: a bit (a share) a row"),
    ),
    max_bytes=_MAX_ONE_BIT + 96,
)

FINISHED = Message(
    "homomorphic_finished",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("runs", ListOf(Nested(RESULT), 1, MAX_BATCH), "in the order they were asked"),
    ),
    max_bytes=MAX_BATCH * RESULT.max_bytes + 64,
)

SEGMENT = Message(
    "homomorphic_segment",
    Party.PROVIDER,
    (
        Field("rows_sha256", _DIGEST, "of the file of rows, which the provider alone fetches"),
        Field("hint_sha256", _DIGEST, "of the file of hints, which the keyholder is carried"),
        Field("blocks", Uint(MAX_SEGMENT_BLOCKS), "how many blocks of 64 rows both files have"),
        Field(
            "dead",
            Bytes(0, MAX_SEGMENT_BLOCKS // 8),
            "a bit a block, the first the highest; 1: no part of this version any more",
        ),
    ),
    max_bytes=MAX_SEGMENT_BLOCKS // 8 + 96,
)

_VERSION_FIELDS = (
    _VERSION_FIELD,
    _EPOCH_FIELD,
    _LIST_VERSION_FIELD,
    Field("entries", Uint(MAX_ROWS), "how many entries the list has in this version"),
    Field("published_at_ms", Uint(2**48), "the custodian's clock"),
    Field("segments", ListOf(Nested(SEGMENT), 0, MAX_SEGMENTS), "in the order of their rows"),
)
_MAX_VERSION_BYTES = MAX_SEGMENTS * SEGMENT.max_bytes + 256

LIST_SIGNED = Message(
    "homomorphic_version_signed", Party.PROVIDER, _VERSION_FIELDS, max_bytes=_MAX_VERSION_BYTES
)

LIST_VERSION = Message(
    "homomorphic_version",
    Party.PROVIDER,
    (
        *_VERSION_FIELDS,
        Field(
            "signature",
            Bytes(SIGNATURE_BYTES, SIGNATURE_BYTES),
            "Ed25519 by the custodian's identity key, over all of the above",
        ),
    ),
    max_bytes=_MAX_VERSION_BYTES,
)

LIST_CARRIED = Message(
    "homomorphic_list",
    Party.KEYHOLDER,
    (
        _VERSION_FIELD,
        Field("manifest", Bytes(1, MAX_MANIFEST_BYTES), "the epoch's, signed"),
        Field("list_version", Bytes(1, _MAX_VERSION_BYTES), "`homomorphic_version`, signed"),
    ),
    max_bytes=_MAX_VERSION_BYTES + MAX_MANIFEST_BYTES + 64,
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
        raise MalformedMessage(f"{name} must be {size_bytes} bytes in this list version")
    return value


def number(values: Mapping[str, Value], name: str) -> int:
    """A decoded message's whole number. Raises MalformedMessage."""
    value = values[name]
    if not isinstance(value, int):
        raise MalformedMessage(f"{name} must be a whole number")
    return value


def serial(values: Mapping[str, Value]) -> int:
    """The number of the dealt material that a message names. Raises MalformedMessage."""
    value = int.from_bytes(octets(values, "serial"), "big")
    if value > MAX_SERIAL:
        raise MalformedMessage(f"serial must be at most {MAX_SERIAL}")
    return value


def serial_bytes(serial: int) -> bytes:
    """A serial as it travels. Raises MalformedMessage unless it is 0 to 2^63 - 1."""
    if not 0 <= serial <= MAX_SERIAL:
        raise MalformedMessage("a serial must be 0 to 2^63 - 1")
    return serial.to_bytes(SERIAL_BYTES, "big")


def nested(values: Mapping[str, Value], name: str) -> list[dict[str, Value]]:
    """A decoded message's list of messages."""
    items = values[name]
    assert isinstance(items, list)
    return [dict(item) for item in items if isinstance(item, Mapping)]
