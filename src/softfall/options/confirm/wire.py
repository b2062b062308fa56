"""Every byte that `confirm`'s parties exchange, and who receives it.

Guarantees: each message has one size within an epoch, whatever the picture, the entry and the
outcome. A mismatch is a reply of that same size.
Refuses: any other form, as MalformedMessage.

Who sees what, beyond uniform bytes: the custodian that some picture was a candidate for entry i;
the provider the candidate's one bit. The sealed key opens at the custodian alone, and yields one of
two XOR shares of the picture's hash; the provider has the other.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from softfall.crypto.hpke import OVERHEAD_BYTES
from softfall.crypto.shares import BITS, DISTANCE_MODULUS, HASH_BYTES
from softfall.crypto.truth_table import TABLE_BYTES
from softfall.options import dealt as dealing
from softfall.options.dealt import SEED_BYTES, SERIAL_BYTES
from softfall.wire import (
    Bytes,
    Field,
    ListOf,
    MalformedMessage,
    Message,
    Party,
    Text,
    Uint,
    Value,
)

VERSION: Final = 1
MAX_BATCH: Final = 4096
SHARE_KEY_BYTES: Final = 32
SEALED_BYTES: Final = SHARE_KEY_BYTES + OVERHEAD_BYTES
NUMBER_BYTES: Final = 4
OPENED_BYTES: Final = 2

GOING_ON: Final = 0
MISMATCH: Final = 1

_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_SERIAL_FIELD = Field(
    "serial",
    Bytes(SERIAL_BYTES, SERIAL_BYTES),
    "which dealt material both sides use up: 8 bytes, big-endian",
)
_COMMITMENT_FIELD = Field(
    "commitment", Bytes(32, 32), "SHA-256 that binds the sealed key, the option and the epoch"
)
_SEALED_FIELD = Field(
    "sealed", Bytes(SEALED_BYTES, SEALED_BYTES), "the custodian's key to its share, by HPKE"
)
_MASKED = Bytes(BITS, BITS)
_OPENED = Bytes(OPENED_BYTES, OPENED_BYTES)

CONFIRM_SHARES = Message(
    "confirm_shares",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field("x_p", Bytes(HASH_BYTES, HASH_BYTES), "the provider's XOR share of the hash"),
        _COMMITMENT_FIELD,
        _SEALED_FIELD,
    ),
    max_bytes=SEALED_BYTES + 96,
)

CONFIRM_BEGIN = Message(
    "confirm_begin",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("option", Text(32), "the option whose submission it was"),
        Field("epoch", Uint(2**32), "the list epoch, hence the custodian's key"),
        Field("entry", Bytes(NUMBER_BYTES, NUMBER_BYTES), "the candidate's number, big-endian"),
        _COMMITMENT_FIELD,
        _SEALED_FIELD,
        Field("masked", _MASKED, "each bit of the provider's share less a dealt byte: uniform"),
    ),
    max_bytes=SEALED_BYTES + BITS + 192,
)

CONFIRM_BEGUN = Message(
    "confirm_begun",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("outcome", Uint(MISMATCH), "0: going on; 1: mismatch, and zeros follow"),
        Field("masked", _MASKED, "each bit of share xor entry less a dealt byte: uniform"),
        Field("rotated", _OPENED, "a share of the distance under a dealt rotation: uniform"),
    ),
    max_bytes=BITS + 64,
)

CONFIRM_FINISH = Message(
    "confirm_finish",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("rotated", _OPENED, "the other share of the rotated distance: uniform"),
    ),
    max_bytes=64,
)

CONFIRM_FINISHED = Message(
    "confirm_finished",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("share", Uint(1), "a share of the bit, which is 1 within 31 bits of the entry"),
    ),
    max_bytes=32,
)

CONFIRM_KEPT = Message(
    "confirm_kept",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("rotated", _OPENED, "what the custodian sent of the rotated distance"),
        Field("table", Bytes(TABLE_BYTES, TABLE_BYTES), "its share of the truth table, unused yet"),
    ),
    max_bytes=128,
)

DEALT_PROVIDER = Message(
    "dealt_provider",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("seed", Bytes(SEED_BYTES, SEED_BYTES), "expands to the provider's half"),
    ),
    max_bytes=64,
)

DEALT_CUSTODIAN = Message(
    "dealt_custodian",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("seed", Bytes(SEED_BYTES, SEED_BYTES), "expands to the custodian's uniform part"),
        Field("product", Bytes(1, 1), "its share of the masks' inner product"),
        Field("table", Bytes(TABLE_BYTES, TABLE_BYTES), "its share of the rotated truth table"),
    ),
    max_bytes=160,
)

STOCK_PROVIDER = Message(
    "stock_provider",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        Field(
            "dealt",
            ListOf(Bytes(1, DEALT_PROVIDER.max_bytes), 0, MAX_BATCH),
            "`dealt_provider` each, serials increasing; it may be fewer than asked for",
        ),
    ),
    max_bytes=MAX_BATCH * (DEALT_PROVIDER.max_bytes + 3) + 16,
)

STOCK_CUSTODIAN = Message(
    "stock_custodian",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        Field(
            "dealt",
            ListOf(Bytes(1, DEALT_CUSTODIAN.max_bytes), 0, MAX_BATCH),
            "`dealt_custodian` each, serials increasing; it may be fewer than asked for",
        ),
    ),
    max_bytes=MAX_BATCH * (DEALT_CUSTODIAN.max_bytes + 3) + 16,
)


def decode(message: Message, body: bytes) -> dict[str, Value]:
    """The values of a message of this version. Raises MalformedMessage."""
    values = message.decode(body)
    if values["version"] != VERSION:
        raise MalformedMessage(f"{message.name} must be of version {VERSION}")
    return values


def octets(values: Mapping[str, Value], name: str) -> bytes:
    """A decoded message's byte field; its size is in the message's declaration."""
    value = values[name]
    assert isinstance(value, bytes)
    return value


def number(values: Mapping[str, Value], name: str) -> int:
    """A decoded message's whole number."""
    value = values[name]
    assert isinstance(value, int)
    return value


