"""The words of casework: where a case comes from, what people may decide, who they are.

Pure: names and values only. What may follow what is `life.py`; what an outcome does is `effects`.
"""

from enum import StrEnum


class Source(StrEnum):
    """What opened a case, or joined it."""

    HOLD = "hold"  # an option held a message
    BLOCKED = "blocked"  # confirmed before it was sent; nothing was ever sent
    REPORT = "report"  # a person reported messages, proved by franking
    SURFACE = "surface"  # something public: a profile or group picture, a group's name
    TOOL = "tool"  # another tool of the platform handed it in


class Line(StrEnum):
    """The five lines of defence of NSPCC 2021, as the console's home counts them."""

    USERS = "users report"
    PLATFORM = "the platform detects"
    LISTS = "third parties' lists"
    LAW = "lawful access and referral"
    REGULATION = "regulation and transparency"


LINE_OF_SOURCE = {
    Source.HOLD: Line.LISTS,
    Source.BLOCKED: Line.LISTS,
    Source.REPORT: Line.USERS,
    Source.SURFACE: Line.PLATFORM,
    Source.TOOL: Line.PLATFORM,
}


class CaseState(StrEnum):
    """Where a case is in its life."""

    OPEN = "open"
    IN_REVIEW = "in review"
    DECIDED = "decided"
    APPEALED = "appealed"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What a person may decide."""

    RELEASE = "release"
    BLOCK = "block"
    WARN = "warn"
    RESTRICT = "restrict"
    REFER = "refer"
    NO_ACTION = "no action"


class Role(StrEnum):
    """What a member of staff may do. Nobody has two."""

    MODERATOR = "moderator"  # works the queue
    LEAD = "lead"  # and what is escalated, second reads, appeals, legal holds
    AUDITOR = "auditor"  # reads the audit log and the figures, no evidence
    ADMINISTRATOR = "administrator"  # keeps staff and settings, no evidence


class Severity(StrEnum):
    """How hard a case may be on whoever works it; the exposure limits go by it."""

    ORDINARY = "ordinary"
    SEVERE = "severe"


class EvidenceKind(StrEnum):
    """What kind of thing a piece of evidence is."""

    MESSAGE = "message"  # a reported message's words and its receipt
    PICTURE = "picture"
    TEXT = "text"  # a public name, or what a tool said


# A member of staff, or the one of these that acts without a person.
CLOCK = "clock"
INTAKE = "intake"
SYSTEM = "system"
