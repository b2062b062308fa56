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

TABLE_BYTES: Final = 6
MAX_COLUMNS_BYTES: Final = TABLE_BYTES * MAX_ROWS + plane_bytes(MAX_ROWS)
EQUALITY_BYTES: Final = KEY_BYTES + DIGEST_BYTES

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
    max_bytes=MAX_COLUMNS_BYTES + 160,
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


def columns_bytes(mode: Mode, rows: int) -> int:
    """The size of a keyholder's columns: about 6.1 bytes a row, permuted 1.1."""
    if mode is Mode.PERMUTED:
        return nine_bit_bytes(rows)
    return TABLE_BYTES * rows + plane_bytes(rows)


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
    size = columns_bytes(mode, rows)
    before = DEALT_KEYHOLDER.encode({**values, "columns": b""})[:-1]
    return before + _byte_string_head(size)


def decode_stock(body: bytes) -> list[tuple[int, bytes]]:
    """(serial, `dealt_homomorphic_provider`) of a batch, serials increasing.

    Raises MalformedMessage.
    """
    dealt = wire.decode(STOCK_PROVIDER, body)["dealt"]
    assert isinstance(dealt, list)
    batch = [(serial_in(each), each) for each in dealt if isinstance(each, bytes)]
    if any(later[0] <= earlier[0] for earlier, later in pairwise(batch)):
        raise MalformedMessage("a batch's serials must increase")
    return batch


def serial_in(dealt: bytes) -> int:
    """The serial of one `dealt_homomorphic_provider`. Raises MalformedMessage."""
    return serial_of(wire.octets(wire.decode(DEALT_PROVIDER, dealt), "serial"))


def _byte_string_head(size_bytes: int) -> bytes:
    """CBOR's head of a byte string. Source: RFC 8949, section 3, major type 2."""
    if size_bytes < 24:
        return bytes([0x40 + size_bytes])
    for kind, width in enumerate((1, 2, 4, 8)):
        if size_bytes < 1 << (8 * width):
            return bytes([0x58 + kind]) + size_bytes.to_bytes(width)
    raise MalformedMessage("a byte string is too long")
