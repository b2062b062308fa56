"""The console's plain words: times as people say them, outcomes, regions of a picture.

Pure: the clock is an argument. Nothing here knows a case; a page puts these beside what it shows.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from softfall.casework.model import CaseState, EvidenceKind, Outcome, Severity, Source

_MINUTE_MS: Final = 60_000
_STEPS: Final = ((24 * 60 * _MINUTE_MS, "day"), (60 * _MINUTE_MS, "hour"), (_MINUTE_MS, "minute"))

# How the provider says that the exact second step, or a direct comparison, found an entry.
_MEASURED: Final = re.compile(r"(confirmed: )?within \d+ bits of (an|a list) entry")

# Row by row, as the regions are numbered.
REGION_NAMES: Final = (
    "Top left",
    "Top middle",
    "Top right",
    "Middle left",
    "Centre",
    "Middle right",
    "Bottom left",
    "Bottom middle",
    "Bottom right",
)

SOURCE_WORDS: Final[Mapping[Source, str]] = {
    Source.HOLD: "a message is held",
    Source.BLOCKED: "stopped before it was sent",
    Source.REPORT: "somebody reported it",
    Source.SURFACE: "a public picture or name",
    Source.TOOL: "another tool handed it in",
}

STATE_WORDS: Final[Mapping[CaseState, str]] = {
    CaseState.OPEN: "waiting",
    CaseState.IN_REVIEW: "in review",
    CaseState.DECIDED: "decided",
    CaseState.APPEALED: "appealed",
    CaseState.CLOSED: "closed",
}

SEVERITY_WORDS: Final[Mapping[Severity, str]] = {
    Severity.ORDINARY: "ordinary",
    Severity.SEVERE: "may be hard to see",
}

EVIDENCE_WORDS: Final[Mapping[EvidenceKind, str]] = {
    EvidenceKind.MESSAGE: "A reported message",
    EvidenceKind.PICTURE: "A picture",
    EvidenceKind.TEXT: "Words",
}

OUTCOME_WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.RELEASE: "Release",
    Outcome.BLOCK: "Block",
    Outcome.WARN: "Warn",
    Outcome.RESTRICT: "Restrict",
    Outcome.REFER: "Refer to the authority",
    Outcome.NO_ACTION: "No action",
}


def ago(at_ms: int, now_ms: int) -> str:
    """How long ago, in one unit: "3 hours ago"; "just now" within a minute."""
    words = span(now_ms - at_ms)
    return "just now" if words is None else f"{words} ago"


def waited(since_ms: int, now_ms: int) -> str:
    """How long something has waited: "3 hours"; "under a minute"."""
    return span(now_ms - since_ms) or "under a minute"


def ahead(until_ms: int, now_ms: int) -> str:
    """How far ahead, in one unit: "in 12 minutes"; "now" within a minute or if it has passed."""
    words = span(until_ms - now_ms)
    return "now" if words is None else f"in {words}"


def span(length_ms: int) -> str | None:
    """A length of time in its largest whole unit; None if it is under a minute."""
    for unit_ms, unit in _STEPS:
        count = length_ms // unit_ms
        if count >= 1:
            return counted(count, unit)
    return None


def counted(count: int, thing: str, things: str = "") -> str:
    """A count with its noun: "1 case", "2 cases". things: a plural that is not one with s."""
    return f"{count} {thing}" if count == 1 else f"{count} {things or thing + 's'}"


def once(clauses: str) -> str:
    """A sentence of clauses ("kept back; the account is warned"), none said twice."""
    return "; ".join(dict.fromkeys(clauses.split("; ")))


def clock_time(at_ms: int) -> str:
    """A time of day in UTC, as "14:05"."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M}"


def source(name: Source) -> str:
    """Where something came from."""
    return SOURCE_WORDS[name]


def reason(given: str) -> str:
    """A source's reason, with the service's own measure of a match in plain words."""
    return "a confirmed match" if _MEASURED.fullmatch(given) else given


def state(name: CaseState) -> str:
    """Where a case is."""
    return STATE_WORDS[name]


def severity(name: Severity) -> str:
    """How hard a case may be."""
    return SEVERITY_WORDS[name]


def evidence(kind: EvidenceKind) -> str:
    """What kind of thing a closed piece is."""
    return EVIDENCE_WORDS[kind]


def outcome(name: Outcome) -> str:
    """What an outcome is called."""
    return OUTCOME_WORDS[name]


def day(at_ms: int) -> str:
    """A day in UTC, as "21 November 2026"."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y}"


def day_and_time(at_ms: int) -> str:
    """A moment in UTC, as "21 November 2026, 14:05 UTC"."""
    return f"{day(at_ms)}, {clock_time(at_ms)} UTC"
