"""What each party may receive on each route, declared: the form of the bytes, and what they tell.

Guarantees: for a CBOR body the declaration is the message's own (`wire.py`, `messaging.envelope`),
and its decoder is the judge; a JSON body may have the named keys and no other. What is not declared
here is an error in the report, never ignored.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import cbor2

from softfall.options.framed import read_frames
from softfall.wire import Kind, ListOf, MalformedMessage, Message, Nested, Optional, Value


class Nature(Enum):
    """What the bytes of a field are to the party that receives them."""

    READABLE = "words and pictures of others, readable"
    OWN = "words and pictures meant for it"
    ESCROWED = "ciphertext, which it can open at will"
    SEALED = "ciphertext, which it can't open"
    HASHES = "hashes of pictures, readable"
    LIST = "the list itself"
    DERIVED = "made from the list; not the hashes"
    MATCHING = "made for matching"
    DEALT = "random, dealt in advance"
    ROUTING = "who, to whom, when; keys and receipts"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One field that was received."""

    name: str
    meaning: str
    nature: Nature
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Inner:
    """What stands, encoded, in a field of bytes: it depends on the field `chooser` beside it.

    forms: by the chooser's value; None where the bytes have no inner form.
    """

    chooser: str
    forms: Mapping[str, Message | None]


@dataclass(frozen=True, slots=True)
class Cbor:
    """A message of `wire.Message`.

    natures, inner: by dotted field name; natures where they differ from the declaration's own.
    """

    message: Message
    natures: Mapping[str, Nature] = field(default_factory=dict)
    inner: Mapping[str, Inner] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As docs/wire-formats.md names it."""
        return self.message.name

    def leaves(self, body: bytes, nature: Nature) -> list[Leaf]:
        """Every field with its size. Raises MalformedMessage."""
        return list(self._of_message(self.message, self.message.decode(body), "", nature))

    def _of_message(
        self, message: Message, values: Mapping[str, Value], at: str, nature: Nature
    ) -> Iterable[Leaf]:
        for each in message.fields:
            name = f"{at}{each.name}"
            of_field, value = self.natures.get(name, nature), values[each.name]
            inner = self._inner(name, values)
            if inner is not None and isinstance(value, bytes):
                for body in _bodies(value):
                    yield from self._of_message(inner, inner.decode(body), f"{name}.", of_field)
            else:
                yield from self._of_value(each.kind, value, name, each.meaning, of_field)

    def _inner(self, name: str, values: Mapping[str, Value]) -> Message | None:
        if name not in self.inner:
            return None
        rule = self.inner[name]
        chosen = values[rule.chooser]
        if not isinstance(chosen, str) or chosen not in rule.forms:
            raise MalformedMessage(f"{name}: nothing is declared for {rule.chooser} {chosen!r}")
        return rule.forms[chosen]

    def _of_value(
        self, kind: Kind, value: Value, name: str, meaning: str, nature: Nature
    ) -> Iterable[Leaf]:
        if isinstance(kind, Optional):
            if value is not None:
                yield from self._of_value(kind.item, value, name, meaning, nature)
        elif isinstance(kind, Nested) and isinstance(value, Mapping):
            yield from self._of_message(kind.message, value, f"{name}.", nature)
        elif isinstance(kind, ListOf) and isinstance(value, list):
            for item in value:
                yield from self._of_value(kind.item, item, name, meaning, nature)
        else:
            yield Leaf(name, meaning, nature, _size_bytes(value))


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON object with some of these keys and no other."""

    name: str
    keys: frozenset[str]

    def leaves(self, body: bytes, nature: Nature) -> list[Leaf]:
        """Every key with the size of its value as written. Raises MalformedMessage."""
        try:
            values = json.loads(body)
        except ValueError:
            raise MalformedMessage(f"{self.name} is not JSON") from None
        if not isinstance(values, dict) or not self.keys.issuperset(values):
            raise MalformedMessage(f"{self.name} has a key that is not declared")
        return [
            Leaf(key, "", nature, len(json.dumps(value).encode())) for key, value in values.items()
        ]


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes without inner form."""

    name: str

    def leaves(self, body: bytes, nature: Nature) -> list[Leaf]:
        """The whole body as one field."""
        return [Leaf("file", "", nature, len(body))]


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty body: only the route itself says something."""

    name: str = "no body"

    def leaves(self, body: bytes, nature: Nature) -> list[Leaf]:
        """No field. Raises MalformedMessage where there is a body."""
        if body:
            raise MalformedMessage("a body where none is declared")
        return []


Form = Cbor | Json | Octets | Nothing
REQUEST: Final = "request"
REPLY: Final = "reply"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One form of bytes on one route. receiver, peer: roles without their qualifiers.

    route: "METHOD /path/{name}". way: whether the receiver was asked (REQUEST) or answered (REPLY).
    """

    receiver: str
    peer: str
    way: str
    route: str
    form: Form
    nature: Nature
    meaning: str


ERROR: Final = Json("error", frozenset({"error", "blame", "what", "remedy", "voucher"}))


class Declared:
    """A table of declarations, ready to be asked."""

    def __init__(self, declarations: Sequence[Declaration]) -> None:
        self._rows = [(_pattern(row.route), row) for row in declarations]

    def of(self, receiver: str, way: str, method: str, path: str) -> Declaration | None:
        """What is declared for a receiver on this route; None if nothing is."""
        asked = f"{method} {path.partition('?')[0]}"
        for pattern, row in self._rows:
            if row.receiver == receiver and row.way == way and pattern.fullmatch(asked):
                return row
        return None


def _pattern(route: str) -> re.Pattern[str]:
    parts = re.split(r"\{[a-z0-9_]+\}", route)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _bodies(body: bytes) -> Sequence[bytes]:
    """A picture's body, or those of a video's frames. Raises MalformedMessage."""
    frames = read_frames(body)
    return (body,) if frames is None else frames.bodies


def _size_bytes(value: Value) -> int:
    if isinstance(value, bytes):
        return len(value)
    return len(value.encode()) if isinstance(value, str) else len(cbor2.dumps(value))
