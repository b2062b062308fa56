"""Messages between parties, declared once: fields, sizes, and who receives them.

A `Message` is the single truth about its bytes. It encodes, it decodes (strictly: canonical CBOR,
every field present, every size within its bounds), it draws its own table for the docs, and
`compare` checks every recorded byte against it.

Guarantees: `decode(encode(v)) == v`, and `encode(decode(b)) == b`: one value has one encoding.
Refuses: anything else, as `MalformedMessage`. Foreign items (tags, floats, maps, indefinite
lengths), deep nesting, and lengths beyond the bytes at hand are refused before the decoder sees
them, so it never builds or makes room for anything that no message has.
Source: CBOR, RFC 8949, section 4.2 (deterministic encoding).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import cbor2

from softfall.errors import InputError

MAX_DEPTH = 16

Value = int | bytes | str | bool | None | list["Value"] | Mapping[str, "Value"]


class MalformedMessage(InputError):
    """Bytes that are not the message they claim to be."""

    remedy = "Send the message as docs/wire-formats.md lays it out."


class Party(Enum):
    """Who may receive a message. Each is a process of its own with its own store."""

    DEVICE = "device"
    PROVIDER = "provider"
    CUSTODIAN = "custodian"
    KEYHOLDER = "keyholder"
    DEALER = "dealer"
    ENCLAVE = "enclave"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Bytes:
    """A byte string of `min_bytes` to `max_bytes`."""

    min_bytes: int
    max_bytes: int

    def accept(self, value: object, where: str) -> Value:
        """The value itself, or MalformedMessage."""
        if not isinstance(value, bytes) or not self.min_bytes <= len(value) <= self.max_bytes:
            raise MalformedMessage(f"{where} must be {self}")
        return value

    def __str__(self) -> str:
        if self.min_bytes == self.max_bytes:
            return f"{self.min_bytes} bytes"
        return f"{self.min_bytes} to {self.max_bytes} bytes"


@dataclass(frozen=True, slots=True)
class Text:
    """UTF-8 text of 1 to `max_bytes` bytes (0 where `may_be_empty`)."""

    max_bytes: int
    may_be_empty: bool = False

    def accept(self, value: object, where: str) -> Value:
        """The value itself, or MalformedMessage."""
        try:
            size = len(value.encode()) if isinstance(value, str) else -1
        except UnicodeEncodeError:
            size = -1
        if not (0 if self.may_be_empty else 1) <= size <= self.max_bytes:
            raise MalformedMessage(f"{where} must be {self}")
        return value  # type: ignore[return-value]  # a str, by the size just computed

    def __str__(self) -> str:
        return f"text, {0 if self.may_be_empty else 1} to {self.max_bytes} bytes"


@dataclass(frozen=True, slots=True)
class Uint:
    """A whole number of 0 to `maximum`."""

    maximum: int = 2**63 - 1

    def accept(self, value: object, where: str) -> Value:
        """The value itself, or MalformedMessage."""
        if type(value) is not int or not 0 <= value <= self.maximum:
            raise MalformedMessage(f"{where} must be {self}")
        return value

    def __str__(self) -> str:
        return f"whole number, 0 to {self.maximum}"


@dataclass(frozen=True, slots=True)
class ListOf:
    """`min_items` to `max_items` values of one kind."""

    item: "Kind"
    min_items: int
    max_items: int

    def accept(self, value: object, where: str) -> Value:
        """The value with each item accepted, or MalformedMessage."""
        if not isinstance(value, list) or not self.min_items <= len(value) <= self.max_items:
            raise MalformedMessage(f"{where} must be {self}")
        return [self.item.accept(item, f"{where}[{i}]") for i, item in enumerate(value)]

    def __str__(self) -> str:
        return f"list of {self.min_items} to {self.max_items}: {self.item}"


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or nothing."""

    item: "Kind"

    def accept(self, value: object, where: str) -> Value:
        """None, or the value accepted, or MalformedMessage."""
        return None if value is None else self.item.accept(value, where)

    def __str__(self) -> str:
        return f"nothing, or {self.item}"


@dataclass(frozen=True, slots=True)
class Nested:
    """Another message's fields, in place."""

    message: "Message"

    def accept(self, value: object, where: str) -> Value:
        """The inner message's named values, or MalformedMessage."""
        return self.message.accept(value, where)

    def __str__(self) -> str:
        return f"`{self.message.name}`"


Kind = Bytes | Text | Uint | ListOf | Optional | Nested


