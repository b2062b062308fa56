"""What is looked at first, and why, in words that the queue shows; how hard it may be to look at.

Guarantees: pure; a child at risk now comes before everything else, whatever else is known. All
other cases go by when they are due: arrival plus the shortest time of the rules that apply, so a
case that waits long enough comes before newer ones of any rule, and none waits for ever.
Leaves to others: the queue itself (`queue`), what a person may open (`exposure`).
Source: Softfall's own rules, `RULES`; a report's reasons are `messaging.envelope.REPORT_REASONS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from softfall.casework.model import Severity, Source

HOUR_MS = 3_600_000
FIRST, REST = 0, 1
ORDINARY_HOURS = 72

SEVERE_REASONS = frozenset({"child-safety", "threat"})
MANY_REPORTERS = 3


class Category(StrEnum):
    """What kind of work a case is, as text: what somebody may skip today."""

    CHILD_SAFETY = "child safety report"
    THREAT = "threat report"
    REPORT = "other report"
    KNOWN_PICTURE = "known picture"
    UNSURE_HOLD = "unconfirmed hold"
    PUBLIC = "public picture or name"
    TOOL = "handed in by a tool"


@dataclass(frozen=True, slots=True)
class Known:
    """One source of a case, as far as its priority goes.

    confirmed: a match that the option confirmed; reporter: who reported, or None.
    """

    source: Source
    reason: str
    confirmed: bool
    escalated: bool
    child_at_risk_now: bool
    reporter: str | None = None


@dataclass(frozen=True, slots=True)
class Priority:
    """Where a case stands in the queue: by rank, then by when it is due; why; and what it is."""

    rank: int
    due_at_ms: int
    reasons: tuple[str, ...]
    severity: Severity
    category: Category


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to be looked at sooner: within how many hours of the case's opening."""

    words: str
    hours: int
    applies: Callable[[Sequence[Known]], bool]


def _any(test: Callable[[Known], bool]) -> Callable[[Sequence[Known]], bool]:
    return lambda known: any(test(one) for one in known)


def _reporters(known: Sequence[Known]) -> int:
    """Different people who reported; those without a name count as one."""
    return len({one.reporter for one in known if one.source is Source.REPORT})


RULES = (
    Rule("a child may be at risk now", 0, _any(lambda one: one.child_at_risk_now)),
    Rule(
        "a confirmed match that nobody decided in time",
        1,
        _any(lambda one: one.escalated and one.confirmed),
    ),
    Rule("escalated: nobody decided it in time", 2, _any(lambda one: one.escalated)),
    Rule("reported for child safety", 4, _any(lambda one: one.reason == "child-safety")),
    Rule("reported as a threat", 4, _any(lambda one: one.reason == "threat")),
    Rule(
        "reported by several people",
        8,
        lambda known: _reporters(known) >= MANY_REPORTERS,
    ),
    Rule("a confirmed match with a list", 24, _any(lambda one: one.confirmed)),
    Rule("a message waits for this decision", 48, _any(lambda one: one.source is Source.HOLD)),
)

# The first row that applies names the case's kind of work.
_CATEGORIES: tuple[tuple[Category, Callable[[Known], bool]], ...] = (
    (
        Category.CHILD_SAFETY,
        lambda one: one.source is Source.REPORT and one.reason == "child-safety",
    ),
    (Category.THREAT, lambda one: one.source is Source.REPORT and one.reason == "threat"),
    (Category.KNOWN_PICTURE, lambda one: one.confirmed),
    (Category.REPORT, lambda one: one.source is Source.REPORT),
    (Category.PUBLIC, lambda one: one.source is Source.SURFACE),
    (Category.UNSURE_HOLD, lambda one: one.source in (Source.HOLD, Source.BLOCKED)),
    (Category.TOOL, lambda one: True),
)


def priority(known: Sequence[Known], opened_at_ms: int) -> Priority:
    """Where a case with these sources (at least one) stands. Order of sources doesn't matter."""
    applying = [rule for rule in RULES if rule.applies(known)]
    hours = min((rule.hours for rule in applying), default=ORDINARY_HOURS)
    at_risk = any(one.child_at_risk_now for one in known)
    return Priority(
        rank=FIRST if at_risk else REST,
        due_at_ms=opened_at_ms + hours * HOUR_MS,
        reasons=tuple(rule.words for rule in applying) or ("in the order of arrival",),
        severity=severity(known),
        category=category(known),
    )


def severity(known: Sequence[Known]) -> Severity:
    """How hard the case may be on whoever works it."""
    severe = any(
        one.child_at_risk_now or one.confirmed or one.reason in SEVERE_REASONS for one in known
    )
    return Severity.SEVERE if severe else Severity.ORDINARY


def category(known: Sequence[Known]) -> Category:
    """What kind of work it is: the first of the table that applies to any source."""
    return next(name for name, applies in _CATEGORIES if any(applies(one) for one in known))


def waiting_words(opened_at_ms: int, due_at_ms: int, now_ms: int) -> str:
    """How long a case has waited, and whether that is too long."""
    hours = max(0, now_ms - opened_at_ms) // HOUR_MS
    waited = f"waits {hours // 24} days" if hours >= 48 else f"waits {hours} hours"
    return f"{waited}, overdue" if now_ms > due_at_ms else waited
