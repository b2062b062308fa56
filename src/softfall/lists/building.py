"""A list's statements from pictures: the whole one's, and each view's, linked to it.

Guarantees: every view names its picture's own hash, so a list and whoever reads a match can tell
them apart; a hash comes once a picture (a symmetrical picture's mirror image is no view of it).
Refuses: a picture whose own hash is not dependable, with the reason: its views are left out as
well, since nothing could be withdrawn by them. A view without a dependable hash is left out and
named.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from softfall.lists.entries import BadEntry, Statement, ViewOf
from softfall.media.pdq import PdqHash
from softfall.media.views import WHOLE, ViewHash


@dataclass(frozen=True, slots=True)
class Keeper:
    """What all of a keeper's statements share. listed_ms: now, by the keeper's clock."""

    source: str
    labels: frozenset[str]
    certifiers: frozenset[str]
    listed_ms: int


@dataclass(frozen=True, slots=True)
class Built:
    """What one picture makes: statements, the whole one's first, and the views left out."""

    statements: tuple[Statement, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotListed:
    """A picture that makes none, and why."""

    reason: str


def statements_of(hashes: Iterable[ViewHash], keeper: Keeper) -> Built | NotListed:
    """The statements on one picture. hashes: from `view_hashes`, the whole picture's first."""
    whole, *views = hashes
    assert whole.view == WHOLE
    if not isinstance(whole.found, PdqHash):
        return NotListed(f"{whole.found.reason} (quality {whole.found.quality})")
    try:
        made = {whole.found.bits: _statement(whole.found.bits, keeper, None)}
    except BadEntry as error:
        return NotListed(error.what)
    left_out = []
    for view in views:
        found = view.found
        try:
            if not isinstance(found, PdqHash):
                left_out.append(view.view)
            elif found.bits not in made:
                linked = ViewOf(whole.found.bits, view.view)
                made[found.bits] = _statement(found.bits, keeper, linked)
        except BadEntry:
            left_out.append(view.view)
    return Built(tuple(made.values()), tuple(left_out))


def _statement(pdq: bytes, keeper: Keeper, view: ViewOf | None) -> Statement:
    return Statement(
        pdq,
        keeper.source,
        keeper.labels,
        keeper.certifiers,
        added_ms=keeper.listed_ms,
        listed_ms=keeper.listed_ms,
        view=view,
    )
