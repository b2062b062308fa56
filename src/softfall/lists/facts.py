"""What the custodian tells of its entries: who lists them, who certified them; never a hash.

A person who decides about a match must know how good the list's word is: which lists say so, and
how many organisations looked and agree. That much, and no more, leaves the custodian.
Guarantees, by the messages' forms: no answer has room for a hash or for a distance (with distances,
whoever may ask could walk towards an entry bit by bit).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from softfall.lists.entries import (
    MAX_NAME_CHARS,
    MAX_VIEW_CHARS,
    NAME_SEPARATOR,
    PDQ_BYTES,
    Entry,
)
from softfall.wire import Bytes, Field, ListOf, Message, Nested, Party, Text, Uint, Value

MAX_NAMES = 32
MAX_ENTRIES = 8

_NAME = Text(4 * MAX_NAME_CHARS)

ENTRY_ASKED = Message(
    "entry_asked",
    Party.CUSTODIAN,
    (
        Field("option", Text(32), "the option whose epoch it is"),
        Field("epoch", Uint(2**32), "a published epoch"),
        Field("entry", Uint(), "an entry's number, as `confirm` gave it"),
    ),
    max_bytes=64,
)

LOOKUP = Message(
    "lookup",
    Party.CUSTODIAN,
    (
        Field(
            "hash",
            Bytes(PDQ_BYTES, PDQ_BYTES),
            "PDQ of a picture that is public (a profile picture, say); never of a message",
        ),
    ),
    max_bytes=64,
)

ENTRY_FACTS = Message(
    "entry_facts",
    Party.PROVIDER,
    (
        Field("entry", Uint(), "its number"),
        Field("labels", ListOf(_NAME, 0, MAX_NAMES), "the lists' own words for it"),
        Field("sources", ListOf(_NAME, 0, MAX_NAMES), "the lists that it is on"),
        Field("certifiers", ListOf(_NAME, 0, MAX_NAMES), "the organisations that certified it"),
        Field(
            "view",
            Text(MAX_VIEW_CHARS, may_be_empty=True),
            "which view of a listed picture it is; empty if it is the picture itself",
        ),
        Field("whole", Uint(), "that picture's entry; 0 if none, or not on the list itself"),
    ),
    max_bytes=96 + MAX_VIEW_CHARS + 3 * MAX_NAMES * (4 * MAX_NAME_CHARS + 4),
)

LISTED = Message(
    "listed",
    Party.PROVIDER,
    (Field("entries", ListOf(Nested(ENTRY_FACTS), 0, MAX_ENTRIES), "what it matches; or nothing"),),
    max_bytes=64 + MAX_ENTRIES * ENTRY_FACTS.max_bytes,
)


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One list entry, as the custodian tells of it. The names are in order, without repeats."""

    entry: int
    labels: tuple[str, ...]
    sources: tuple[str, ...]
    certifiers: tuple[str, ...]
    view: str = ""
    whole: int = 0

    @classmethod
    def of(cls, entry: Entry, whole: Entry | None = None) -> "EntryFacts":
        """What may be told of an entry: at most `MAX_NAMES` names of each kind.

        whole: the entry of the picture that this one is a view of, where it has one. The names are
        those of the view itself: who looked at the picture says so under the picture's number.
        """
        return cls(
            entry.number,
            labels=_some(entry.labels),
            sources=_some(entry.sources),
            certifiers=_some(entry.certifiers),
            view=entry.views[0].name if entry.views else "",
            whole=whole.number if whole else 0,
        )

    @property
    def label(self) -> str:
        """The labels as one line."""
        return f"{NAME_SEPARATOR} ".join(self.labels)

    def values(self) -> dict[str, Value]:
        """As `entry_facts` has them."""
        return {
            "entry": self.entry,
            "labels": list(self.labels),
            "sources": list(self.sources),
            "certifiers": list(self.certifiers),
            "view": self.view,
            "whole": self.whole,
        }


def encode_facts(facts: EntryFacts) -> bytes:
    """An `entry_facts`."""
    return ENTRY_FACTS.encode(facts.values())


def decode_facts(body: bytes) -> EntryFacts:
    """Raises MalformedMessage."""
    return _read(ENTRY_FACTS.decode(body))


def encode_listed(matches: Iterable[EntryFacts]) -> bytes:
    """A `listed`: of the entries, the first `MAX_ENTRIES`."""
    return LISTED.encode({"entries": [facts.values() for facts in [*matches][:MAX_ENTRIES]]})


def decode_listed(body: bytes) -> tuple[EntryFacts, ...]:
    """Raises MalformedMessage."""
    values: dict[str, Any] = LISTED.decode(body)
    return tuple(_read(each) for each in values["entries"])


def _read(values: dict[str, Any]) -> EntryFacts:
    return EntryFacts(
        values["entry"],
        labels=tuple(values["labels"]),
        sources=tuple(values["sources"]),
        certifiers=tuple(values["certifiers"]),
        view=values["view"],
        whole=values["whole"],
    )


def _some(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names))[:MAX_NAMES])
