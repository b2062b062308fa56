"""What the dealer hands out for `homomorphic` in advance: to the provider a seed, to the keyholder
a seed and what completes the two.

Guarantees: sizes depend on the mode and the number of rows alone. Each party's bytes are uniform
and independent of the other's, and made before there is any picture.
Refuses: any other form, columns of another size than mode and rows say, as MalformedMessage.

The keyholder's columns, one bit: parts of 65,536 rows (the last may be shorter), each its lower
tables (4 bytes a row, little end first), its upper tables (2 bytes a row), and the plane of its
share of the AND's product (`crypto/columns`). Permuted: one nine-bit column, what it adds.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from softfall.crypto.columns import nine_bit_bytes, plane_bytes
from softfall.crypto.equality import DIGEST_BYTES, KEY_BYTES
from softfall.options.dealt import SEED_BYTES, SERIAL_BYTES, serial_of
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.wire import MAX_ROWS, VERSION
from softfall.wire import Bytes, Field, ListOf, MalformedMessage, Message, Party, Uint, Value

MAX_SERIALS: Final = 1024
"""How many serials one answer of the dealer holds at most."""

ANSWER_BYTES: Final = 1 << 25
"""How much one answer to the keyholder holds at most; a larger half comes alone."""

TABLE_BYTES: Final = 6
MAX_COLUMNS_BYTES: Final = TABLE_BYTES * MAX_ROWS + plane_bytes(MAX_ROWS)
EQUALITY_BYTES: Final = KEY_BYTES + DIGEST_BYTES
_FIELDS_BYTES: Final = 160  # of a keyholder's half beside its columns, and its own head
_BYTE_STRING, _ARRAY = 2, 4

_HEAD: Final = (
    Field("version", Uint(VERSION), "1"),
    Field("serial", Bytes(SERIAL_BYTES, SERIAL_BYTES), "8 bytes, big-endian"),
    Field("mode", Uint(1), "0: one bit; 1: permuted distances"),
    Field("rows", Uint(MAX_ROWS), "how many rows it serves at most"),
)

DEALT_PROVIDER = Message(
    "dealt_homomorphic_provider",
    Party.PROVIDER,
    (*_HEAD, Field("seed", Bytes(SEED_BYTES, SEED_BYTES), "expands to the provider's half")),
    max_bytes=80,
)

DEALT_KEYHOLDER = Message(
    "dealt_homomorphic_keyholder",
    Party.KEYHOLDER,
    (
        *_HEAD,
        Field("seed", Bytes(SEED_BYTES, SEED_BYTES), "expands to its uniform part"),
        Field(
            "equality",
            Bytes(0, EQUALITY_BYTES),
            "one bit: the digest's key, and what completes the equality test",
        ),
        Field("columns", Bytes(0, MAX_COLUMNS_BYTES), "what completes the provider's half, by row"),
    ),
    max_bytes=MAX_COLUMNS_BYTES + _FIELDS_BYTES,
)

STOCK_PROVIDER = Message(
    "stock_homomorphic_provider",
    Party.PROVIDER,
    (
        Field("version", Uint(VERSION), "1"),
        Field(
            "dealt",
            ListOf(Bytes(1, DEALT_PROVIDER.max_bytes), 0, MAX_SERIALS),
            "`dealt_homomorphic_provider` each, serials increasing; perhaps fewer than asked for",
        ),
    ),
    max_bytes=MAX_SERIALS * (DEALT_PROVIDER.max_bytes + 3) + 16,
)

STOCK_KEYHOLDER = Message(
    "stock_homomorphic_keyholder",
    Party.KEYHOLDER,
    (
        Field("version", Uint(VERSION), "1"),
        Field(
            "dealt",
            ListOf(Bytes(1, DEALT_KEYHOLDER.max_bytes), 0, MAX_SERIALS),
            "`dealt_homomorphic_keyholder` each, serials increasing; perhaps fewer than asked for",
        ),
    ),
    max_bytes=DEALT_KEYHOLDER.max_bytes + 16 * MAX_SERIALS,
)


def columns_bytes(mode: Mode, rows: int) -> int:
    """The size of a keyholder's columns: about 6.1 bytes a row, permuted 1.1."""
    if mode is Mode.PERMUTED:
        return nine_bit_bytes(rows)
    return TABLE_BYTES * rows + plane_bytes(rows)


