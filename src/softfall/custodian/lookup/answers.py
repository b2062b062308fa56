"""What a tool is told: which of its hashes match, and what the list says of the entries they match.

Guarantees: never a hash, and never a distance or an order by distance: entries come by number, and
of many the lowest numbers (with distances, whoever may ask could walk towards an entry bit by bit).
A hash that matches nothing is not mentioned, so most answers are one short line.
What the list says of an entry is read again once the list has changed.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
from pydantic import BaseModel, Field

from softfall.lists.entries import Entry
from softfall.lists.facts import EntryFacts
from softfall.lists.index.hamming import Matches

MAX_TOLD: Final = 8
"""Entries told of for one hash; `more` says that there are others."""

_KEPT_FACTS: Final = 10_000


class ListedEntry(BaseModel):
    """What the list says of one entry."""

    entry: int = Field(description="Its number; it means this entry for ever.")
    labels: list[str] = Field(description="The lists' own words for it.")
    sources: list[str] = Field(description="The lists that it is on.")
    certifiers: list[str] = Field(description="The organisations that certified it.")
    view: str = Field(
        description="Which view of a listed picture it is (a crop, say); empty for the picture."
    )
    whole: int = Field(
        description="That picture's entry; 0 if it is the picture, or the picture has none."
    )


class Match(BaseModel):
    """One hash of the question that is on the list."""

    query: int = Field(ge=0, description="Which of the hashes, from 0.")
    entries: list[ListedEntry] = Field(description=f"What it matches, {MAX_TOLD} at most.")
    more: bool = Field(description="Whether it matches others besides.")


class PictureView(BaseModel):
    """One way in which a picture was looked up."""

    view: Literal["whole", "stripped"] = Field(
        description="As it is; or what is inside its uniform borders."
    )
    outcome: Literal["hashed", "unhashable"]
    quality: int = Field(ge=0, le=100, description="PDQ's; below 50 nothing is compared.")
    reason: str = Field(description="Why it has no dependable hash; empty where it has one.")


class LookedUpPicture(BaseModel):
    """What became of a picture; present where one was sent."""

    views: list[PictureView] = Field(
        description="One or two; `query` counts them from 0.", min_length=1, max_length=2
    )


class LookupAnswer(BaseModel):
    """The answer to a lookup."""

    looked_up: int = Field(ge=0, description="How many hashes were compared with the list.")
    matches: list[Match] = Field(description="Those that match; what is not here does not.")
    picture: LookedUpPicture | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. entries: how many it tells of, one a match at least; body: a LookupAnswer."""

    body: bytes
    entries: int


class Facts(Protocol):
    """Whoever knows the list's entries: the catalogue."""

    def show_all(self, numbers: Iterable[int]) -> Mapping[int, Entry]:
        """The entries of these numbers that exist, by number."""

    def whole_of(self, entry: Entry) -> Entry | None:
        """The entry of the picture that an entry is a view of, if there is one."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one hash matches: the lowest entry numbers, `MAX_TOLD` at most, and whether more do."""

    lowest: tuple[int, ...]
    more: bool


def numbers_by_row(found: Matches, first_row: int = 0) -> dict[int, Numbers]:
    """What each query that matches anything matches. first_row: which query row 0 is."""
    if not len(found):  # as most are; what follows takes as long as the search itself
        return {}
    rows, starts, counts = np.unique(found.query_rows, return_index=True, return_counts=True)
    return {
        first_row + int(row): Numbers(
            tuple(found.entry_numbers[start : start + min(count, MAX_TOLD)].tolist()),
            bool(count > MAX_TOLD),
        )
        for row, start, count in zip(rows, starts, counts, strict=True)
    }


class Answering:
    """Answers from matches; not for several threads. revision: of the list as it now is."""

    def __init__(self, facts: Facts, revision: Callable[[], int]) -> None:
        self._facts = facts
        self._revision = revision
        self._known: dict[int, dict[str, Any]] = {}
        self._known_at = -1

    def answer(
        self,
        looked_up: int,
        found: Mapping[int, Numbers],
        picture: LookedUpPicture | None = None,
    ) -> Answer:
        """found: what each of the `looked_up` queries matches, by its place, if anything."""
        if not found and picture is None:  # as most are
            return Answer(b'{"looked_up":%d,"matches":[]}' % looked_up, 0)
        told: dict[str, Any] = {"looked_up": looked_up, "matches": []}
        if picture is not None:
            told["picture"] = picture.model_dump()
        if found:
            told["matches"] = self._matches(found)
        count = sum(max(1, len(match["entries"])) for match in told["matches"])
        return Answer(json.dumps(told, separators=(",", ":")).encode(), count)

    def _matches(self, found: Mapping[int, Numbers]) -> list[dict[str, Any]]:
        self._learn({number for those in found.values() for number in those.lowest})
        return [
            {
                "query": row,
                "entries": [self._known[n] for n in those.lowest if n in self._known],
                "more": those.more,
            }
            for row, those in sorted(found.items())
        ]

    def _learn(self, numbers: set[int]) -> None:
        revision = self._revision()
        if revision != self._known_at or len(self._known) > _KEPT_FACTS:
            self._known, self._known_at = {}, revision
        lacking = numbers - self._known.keys()
        if lacking:
            for number, entry in self._facts.show_all(lacking).items():
                facts = EntryFacts.of(entry, self._facts.whole_of(entry))
                self._known[number] = dict(facts.values())
