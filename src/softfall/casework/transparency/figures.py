"""What is published: how much came in by which line of defence, what was decided, how fast, how
often wrongly; small counts hidden together.

Guarantees: figures are counts of what casework keeps, never of people who look at it; each table's
sums hold; what is hidden can't be computed from what is shown (`suppression`); a time is shown only
where enough decisions are behind it.
Limits: the tables of what came in, of decisions, and of holds count different things (sources,
cases, messages), each by its own date; periods that overlap must not both be published. Pure.
Source: NSPCC 2021, the five lines of defence; transparency reports' usual questions.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from softfall.casework.model import LINE_OF_SOURCE, Line, Outcome, Source
from softfall.casework.transparency.suppression import Shown, Sum, Withheld, suppress

HOUR_MS: Final = 3_600_000
_FINDING_LINES: Final = (Line.USERS, Line.PLATFORM, Line.LISTS)
_HOLD_WORDS: Final = {
    "released": "released by a person",
    "kept": "kept back",
    "reversed": "kept back, then released on appeal",
}
_HOLD_KINDS: Final = {"confirmed": "confirmed match", "other": "outage, or another reason"}


@dataclass(frozen=True, slots=True)
class DecidedCase:
    """One decision that became final in the period, and how long its case took until then."""

    line: Line
    outcome: Outcome
    took_ms: int


@dataclass(frozen=True, slots=True)
class DecidedHold:
    """One held message that a person decided about. end: released, kept or reversed."""

    confirmed: bool
    end: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What happened in a period, as casework keeps it.

    came_in: sources. appeals_made, and upheld or reversed in the period. released_by_time: cases
    that closed undecided. referrals_received: at the authority; referrals_mailed: by e-mail.
    """

    came_in: Sequence[Source] = ()
    decided: Sequence[DecidedCase] = ()
    holds: Sequence[DecidedHold] = ()
    appeals_made: int = 0
    appeals_upheld: int = 0
    appeals_reversed: int = 0
    released_by_time: int = 0
    referrals_received: int = 0
    referrals_mailed: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table. depth: how far it is part of the row above it."""

    label: str
    cells: tuple[str, ...]
    depth: int = 0


@dataclass(frozen=True, slots=True)
class FiguresTable:
    """A table as it is published. columns: the first is the rows' own."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is published of a period."""

    small_count: int
    tables: tuple[FiguresTable, ...]


@dataclass(slots=True)
class _Counts:
    """Counts by name, with the sums among them."""

    values: dict[str, int] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)

    def total(self, whole: str, parts: Iterable[str]) -> None:
        """A count that is the sum of others."""
        named = tuple(parts)
        self.values[whole] = sum(self.values[part] for part in named)
        self.sums.append(Sum(whole, named))


def figures_of(counted: Counted, small_count: int) -> Figures:
    """The figures, with small counts hidden. small_count: at least 3."""
    counts = _Counts()
    _count_sources(counts, counted)
    _count_decisions(counts, counted)
    _count_holds(counts, counted)
    counts.values |= {
        "appeals made": counted.appeals_made,
        "appeals upheld": counted.appeals_upheld,
        "appeals reversed": counted.appeals_reversed,
        "released by time": counted.released_by_time,
        "referrals received": counted.referrals_received,
        "referrals mailed": counted.referrals_mailed,
    }
    counts.total("appeals decided", ("appeals upheld", "appeals reversed"))
    shown = suppress(counts.values, counts.sums, small_count)
    return Figures(
        small_count,
        (
            _sources_table(shown),
            _decisions_table(shown),
            _times_table(counted, shown, small_count),
            _appeals_table(shown),
            _holds_table(shown),
            _referrals_table(shown),
        ),
    )


