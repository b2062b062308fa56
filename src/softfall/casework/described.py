"""What the desk tells about cases: rows of the queue, and one case whole, without any content.

Guarantees: no words of a message, no picture, no public name and no hash is in any of these; what
is in the vault has a number, a kind and a label here, and is opened through `evidence.views` only.
Times are Unix milliseconds.
"""

from dataclasses import dataclass
from enum import StrEnum

from softfall.casework.effects import HoldState, Offer, Proposed
from softfall.casework.incoming import HashFacts
from softfall.casework.model import CaseState, EvidenceKind, Outcome, Severity, Source
from softfall.casework.priority import Category


class Shelf(StrEnum):
    """Which part of the queue."""

    OPEN = "to be taken"
    MINE = "mine"
    IN_REVIEW = "in review"
    ESCALATED = "escalated to leads"
    SECOND_READ = "waiting for a second reader"
    APPEALS = "appeals"
    TROUBLE = "not enacted"  # decided, and the provider refused or can't be reached
    DECIDED = "decided"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What of the queue to show. skip: categories left out. limit: at most 200."""

    shelf: Shelf = Shelf.OPEN
    category: Category | None = None
    severity: Severity | None = None
    subject: str | None = None
    skip: frozenset[Category] = frozenset()
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in the queue: text facts only. reasons: why it stands where it does."""

    case_id: str
    subject: str
    state: CaseState
    category: Category
    severity: Severity
    child_at_risk_now: bool
    own_picture: bool
    escalated: bool
    rank: int
    opened_at_ms: int
    due_at_ms: int
    reasons: tuple[str, ...]
    sources: int
    reporters: int
    assigned_to: str | None
    proposed_by: str | None  # of a referral that waits for a second reader


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """One thing that came in. reporter: None if anonymous, or if nobody reported."""

    source: Source
    origin: str
    reference: str
    subject: str
    reason: str
    kind: str
    arrived_at_ms: int
    reporter: str | None
    child_at_risk_now: bool
    escalated: bool
    hold_state: HoldState | None
    facts: HashFacts | None
    pictures_missing: int


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a case's timeline. start, end: states, where the case moved."""

    at_ms: int
    who: str
    what: str
    start: CaseState | None
    end: CaseState | None
    words: str


@dataclass(frozen=True, slots=True)
class EvidenceListed:
    """A closed piece of evidence. label: words that may be shown before it is opened."""

    evidence_id: int
    kind: EvidenceKind
    label: str
    size_bytes: int
    added_at_ms: int
    deleted_at_ms: int | None


@dataclass(frozen=True, slots=True)
class DecisionSeen:
    """A decision, or a proposal. state: proposed, refused, withdrawn, final or reversed."""

    decision_id: str
    state: str
    outcome: Outcome
    reason: str
    policy_ref: str
    restrict_days: int
    accounts: tuple[str, ...]
    override_reason: str
    proposed_by: str
    proposed_at_ms: int
    second_reader: str | None
    second_reason: str | None
    final_at_ms: int | None
    told: bool
    appeal_until_ms: int | None


@dataclass(frozen=True, slots=True)
class AppealSeen:
    """An appeal. evidence_id: of its text, opened as evidence is. upheld: the decision stands."""

    appeal_id: str
    case_id: str
    decision_id: str
    account: str
    made_at_ms: int
    evidence_id: int | None
    decided_by: str | None
    decided_at_ms: int | None
    upheld: bool | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class EnactmentSeen:
    """What the provider is to do. state: waiting, done, failed (refused by name) or set aside.

    trouble: what went wrong last. late: holds that had moved before.
    """

    enactment_id: str
    state: str
    round: str
    subject: str
    outcome: Outcome
    made_at_ms: int
    tries: int
    next_try_at_ms: int
    done_at_ms: int | None
    trouble: str | None
    late: tuple[tuple[str, str, str], ...]  # sender, envelope id, where it was


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """Another case that belongs to this one."""

    case_id: str
    state: CaseState
    why: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case whole. version: hand it back with a ruling, which is refused if more has come since.

    policy_words: what every page about this case must say; empty for most.
    """

    row: CaseRow
    version: int
    subjects: tuple[str, ...]
    closed_why: str | None
    sources: tuple[SourceSeen, ...]
    timeline: tuple[Happening, ...]
    evidence: tuple[EvidenceListed, ...]
    offers: tuple[Offer, ...]
    proposed: Proposed
    decisions: tuple[DecisionSeen, ...]
    appeals: tuple[AppealSeen, ...]
    enactments: tuple[EnactmentSeen, ...]
    links: tuple[LinkSeen, ...]
    hash_alone: bool
    nothing_to_open: bool
    telling_withheld: bool
    policy_words: str


@dataclass(frozen=True, slots=True)
class Mix:
    """What waits, as text for a shift's start: how many cases by category and severity."""

    counts: tuple[tuple[Category, Severity, int], ...]
    overdue: int
    child_at_risk_now: int
