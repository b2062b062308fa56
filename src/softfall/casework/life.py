"""The life of a case, as a table that runs and draws its own diagram.

Guarantees: a case moves only along `LIFE`, and only by an actor that its row names. What has been
decided is decided by a person: the clock never decides, it gives back what nobody works on, closes
what is over, and closes what the clock itself has let go at the provider.
A decided case is never opened again by something new: that opens a case of its own, linked.
Refuses: any other move, as `CaseMoved`.
Source: Softfall's own rules: a person decides; an appeal goes to someone else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from softfall.casework.model import CaseState
from softfall.errors import RefusedError


class CaseMoved(RefusedError):
    """The case is not where this step begins, or something joined it since it was looked at."""

    remedy = "Open the case again: somebody, the clock, or a new report has moved it."


class Actor(StrEnum):
    """Who causes a move."""

    INTAKE = "intake"
    MODERATOR = "moderator"
    LEAD = "lead"
    SUBJECT = "subject"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table. `start` None is the case's birth."""

    start: CaseState | None
    end: CaseState
    actors: frozenset[Actor]
    meaning: str


def _by(*actors: Actor) -> frozenset[Actor]:
    return frozenset(actors)


_STAFF = _by(Actor.MODERATOR, Actor.LEAD)

LIFE = (
    Move(
        None,
        CaseState.OPEN,
        _by(Actor.INTAKE),
        "something came in, and no open case was about the same",
    ),
    Move(CaseState.OPEN, CaseState.IN_REVIEW, _STAFF, "somebody took it; nobody else has it now"),
    Move(
        CaseState.IN_REVIEW,
        CaseState.OPEN,
        _STAFF | _by(Actor.CLOCK),
        "given back, passed to leads, not touched for too long, or a second reader did not agree",
    ),
    Move(
        CaseState.IN_REVIEW,
        CaseState.DECIDED,
        _STAFF,
        "decided, with a reason and a policy; a referral once a second reader agrees",
    ),
    Move(
        CaseState.DECIDED,
        CaseState.APPEALED,
        _by(Actor.SUBJECT),
        "an account that the decision is about appealed in time",
    ),
    Move(
        CaseState.APPEALED,
        CaseState.DECIDED,
        _by(Actor.LEAD),
        "the appeal was decided by someone else; another account may still appeal",
    ),
    Move(
        CaseState.APPEALED,
        CaseState.CLOSED,
        _by(Actor.LEAD),
        "the appeal was decided by someone else, and nobody else may appeal",
    ),
    Move(
        CaseState.DECIDED,
        CaseState.CLOSED,
        _by(Actor.CLOCK),
        "everything is enacted, and the time to appeal is over (or nobody could)",
    ),
    Move(
        CaseState.CLOSED,
        CaseState.APPEALED,
        _by(Actor.SUBJECT),
        "an appeal that was made in time was handed in late",
    ),
    Move(
        CaseState.OPEN,
        CaseState.CLOSED,
        _by(Actor.CLOCK),
        "the unconfirmed hold that it was about was released by time",
    ),
    Move(
        CaseState.IN_REVIEW,
        CaseState.CLOSED,
        _by(Actor.CLOCK),
        "the unconfirmed hold that it was about was released by time",
    ),
)

# Where something new may still join a case.
JOINABLE = frozenset({CaseState.OPEN, CaseState.IN_REVIEW})

_TABLE = {(move.start, move.end): move for move in LIFE}


def move(start: CaseState | None, end: CaseState, actor: Actor) -> Move:
    """The row that lets `actor` move a case from `start` to `end`. Raises CaseMoved."""
    row = _TABLE.get((start, end))
    if row is None or actor not in row.actors:
        raise CaseMoved(f"the {actor} may not move a case from {start or 'nothing'} to {end}")
    return row


def is_legal(path: Iterable[tuple[CaseState | None, CaseState, Actor]]) -> bool:
    """Whether recorded moves, oldest first, are one unbroken walk through the table."""
    at: CaseState | None = None
    for start, end, actor in path:
        row = _TABLE.get((start, end))
        if start != at or row is None or actor not in row.actors:
            return False
        at = end
    return at is not None


def mermaid() -> str:
    """The table as a mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2"]
    for row in LIFE:
        actors = ", ".join(sorted(row.actors))
        lines.append(f"    {_word(row.start)} --> {_word(row.end)}: {actors}")
    return "\n".join([*lines, f"    {_word(CaseState.CLOSED)} --> [*]"])


def _word(state: CaseState | None) -> str:
    """A state as one word, which is all that a diagram's names may be."""
    return state.replace(" ", "_") if state else "[*]"