def halves_an_answer(mode: Mode, rows: int) -> int:
    """How many halves one answer to the keyholder holds at most, one or more."""
    size_bytes = columns_bytes(mode, rows) + _FIELDS_BYTES
    return max(1, min(MAX_SERIALS, ANSWER_BYTES // size_bytes))


def answer_bytes(mode: Mode, rows: int) -> int:
    """How long one answer to the keyholder is at most."""
    size_bytes = columns_bytes(mode, rows) + _FIELDS_BYTES
    return halves_an_answer(mode, rows) * size_bytes + _FIELDS_BYTES


def capacity_of(rows: int) -> int:
    """For how many rows material is asked for, where a list has `rows`: up to a sixteenth more.

    So that a list that grows a little goes on using the stock that is there. Raises ValueError
    unless it is 1 to MAX_ROWS.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise ValueError(f"a list has 1 to {MAX_ROWS} rows, not {rows}")
    step = max(1024, 1 << max(0, rows.bit_length() - 5))
    return -(-rows // step) * step


def head(serial: bytes, mode: Mode, rows: int) -> dict[str, Value]:
    """The fields that both messages begin with."""
    return {"version": VERSION, "serial": serial, "mode": mode.value, "rows": rows}


def streamed(values: Mapping[str, Value], mode: Mode, rows: int) -> bytes:
    """`dealt_homomorphic_keyholder` up to its columns' bytes, which must follow, all of them.

    values: its fields but for the columns. Raises MalformedMessage.
    """
    before = DEALT_KEYHOLDER.encode({**values, "columns": b""})[:-1]
    return before + _cbor_head(_BYTE_STRING, columns_bytes(mode, rows))


def streamed_stock(count: int) -> bytes:
    """`stock_homomorphic_keyholder` up to its first half; `count` of them must follow.

    Each with `streamed_half` before it. Raises MalformedMessage.
    """
    before = STOCK_KEYHOLDER.encode({"version": VERSION, "dealt": []})[:-1]
    return before + _cbor_head(_ARRAY, count)


def streamed_half(size_bytes: int) -> bytes:
    """What goes before a half of so many bytes. Raises MalformedMessage."""
    return _cbor_head(_BYTE_STRING, size_bytes)


def decode_stock(body: bytes) -> list[tuple[int, bytes]]:
    """(serial, `dealt_homomorphic_provider`) of a batch, serials increasing.

    Raises MalformedMessage.
    """
    return _decoded(STOCK_PROVIDER, DEALT_PROVIDER, body)


def decode_keyholder_stock(body: bytes) -> list[tuple[int, bytes]]:
    """(serial, `dealt_homomorphic_keyholder`) of a batch, serials increasing.

    Raises MalformedMessage.
    """
    return _decoded(STOCK_KEYHOLDER, DEALT_KEYHOLDER, body)


def _decoded(stock: Message, part: Message, body: bytes) -> list[tuple[int, bytes]]:
    dealt = wire.decode(stock, body)["dealt"]
    assert isinstance(dealt, list)
    batch = [
        (serial_of(wire.octets(wire.decode(part, each), "serial")), each)
        for each in dealt
        if isinstance(each, bytes)
    ]
    if any(later[0] <= earlier[0] for earlier, later in pairwise(batch)):
        raise MalformedMessage("a batch's serials must increase")
    return batch


def _cbor_head(major: int, count: int) -> bytes:
    """An item's head in its shortest form. Source: RFC 8949, section 3."""
    if count < 24:
        return bytes([major << 5 | count])
    for kind, width in enumerate((1, 2, 4, 8)):
        if count < 1 << (8 * width):
            return bytes([major << 5 | 24 + kind]) + count.to_bytes(width)
    raise MalformedMessage("a message is too long")