def percentile_ms(times_ms: Sequence[int], percent: int) -> int:
    """The smallest time that so many in a hundred of them don't exceed (nearest rank)."""
    rank = -(-percent * len(times_ms) // 100)
    return sorted(times_ms)[max(rank, 1) - 1]


def _count_sources(counts: _Counts, counted: Counted) -> None:
    found = Counter(counted.came_in)
    counts.values |= {f"in {source}": found[source] for source in Source}
    for line in _FINDING_LINES:
        own = [f"in {source}" for source, its in LINE_OF_SOURCE.items() if its is line]
        counts.total(f"in {line}", own)
    counts.total("in", [f"in {line}" for line in _FINDING_LINES])


def _count_decisions(counts: _Counts, counted: Counted) -> None:
    found = Counter((case.line, case.outcome) for case in counted.decided)
    for line in _FINDING_LINES:
        names = {outcome: f"decided {line} {outcome}" for outcome in Outcome}
        counts.values |= {name: found[line, outcome] for outcome, name in names.items()}
        counts.total(f"decided {line}", names.values())
    for outcome in Outcome:
        parts = [f"decided {line} {outcome}" for line in _FINDING_LINES]
        counts.total(f"decided {outcome}", parts)
    counts.total("decided", [f"decided {line}" for line in _FINDING_LINES])
    counts.sums.append(Sum("decided", tuple(f"decided {outcome}" for outcome in Outcome)))


def _count_holds(counts: _Counts, counted: Counted) -> None:
    found = Counter(("confirmed" if h.confirmed else "other", h.end) for h in counted.holds)
    for kind in _HOLD_KINDS:
        counts.values |= {f"hold {kind} {end}": found[kind, end] for end in _HOLD_WORDS}
        counts.total(f"hold {kind}", [f"hold {kind} {end}" for end in _HOLD_WORDS])
        counts.total(f"false {kind}", [f"hold {kind} released", f"hold {kind} reversed"])
    for end in _HOLD_WORDS:
        counts.total(f"hold {end}", [f"hold {kind} {end}" for kind in _HOLD_KINDS])
    counts.total("hold", [f"hold {kind}" for kind in _HOLD_KINDS])
    counts.sums.append(Sum("hold", tuple(f"hold {end}" for end in _HOLD_WORDS)))
    counts.total("false", [f"false {kind}" for kind in _HOLD_KINDS])


def _sources_table(shown: dict[str, Shown]) -> FiguresTable:
    rows = []
    for line in _FINDING_LINES:
        rows.append(Row(str(line), (str(shown[f"in {line}"]),)))
        own = [source for source, its in LINE_OF_SOURCE.items() if its is line]
        rows += [Row(_SOURCE_WORDS[each], (str(shown[f"in {each}"]),), 1) for each in own]
    rows.append(Row("all", (str(shown["in"]),)))
    return FiguresTable(
        "came-in", "What came in, by line of defence",
        "Each report, hold or match counts once, though several may be one case.",
        ("Line of defence", "Count"), tuple(rows),
    )  # fmt: skip


_SOURCE_WORDS: Final = {
    Source.HOLD: "a message was held",
    Source.BLOCKED: "stopped before it was sent",
    Source.REPORT: "a person reported messages",
    Source.SURFACE: "something public matched",
    Source.TOOL: "another tool of the platform",
}


def _decisions_table(shown: dict[str, Shown]) -> FiguresTable:
    def row(label: str, prefix: str) -> Row:
        cells = [str(shown[f"{prefix} {outcome}"]) for outcome in Outcome]
        return Row(label, (*cells, str(shown[prefix])))

    return FiguresTable(
        "decided", "What people decided",
        "Cases, by the line of defence of what opened them, and by outcome.",
        ("Line of defence", *(str(outcome) for outcome in Outcome), "all"),
        (*(row(str(line), f"decided {line}") for line in _FINDING_LINES), row("all", "decided")),
    )  # fmt: skip


def _times_table(counted: Counted, shown: dict[str, Shown], small_count: int) -> FiguresTable:
    def row(label: str, name: str, times_ms: list[int]) -> Row:
        if len(times_ms) < small_count:
            return Row(label, (str(shown[name]), str(Withheld()), str(Withheld())))
        hours = (percentile_ms(times_ms, percent) / HOUR_MS for percent in (50, 90))
        return Row(label, (str(shown[name]), *(f"{each:.1f}" for each in hours)))

    rows = [
        row(str(line), f"decided {line}", [c.took_ms for c in counted.decided if c.line is line])
        for line in _FINDING_LINES
    ]
    everything = row("all", "decided", [case.took_ms for case in counted.decided])
    return FiguresTable(
        "times", "How long a decision takes",
        "Hours from a case's opening to its decision. Not shown for few decisions.",
        ("Line of defence", "Decisions", "Median, hours", "90 in 100 within, hours"),
        (*rows, everything),
    )  # fmt: skip


def _appeals_table(shown: dict[str, Shown]) -> FiguresTable:
    return FiguresTable(
        "appeals", "Appeals", "Made and decided in the period; an appeal may be decided later.",
        ("Appeals", "Count"),
        (
            Row("made", (str(shown["appeals made"]),)),
            Row("decided", (str(shown["appeals decided"]),)),
            Row("the decision stood", (str(shown["appeals upheld"]),), 1),
            Row("the decision was reversed", (str(shown["appeals reversed"]),), 1),
        ),
    )  # fmt: skip


def _holds_table(shown: dict[str, Shown]) -> FiguresTable:
    def row(label: str, whole: str, false: str) -> Row:
        cells = [str(shown[f"{whole} {end}"]) for end in _HOLD_WORDS]
        return Row(label, (*cells, str(shown[whole]), str(shown[false])))

    kinds = [row(words, f"hold {kind}", f"false {kind}") for kind, words in _HOLD_KINDS.items()]
    by_time = str(shown["released by time"])
    return FiguresTable(
        "holds", "Messages that were held, and false holds",
        "A false hold is one that a person released, at once or on appeal. Unconfirmed holds "
        f"that nobody decided in time were released, and their cases closed: {by_time}.",
        ("Held for", *_HOLD_WORDS.values(), "all", "false holds"),
        (*kinds, row("all", "hold", "false")),
    )  # fmt: skip


def _referrals_table(shown: dict[str, Shown]) -> FiguresTable:
    return FiguresTable(
        "referrals", "Referrals to an authority",
        "Decided in the period; received in it, though some may have been decided before.",
        ("Referrals", "Count"),
        (
            Row("decided", (str(shown[f"decided {Outcome.REFER}"]),)),
            Row("received by the authority", (str(shown["referrals received"]),)),
            Row("sent to a hotline by e-mail", (str(shown["referrals mailed"]),)),
        ),
    )  # fmt: skip
