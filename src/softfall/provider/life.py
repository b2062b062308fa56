"""The life of an envelope at the provider, as a table that runs and draws its own diagram.

Guarantees: an envelope moves only along `LIFE`, and only by an actor that its row names; what a
hold becomes when nobody decides is `TIMEOUTS`, one rule a kind of hold.
Refuses: any other move, as `UnknownTransition`. An envelope in a mailbox (`IN_MAILBOX`) never
leaves it again by a decision, and a confirmed or malformed hold is never released by the clock.
Source: Softfall's own rules: unconfirmed is innocent; a person decides about a confirmed match.
What is malformed is not an unconfirmed picture: no app as published makes it (or submits it so
often), and if the clock released it, an altered app would need patience only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from softfall.errors import RefusedError


class UnknownTransition(RefusedError):
    """The table of an envelope's life has no such move."""

    remedy = "Look the envelope's life up: somebody, or the clock, has decided already."


class State(StrEnum):
    """Where an envelope is in its life."""

    RECEIVED = "received"
    DELIVERED = "delivered"
    HELD = "held"
    RELEASED = "released"
    BLOCKED = "blocked"
    EXPIRED = "expired"


class Actor(StrEnum):
    """Who caused a move."""

    SENDER = "sender"
    JUDGE = "judge"
    RECOVERY = "recovery"
    CLOCK = "clock"
    MODERATOR = "moderator"
    APPEAL = "appeal"  # another person, asked to look again


class HoldKind(StrEnum):
    """Why an envelope is held, as far as the rules care."""

    CANDIDATE = "candidate"
    OUTAGE = "outage"
    MALFORMED = "malformed"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table. `start` None is the envelope's birth."""

    start: State | None
    end: State
    actors: frozenset[Actor]
    meaning: str


def _by(*actors: Actor) -> frozenset[Actor]:
    return frozenset(actors)


LIFE = (
    Move(None, State.RECEIVED, _by(Actor.SENDER), "form right, receipt stamped, on disk"),
    Move(
        State.RECEIVED,
        State.DELIVERED,
        _by(Actor.JUDGE, Actor.RECOVERY),
        "text, media that the option cleared, or an outage where the rule is to deliver",
    ),
    Move(
        State.RECEIVED,
        State.HELD,
        _by(Actor.JUDGE, Actor.RECOVERY),
        "media that the option did not clear, or could not judge",
    ),
    Move(
        State.HELD,
        State.RELEASED,
        _by(Actor.MODERATOR, Actor.CLOCK),
        "a moderator lets it go, or nobody decided about an unconfirmed hold in time",
    ),
    Move(State.HELD, State.BLOCKED, _by(Actor.MODERATOR), "a moderator keeps it back for good"),
    Move(
        State.BLOCKED,
        State.RELEASED,
        _by(Actor.APPEAL),
        "an appeal was upheld while the ciphertext was still kept",
    ),
    Move(State.HELD, State.EXPIRED, _by(Actor.CLOCK), "retention passed; ciphertext deleted"),
)

IN_MAILBOX = frozenset({State.DELIVERED, State.RELEASED})

_TABLE = {(move.start, move.end): move for move in LIFE}


def move(start: State | None, end: State, actor: Actor) -> Move:
    """The row that lets `actor` move an envelope from `start` to `end`.

    Raises UnknownTransition if there is none.
    """
    row = _TABLE.get((start, end))
    if row is None or actor not in row.actors:
        raise UnknownTransition(
            f"{actor} may not move an envelope from {start or 'nothing'} to {end}"
        )
    return row


def is_legal(path: Iterable[tuple[State | None, State, Actor]]) -> bool:
    """Whether recorded moves, oldest first, are one unbroken walk through the table."""
    at: State | None = None
    for start, end, actor in path:
        row = _TABLE.get((start, end))
        if start != at or row is None or actor not in row.actors:
            return False
        at = end
    return at is not None


class Overdue(StrEnum):
    """What the clock does with a hold that nobody decided."""

    RELEASE = "release"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Timeout:
    """One row: what becomes of one kind of hold, and why."""

    kind: HoldKind
    then: Overdue
    why: str


TIMEOUTS = (
    Timeout(HoldKind.CANDIDATE, Overdue.RELEASE, "unconfirmed, and nobody decided in time"),
    Timeout(HoldKind.OUTAGE, Overdue.RELEASE, "never judged, and nobody decided in time"),
    Timeout(
        HoldKind.MALFORMED,
        Overdue.ESCALATE,
        "only an altered app submits it, or so often, to pass unmatched: goes to a lead",
    ),
    Timeout(HoldKind.CONFIRMED, Overdue.ESCALATE, "confirmed: goes to a lead, never out by itself"),
)

EXPIRY_WHY = "retention passed undecided; ciphertext deleted"


def overdue(kind: HoldKind) -> Timeout:
    """The rule for one kind of hold."""
    return next(rule for rule in TIMEOUTS if rule.kind is kind)


def mermaid() -> str:
    """The table as a mermaid state diagram, for docs/operations.md."""
    lines = ["stateDiagram-v2"]
    for row in LIFE:
        actors = ", ".join(sorted(row.actors))
        lines.append(f"    {row.start or '[*]'} --> {row.end}: {actors}")
    ends = sorted({row.end for row in LIFE} - {row.start for row in LIFE})
    lines += [f"    {end} --> [*]" for end in ends]
    return "\n".join(lines)