def serial(values: Mapping[str, Value]) -> int:
    """The number of the dealt material that a message names. Raises MalformedMessage."""
    return dealing.serial_of(octets(values, "serial"))


def serial_bytes(number: int) -> bytes:
    """A serial as it travels. Raises MalformedMessage unless it is 0 to 2^63 - 1."""
    return dealing.serial_bytes(number)


def rotated(values: Mapping[str, Value]) -> int:
    """A share of a rotated distance, 0 to 511. Raises MalformedMessage."""
    value = int.from_bytes(octets(values, "rotated"), "big")
    if value >= DISTANCE_MODULUS:
        raise MalformedMessage(f"rotated must be below {DISTANCE_MODULUS}")
    return value


def rotated_bytes(value: int) -> bytes:
    """A share of a rotated distance as it travels."""
    return value.to_bytes(OPENED_BYTES, "big")


def encode_stock(message: Message, dealt: Iterable[bytes]) -> bytes:
    """A batch as `stock_provider` or `stock_custodian`. Raises MalformedMessage."""
    return message.encode({"version": VERSION, "dealt": list(dealt)})


def decode_stock(message: Message, body: bytes) -> list[tuple[int, bytes]]:
    """A batch's (serial, encoded material), serials increasing. Raises MalformedMessage."""
    part = DEALT_PROVIDER if message is STOCK_PROVIDER else DEALT_CUSTODIAN
    dealt = decode(message, body)["dealt"]
    assert isinstance(dealt, list)
    batch = []
    for material in dealt:
        assert isinstance(material, bytes)
        batch.append((serial(decode(part, material)), material))
    if any(later[0] <= earlier[0] for earlier, later in pairwise(batch)):
        raise MalformedMessage("a batch's serials must increase")
    return batch
