"""What a list holds: for each hash, what each source says about it.

A `Statement` is one source's word on one hash: a line of a file. An `Entry` is one hash with the
statements of all its sources. Two statements by one source on one hash merge by this table
("later" is by the date of listing that the source gave; no date is before every date):

    field                 two statements by one source merge to
    --------------------  ----------------------------------------------------------------
    labels, certifiers    those of the later listing; of both, where the dates are equal
    added_ms              the earliest
    listed_ms             the latest (None: the source never gave a date)
    withdrawn_ms          the latest
    view                  none, if either lists the picture as it is; else the lesser
    active                never withdrawn, or listed again at a later date

A statement may say that its hash is a **view** of a listed picture (cropped, mirrored: see
`media.views`). A view follows its whole picture's statement by the same source: withdrawn with it,
listed again with it (`follow`).

The statements of several sources make an entry by this one:

    field                 an entry has
    --------------------  ----------------------------------------------------------------
    active                while any source's statement is active
    labels, certifiers    the union over its active statements (over all, once none is active)
    added_ms              the earliest
    withdrawn_ms          when the last source withdrew it; None while active
    views                 what it is a view of; none, once a source lists it as it is

Guarantees: `merge` is commutative, associative and idempotent, so the order in which files are
imported changes nothing; a list without dates never brings back what was withdrawn.
Refuses: hashes of flat pictures (within the match radius of all zeros or all ones: they would match
every blank picture), and names that could pass for another.
A whole hash is never printed: a perceptual hash can be inverted to a rough picture.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from softfall.errors import InputError

PDQ_BYTES = 32
PDQ_BITS = 256
MATCH_RADIUS_BITS = 31
MAX_NAME_CHARS = 120
NAME_SEPARATOR = ";"
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the last instant that ISO 8601 can write."""

MAX_VIEW_CHARS = 40

_VIEW_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_HEX = frozenset("0123456789abcdefABCDEF")
_SPREADSHEET_FORMULA = ("=", "+", "-", "@")


class BadEntry(InputError):
    """Values that no list entry can have."""

    remedy = "Correct the value that is named; docs/lists.md shows each form of a list."


def parse_hash(text: str) -> bytes:
    """The 32 bytes of 64 hexadecimal digits, in upper or lower case. Raises BadEntry."""
    if len(text) != 2 * PDQ_BYTES:
        raise BadEntry(f"a PDQ hash has 64 hexadecimal digits, this has {len(text)} characters")
    if not _HEX.issuperset(text):
        raise BadEntry("a PDQ hash has hexadecimal digits only")
    return bytes.fromhex(text)


def short_hash(pdq: bytes) -> str:
    """The only form of a hash that may be printed or logged: its first 8 digits."""
    return pdq[:4].hex() + "\u2026"


def ones(pdq: bytes) -> int:
    """How many of the 256 bits are one. PDQ sets half of them, unless the picture is odd."""
    return int.from_bytes(pdq).bit_count()


@lru_cache(maxsize=4096)
def clean_name(text: str) -> str:
    """A source, label or certifier in its one spelling (Unicode NFKC, no outer spaces).

    Raises BadEntry for what is empty, too long, unprintable, or would be read as a formula.
    """
    name = unicodedata.normalize("NFKC", text).strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise BadEntry(f"a name has 1 to {MAX_NAME_CHARS} characters")
    if not name.isprintable() or NAME_SEPARATOR in name:
        raise BadEntry("a name has printable characters only, and no semicolon")
    if name.startswith(_SPREADSHEET_FORMULA):
        raise BadEntry("a name does not begin with =, +, - or @ (spreadsheets would run it)")
    return name


@lru_cache(maxsize=4096)
def clean_organisation(text: str) -> str:
    """A source's or certifier's name, in lower case: no organisation counts twice by its spelling.

    Raises BadEntry.
    """
    name = clean_name(unicodedata.normalize("NFKC", text).casefold())
    if clean_name(name.casefold()) != name:
        raise BadEntry("a name must have one spelling in lower case")
    return name


@dataclass(frozen=True, slots=True, order=True, repr=False)
class ViewOf:
    """Which picture a hash is a view of, and which view. whole: the 32 bytes of its own hash.

    Raises BadEntry.
    """

    whole: bytes
    name: str

    def __post_init__(self) -> None:
        if len(self.whole) != PDQ_BYTES:
            raise BadEntry(f"a PDQ hash has {PDQ_BYTES} bytes")
        if not 1 <= len(self.name) <= MAX_VIEW_CHARS or not _VIEW_CHARS.issuperset(self.name):
            raise BadEntry("a view's name has small letters, digits, dots and hyphens only")

    def __repr__(self) -> str:
        return f"ViewOf({self.name} of {short_hash(self.whole)})"


