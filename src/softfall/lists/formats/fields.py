"""How the forms of a list write times and names, and what a line leaves to its importer.

Times are ISO 8601 with a zone, to the millisecond: `2026-11-22T10:00:00.000Z`. A time without a
zone is refused: nobody knows when it was. So is one that lies in the future: a listing dated ahead
would outlive every withdrawal.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from softfall.errors import InputError
from softfall.lists.entries import (
    LATEST_MS,
    NAME_SEPARATOR,
    BadEntry,
    Statement,
    ViewOf,
    clean_name,
    clean_organisation,
    parse_hash,
)

FIELDS = (
    "hash",
    "source",
    "label",
    "certifiers",
    "added",
    "listed",
    "withdrawn",
    "view",
    "view_of",
)
"""The columns of CSV; JSON lines have the same keys (and `labels`, a list)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_TIME_CHARS = 40


class SourceNeeded(InputError):
    """A list in a form that does not say whose it is."""

    remedy = "Name the source: `softfall list import FILE --source NAME`."


@dataclass(frozen=True, slots=True)
class Importer:
    """What every line of one import shares.

    source: whose statement a line is, where the line does not say. labels, certifiers: likewise.
    latest_ms: the importer's clock and a little; a later time in a line is refused.
    """

    source: str | None = None
    labels: frozenset[str] = frozenset()
    certifiers: frozenset[str] = frozenset()
    latest_ms: int = LATEST_MS

    def required_source(self) -> str:
        """The source. Raises SourceNeeded."""
        if self.source is None:
            raise SourceNeeded("this form of list does not say whose it is")
        return self.source


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line's fields as they stand in the file; None where the line lacks one.

    listed: None means "as added"; an empty text means that the source never gave a date.
    """

    pdq: str
    source: str | None = None
    labels: tuple[str, ...] = ()
    certifiers: tuple[str, ...] = ()
    added: str | None = None
    listed: str | None = None
    withdrawn: str | None = None
    view: str | None = None
    view_of: str | None = None


def statement(raw: RawLine, importer: Importer) -> Statement:
    """The statement that a line makes. Raises BadEntry."""
    source = clean_organisation(raw.source) if raw.source else importer.source
    if source is None:
        raise BadEntry("no source: neither the line nor the import names one")
    added_ms = instant(raw.added, importer.latest_ms)
    return Statement(
        pdq=parse_hash(raw.pdq),
        source=source,
        labels=_labels(raw.labels) if raw.labels else importer.labels,
        certifiers=_organisations(raw.certifiers) if raw.certifiers else importer.certifiers,
        added_ms=added_ms,
        listed_ms=added_ms if raw.listed is None else instant(raw.listed, importer.latest_ms),
        withdrawn_ms=instant(raw.withdrawn, importer.latest_ms),
        view=_view(raw.view, raw.view_of),
    )


def _view(name: str | None, whole: str | None) -> ViewOf | None:
    if not name and not whole:
        return None
    if not name or not whole:
        raise BadEntry("a view needs both its name (view) and its picture's hash (view_of)")
    return ViewOf(parse_hash(whole), name)


@lru_cache(maxsize=1024)
def _labels(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(clean_name, names))


@lru_cache(maxsize=1024)
def _organisations(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(clean_organisation, names))


def instant(text: str | None, latest_ms: int) -> int | None:
    """Milliseconds since 1970 from ISO 8601; None for none. Raises BadEntry."""
    if not text:
        return None
    at_ms = _parse_instant(text)
    if at_ms > latest_ms:
        raise BadEntry("a time lies in the future")
    return at_ms


@lru_cache(maxsize=1024)
def _parse_instant(text: str) -> int:
    try:
        if len(text) > _LONGEST_TIME_CHARS:
            raise ValueError
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadEntry("a time is not ISO 8601") from None
    if moment.tzinfo is None:
        raise BadEntry("a time has no zone (write 2026-11-22T10:00:00Z)")
    return (moment - _EPOCH) // _MILLISECOND


def instant_text(at_ms: int | None) -> str:
    """ISO 8601 in UTC to the millisecond; empty for none."""
    if at_ms is None:
        return ""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


@lru_cache(maxsize=1024)
def split_names(cell: str) -> tuple[str, ...]:
    """The names in one cell; none for an empty cell."""
    return tuple(name for name in cell.split(NAME_SEPARATOR) if name.strip())


def join_names(names: Iterable[str]) -> str:
    """Names in one cell, in order."""
    return NAME_SEPARATOR.join(sorted(names))


def unknown_field(name: str, known: Iterable[str]) -> str:
    """What to say of a field that nobody knows: a misspelt `withdrawn` must not go unseen."""
    nearest = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.0)
    return f"unknown field; the nearest known one is {nearest[0]!r}"
