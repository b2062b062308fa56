"""The life of a referral by e-mail, as a table that runs and draws its own diagram.

Guarantees: before the mail server is asked, the state says that it is being asked (`SENDING`); a
process that dies then leaves word, and what it may have done is taken as uncertain. An uncertain
message is sent again under the same Message-ID: two copies that say they are one, never none.
Refuses: any other move, as `UnknownMailMove`.
"""

from dataclasses import dataclass
from enum import StrEnum

from softfall.errors import RefusedError


class UnknownMailMove(RefusedError):
    """The table of a referral's e-mail has no such move."""

    remedy = "Look the referral up: it was sent, withdrawn, or is on its way."


class MailState(StrEnum):
    """Where it is."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class MailEvent(StrEnum):
    """What moves it."""

    QUEUE = "queue"
    SEND = "send"
    ACCEPTED = "accepted"
    NOT_SENT = "not sent"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"
    BEGIN_AGAIN = "begin again"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class MailMove:
    """One row of the table. `start` None is its birth."""

    start: MailState | None
    event: MailEvent
    end: MailState
    meaning: str


LIFE = (
    MailMove(None, MailEvent.QUEUE, MailState.QUEUED, "the decision to refer is final"),
    MailMove(MailState.QUEUED, MailEvent.SEND, MailState.SENDING, "the mail server is asked"),
    MailMove(MailState.SENDING, MailEvent.ACCEPTED, MailState.SENT, "the server took it over"),
    MailMove(MailState.SENDING, MailEvent.NOT_SENT, MailState.QUEUED, "tried again, later"),
    MailMove(
        MailState.SENDING,
        MailEvent.UNCERTAIN,
        MailState.QUEUED,
        "it may have arrived: sent again under the same Message-ID",
    ),
    MailMove(MailState.SENDING, MailEvent.REFUSED, MailState.STOPPED, "a person must look"),
    MailMove(MailState.STOPPED, MailEvent.BEGIN_AGAIN, MailState.QUEUED, "a person mended it"),
    MailMove(MailState.QUEUED, MailEvent.WITHDRAW, MailState.WITHDRAWN, "taken back in time"),
    MailMove(MailState.STOPPED, MailEvent.WITHDRAW, MailState.WITHDRAWN, "taken back in time"),
)

_TABLE = {(row.start, row.event): row for row in LIFE}


def move(start: MailState | None, event: MailEvent) -> MailMove:
    """The row for an event in a state. Raises UnknownMailMove."""
    row = _TABLE.get((start, event))
    if row is None:
        raise UnknownMailMove(f"{event!s} is not possible when it is {start or 'nothing'}")
    return row


def mermaid() -> str:
    """The table as a mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {row.start or '[*]'} --> {row.end}: {row.event}" for row in LIFE]
    ends = (MailState.SENT, MailState.WITHDRAWN)
    return "\n".join([*lines, *(f"    {end} --> [*]" for end in ends)])