@dataclass(frozen=True, slots=True, repr=False)
class Statement:
    """One source's word on one hash.

    pdq: 32 bytes. Times in milliseconds since 1970 (UTC); added_ms is None where nobody said when.
    view: None where the hash is that of a picture as it is.
    Raises BadEntry. Names must have passed `clean_name` and `clean_organisation`.
    """

    pdq: bytes
    source: str
    labels: frozenset[str] = frozenset()
    certifiers: frozenset[str] = frozenset()
    added_ms: int | None = None
    listed_ms: int | None = None
    withdrawn_ms: int | None = None
    view: ViewOf | None = None

    def __post_init__(self) -> None:
        if len(self.pdq) != PDQ_BYTES:
            raise BadEntry(f"a PDQ hash has {PDQ_BYTES} bytes")
        if not MATCH_RADIUS_BITS < ones(self.pdq) < PDQ_BITS - MATCH_RADIUS_BITS:
            raise BadEntry("the hash is that of a flat picture: it would match every blank one")
        for instant in (self.added_ms, self.listed_ms, self.withdrawn_ms):
            if instant is not None and not 0 <= instant <= LATEST_MS:
                raise BadEntry("a time lies before 1970 or after 9999")
        if self.view is not None and self.view.whole == self.pdq:
            raise BadEntry("a hash can't be a view of itself")

    @property
    def active(self) -> bool:
        """Whether the source stands by it."""
        if self.withdrawn_ms is None:
            return True
        return self.listed_ms is not None and self.listed_ms > self.withdrawn_ms

    def __repr__(self) -> str:
        state = "active" if self.active else "withdrawn"
        return f"Statement({short_hash(self.pdq)} by {self.source!r}, {state})"


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One hash of the list, with what each of its sources says (ordered by source).

    number: the entry's number in the custodian's catalogue, for ever; 0 outside of one.
    """

    pdq: bytes
    statements: tuple[Statement, ...]
    number: int = 0

    @property
    def active(self) -> bool:
        """Whether any source stands by it."""
        return any(statement.active for statement in self.statements)

    @property
    def sources(self) -> tuple[str, ...]:
        """Who lists it, or listed it."""
        return tuple(statement.source for statement in self._telling())

    @property
    def labels(self) -> frozenset[str]:
        """All labels of those who stand by it."""
        return frozenset().union(*(statement.labels for statement in self._telling()))

    @property
    def certifiers(self) -> frozenset[str]:
        """The organisations that looked and agree, as those who stand by it say."""
        return frozenset().union(*(statement.certifiers for statement in self._telling()))

    @property
    def added_ms(self) -> int | None:
        """The earliest date that any source gave."""
        return _least(statement.added_ms for statement in self.statements)

    @property
    def withdrawn_ms(self) -> int | None:
        """When the last source withdrew it; None while active."""
        if self.active:
            return None
        return _greatest(statement.withdrawn_ms for statement in self.statements)

    @property
    def views(self) -> tuple[ViewOf, ...]:
        """What it is a view of, in order; none if one who stands by it lists it as it is."""
        told = {statement.view for statement in self._telling()}
        return tuple(sorted(view for view in told if view)) if None not in told else ()

    def _telling(self) -> tuple[Statement, ...]:
        standing = tuple(statement for statement in self.statements if statement.active)
        return standing or self.statements

    def __repr__(self) -> str:
        state = "active" if self.active else "withdrawn"
        return f"Entry({self.number}: {short_hash(self.pdq)} by {self.sources}, {state})"


def merge(first: Statement, second: Statement) -> Statement:
    """One statement from two by one source on one hash, by the module's first table."""
    assert (first.pdq, first.source) == (second.pdq, second.source)
    if first == second:
        return first
    later = [first, second]
    if first.listed_ms != second.listed_ms:
        later = [max(first, second, key=_listing_order)]
    return Statement(
        pdq=first.pdq,
        source=first.source,
        labels=frozenset().union(*(statement.labels for statement in later)),
        certifiers=frozenset().union(*(statement.certifiers for statement in later)),
        added_ms=_least((first.added_ms, second.added_ms)),
        listed_ms=_greatest((first.listed_ms, second.listed_ms)),
        withdrawn_ms=_greatest((first.withdrawn_ms, second.withdrawn_ms)),
        view=min(first.view, second.view) if first.view and second.view else None,
    )


def follow(view: Statement, whole: Statement) -> Statement:
    """A view's statement after its whole picture's, by the same source, was ever withdrawn.

    Only the later dates are taken over, so it changes nothing to follow twice, or sooner.
    """
    if whole.view is not None or whole.withdrawn_ms is None:
        return view
    return replace(
        view,
        listed_ms=_greatest((view.listed_ms, whole.listed_ms)),
        withdrawn_ms=_greatest((view.withdrawn_ms, whole.withdrawn_ms)),
    )


def gather(statements: Iterable[Statement]) -> list[Entry]:
    """The entries that these statements make, in the order in which their hashes first came."""
    by_hash: dict[bytes, dict[str, Statement]] = {}
    for statement in statements:
        sources = by_hash.setdefault(statement.pdq, {})
        known = sources.get(statement.source)
        sources[statement.source] = merge(known, statement) if known else statement
    for sources in by_hash.values():
        for name, spoken in sources.items():
            whole = by_hash.get(spoken.view.whole, {}).get(name) if spoken.view else None
            if whole is not None:
                sources[name] = follow(spoken, whole)
    return [
        Entry(pdq, tuple(sources[name] for name in sorted(sources)))
        for pdq, sources in by_hash.items()
    ]


def _listing_order(statement: Statement) -> int:
    return -1 if statement.listed_ms is None else statement.listed_ms


def _least(instants: Iterable[int | None]) -> int | None:
    return min((instant for instant in instants if instant is not None), default=None)


def _greatest(instants: Iterable[int | None]) -> int | None:
    return max((instant for instant in instants if instant is not None), default=None)