@dataclass(frozen=True, slots=True)
class Field:
    """One named value of a message, and what it means to its receiver."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its name, who receives it, its fields in order, its largest size.

    On the wire: a CBOR array, the fields' values in order (deterministic encoding).
    """

    name: str
    receiver: Party
    fields: tuple[Field, ...]
    max_bytes: int

    def encode(self, values: Mapping[str, Value]) -> bytes:
        """The message's one encoding. Raises MalformedMessage if `values` do not fit."""
        body = cbor2.dumps(self._positional(values), canonical=True)
        if len(body) > self.max_bytes:
            raise MalformedMessage(f"{self.name} is over {self.max_bytes} bytes")
        return body

    def decode(self, body: bytes) -> dict[str, Value]:
        """The values by field name. Raises MalformedMessage for anything but the one encoding."""
        if len(body) > self.max_bytes:
            raise MalformedMessage(f"{self.name} is over {self.max_bytes} bytes")
        if not _has_known_items_only(body):
            raise MalformedMessage(f"{self.name} is not CBOR, or holds what no message has")
        try:
            raw = cbor2.loads(body)
        except (cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
            raise MalformedMessage(f"{self.name} is not CBOR") from None
        return self.accept(raw, self.name)

    def accept(self, raw: object, where: str) -> dict[str, Value]:
        """The values by field name from a decoded array (or from a mapping, when encoding)."""
        if isinstance(raw, Mapping):
            raw = [raw.get(field.name) for field in self.fields]
        if not isinstance(raw, list) or len(raw) != len(self.fields):
            raise MalformedMessage(f"{where} must have {len(self.fields)} fields")
        return {
            field.name: field.kind.accept(value, f"{where}.{field.name}")
            for field, value in zip(self.fields, raw, strict=True)
        }

    def _positional(self, values: Mapping[str, Value]) -> list[object]:
        unknown = set(values) - {field.name for field in self.fields}
        if unknown:
            raise MalformedMessage(f"{self.name} has no field {sorted(unknown)[0]!r}")
        accepted = self.accept(values, self.name)
        return [_positional(field.kind, accepted[field.name]) for field in self.fields]


def _positional(kind: Kind, value: Value) -> object:
    if isinstance(kind, Nested) and isinstance(value, Mapping):
        return kind.message._positional(value)
    if isinstance(kind, ListOf) and isinstance(value, list):
        return [_positional(kind.item, item) for item in value]
    if isinstance(kind, Optional) and value is not None:
        return _positional(kind.item, value)
    return value


def load_foreign(body: bytes) -> object:
    """One CBOR item that another specification lays out, so that it may hold maps and negatives.

    As strict as a message otherwise, and it must be what this encoder would write of the decoded
    value (with a map's keys in the order at hand), so that no key comes twice and nothing has two
    readings. Raises MalformedMessage.
    """
    if not _has_known_items_only(body, _FOREIGN):
        raise MalformedMessage("the bytes are not one CBOR item of known kinds")
    try:
        value: object = cbor2.loads(body)
        same = cbor2.dumps(value) == body
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        raise MalformedMessage("the bytes are not CBOR") from None
    if not same:
        raise MalformedMessage("the bytes are not in their one encoding")
    return value


# RFC 8949, section 3: a head byte is a major type (3 bits) and a count, or how long the count is.
_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = 0, 1, 2, 3, 4, 5, 7
_OURS = frozenset((_UINT, _BYTES, _TEXT, _ARRAY, _SIMPLE))
_FOREIGN = _OURS | {_NEGATIVE, _MAP}
_FALSE_TRUE_NULL = (20, 21, 22)
_COUNT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST_COUNT = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}  # a smaller one has a shorter form


def _has_known_items_only(body: bytes, majors: frozenset[int] = _OURS) -> bool:
    """Whether `body` is one item, all of it, of numbers, strings, arrays, booleans and null.

    Of numbers below zero and maps too, where `majors` names them.
    """
    at, missing = 0, [1]  # missing: for each open array, how many items are still to come
    while missing:
        if missing[-1] == 0:
            missing.pop()
            continue
        missing[-1] -= 1
        head = _known_head(body, at)
        if head is None or head[0] not in majors:
            return False
        major, count, at = head
        if major in (_ARRAY, _MAP):
            missing.append(count * (2 if major == _MAP else 1))
        elif major in (_BYTES, _TEXT):
            at += count
        if len(missing) > MAX_DEPTH:
            return False
    return at == len(body)


def _known_head(body: bytes, at: int) -> tuple[int, int, int] | None:
    """An item's major type, its count, and where its content begins.

    None for a foreign item, where the items or bytes that it counts don't fit in what is left, and
    for a count in a longer form than its shortest: so of our items each has one encoding, and what
    was decoded need not be encoded again to be sure of it (milliseconds, for megabytes).
    """
    if at >= len(body):
        return None
    major, count = divmod(body[at], 32)
    at += 1
    if major == _SIMPLE:
        return (major, 0, at) if count in _FALSE_TRUE_NULL else None
    if major not in _FOREIGN or count > max(_COUNT_BYTES):
        return None
    if count in _COUNT_BYTES:
        form, size = count, _COUNT_BYTES[count]
        count = int.from_bytes(body[at : at + size])
        at += size
        if count < _LEAST_COUNT[form]:
            return None
    fits = at <= len(body) and (major in (_UINT, _NEGATIVE) or count <= len(body) - at)
    return (major, count, at) if fits else None
