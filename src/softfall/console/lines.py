"""The five lines of defence, as the home page tells them: what is on, what it stopped, its limits.

Guarantees: the limits are said whatever the figures are; a figure that can't be had is said to be
unknown, never nought.
Source: NSPCC, "End-to-End Encryption: understanding the impacts for child safety online", 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from softfall.casework.model import Line
from softfall.console.service import ConsoleService


@dataclass(frozen=True, slots=True)
class LineNow:
    """One line of defence, today."""

    line: Line
    about: str
    on: tuple[str, ...]
    stopped: tuple[str, ...]
    limits: tuple[str, ...]


ABOUT: Final[Mapping[Line, str]] = {
    Line.USERS: "People say when something is wrong. Their reports are proved by franking, so a "
    "report shows what was really sent, and nothing else of the conversation.",
    Line.PLATFORM: "What is public (profile and group pictures, group names) is checked, and other "
    "tools of the platform may hand cases in.",
    Line.LISTS: "Devices and the service compare pictures with lists that others keep, without the "
    "service reading any message. A match holds; it does not accuse.",
    Line.LAW: "A person decides, a second one reads, and then the authority is told: what was "
    "opened, what was not, and why.",
    Line.REGULATION: "What is done is counted and published, and each deed leaves a line in a log "
    "that can't be changed unnoticed.",
}

LIMITS: Final[Mapping[Line, tuple[str, ...]]] = {
    Line.USERS: (
        "Many never report: children least of all, and not those who agree with what is sent.",
        "A report proves what was sent; it does not prove what was meant.",
    ),
    Line.PLATFORM: (
        "Only what is public is seen here. Messages are end-to-end encrypted, and stay so.",
    ),
    Line.LISTS: (
        "New pictures are on no list, so none is found. Grooming by text is never found by hashes.",
        "Strong edits escape. Two people who both patched their apps escape.",
        "A match may be wrong: therefore people decide, and decisions may be appealed.",
    ),
    Line.LAW: (
        "The service can't read messages for anybody, so a referral holds what was reported or "
        "matched, and no more.",
    ),
    Line.REGULATION: (
        "Counts tell what was found, not what there is. Small counts are not shown.",
        "Whoever holds the database, the key and every copied checkpoint could write a new log.",
    ),
}


def lines_of_defence(service: ConsoleService) -> list[LineNow]:
    """All five, in their order."""
    return [LineNow(line, ABOUT[line], (), (), LIMITS[line]) for line in Line]
