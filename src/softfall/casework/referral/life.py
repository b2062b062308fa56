"""The life of a referral at the authority, as a table that runs and draws its own diagram.

Guarantees: a referral moves only along `LIFE`. Before each question to the authority its state says
that it is being asked (`ASKING`), so that a process that dies in the middle leaves word of it; what
such a question may have done is then taken as `UNCERTAIN`. Only a report that is known to be
unfinished, retracted or gone is begun again: never two finished reports of one referral.
Refuses: any other move, as `UnknownReferralMove`. Nothing is sent before `APPROVED`.
Source: the CyberTipline reporting API: a report is nothing until it is finished, and can be
retracted until then; an unfinished one is deleted 24 hours after it was opened or 1 hour after its
last change, whichever is later.
"""

from dataclasses import dataclass
from enum import StrEnum

from softfall.errors import RefusedError


class UnknownReferralMove(RefusedError):
    """The table of a referral's life has no such move."""

    remedy = "Look the referral up: it has moved on, or the authority has it already."


class State(StrEnum):
    """Where a referral is."""

    DRAFT = "draft"
    QUEUED = "queued"
    OPENING = "opening"
    OPEN = "open"
    UPLOADING = "uploading"
    DESCRIBING = "describing"
    FINISHING = "finishing"
    UNSURE = "finish unsure"
    RETRACTING = "retracting"
    WITHDRAWING = "withdrawing"
    FINISHED = "finished"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What moves it: what people do, what the sender asks, how a question came out."""

    APPROVED = "approved"
    WITHDRAW = "withdraw"
    BEGIN_AGAIN = "begin again"
    EDIT_AGAIN = "edit again"
    MARK_FINISHED = "mark finished"

    VIEWED_SINCE = "viewed since"
    SUBMIT = "submit"
    UPLOAD = "upload"
    DESCRIBE = "fileinfo"
    FINISH = "finish"
    RETRACT = "retract"

    ACCEPTED = "accepted"
    NOT_SENT = "not sent"
    UNCERTAIN = "uncertain"
    MISMATCH = "digest differs"
    FILES_DIFFER = "files differ"
    LOGIN_REFUSED = "login refused"
    INVALID = "refused as invalid"
    GONE = "no such report"
    RETRACTED = "retracted there"
    ALREADY_FINISHED = "finished there"


# What a question may come to; each state that asks one has a row for each.
OUTCOMES = (
    Event.ACCEPTED,
    Event.NOT_SENT,
    Event.UNCERTAIN,
    Event.LOGIN_REFUSED,
    Event.INVALID,
    Event.GONE,
    Event.RETRACTED,
    Event.ALREADY_FINISHED,
)

# Outcomes of a question, with what a person can do where the table stops for one.
WHAT_TO_DO = {
    Event.LOGIN_REFUSED: "Correct the user name and password under [referral], then begin again.",
    Event.INVALID: "The authority can't take this document: withdraw, edit the draft, and have it "
    "read again. If it told no code, check referral.cybertipline_url, and begin again.",
    Event.GONE: "Ask the authority whether the report was finished: mark it finished, or begin "
    "again.",
    Event.RETRACTED: "Somebody else retracted it at the authority: ask why, then begin again or "
    "withdraw.",
    Event.ALREADY_FINISHED: "It was finished there by somebody else: ask the authority what it "
    "has, then mark it finished.",
    Event.VIEWED_SINCE: "Read the documents again and approve them: a picture that they called not "
    "viewed was viewed since.",
    Event.FILES_DIFFER: "The authority lists other files than were sent: tell it, with the "
    "report's number.",
    Event.UNCERTAIN: "It is asked again by itself. Where that lasts, `softfall referral status` "
    "tells whether the authority answers; ask it whether its service is in trouble.",
    Event.NOT_SENT: "It is asked again by itself. Where that lasts, look at the network and at "
    "referral.cybertipline_url; `softfall referral status` tells whether the authority answers.",
    Event.MISMATCH: "It is begun again by itself. Where that lasts, something alters files on "
    "their way: ask the authority.",
}

ASKING = {
    State.OPENING: Event.SUBMIT,
    State.UPLOADING: Event.UPLOAD,
    State.DESCRIBING: Event.DESCRIBE,
    State.FINISHING: Event.FINISH,
}
MOVED_BY_SENDER = frozenset(
    {State.QUEUED, State.OPEN, State.UNSURE, State.RETRACTING, State.WITHDRAWING, *ASKING}
)


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table."""

    start: State
    event: Event
    end: State
    meaning: str


def _rows(start: State, *rows: tuple[tuple[Event, ...], State, str]) -> tuple[Move, ...]:
    return tuple(Move(start, event, end, why) for events, end, why in rows for event in events)


_SURPRISES = (Event.RETRACTED, Event.ALREADY_FINISHED)
_REFUSALS = (Event.LOGIN_REFUSED, Event.INVALID)
_LEFT = "what may have been opened there is unfinished, and expires by itself"

LIFE = (
    *_rows(
        State.DRAFT,
        ((Event.APPROVED,), State.QUEUED, "decided, and its very bytes read by a second person"),
    ),
    *_rows(
        State.QUEUED,
        ((Event.SUBMIT,), State.OPENING, "the sender asks for a report to be opened"),
        ((Event.WITHDRAW,), State.WITHDRAWN, "nothing is at the authority"),
        (
            (Event.VIEWED_SINCE,),
            State.DRAFT,
            "a picture that it calls not viewed was viewed since: it must be read again",
        ),
    ),
    *_rows(
        State.OPENING,
        ((Event.ACCEPTED,), State.OPEN, "the report has a number there"),
        ((Event.NOT_SENT,), State.QUEUED, "nothing reached the authority"),
        ((Event.UNCERTAIN,), State.QUEUED, _LEFT),
        ((*_REFUSALS, *_SURPRISES, Event.GONE), State.STOPPED, "a person must look"),
    ),
    *_rows(
        State.OPEN,
        ((Event.UPLOAD,), State.UPLOADING, "the next file goes up"),
        ((Event.DESCRIBE,), State.DESCRIBING, "the next file is described"),
        ((Event.FINISH,), State.FINISHING, "every file is there and described"),
        ((Event.WITHDRAW,), State.WITHDRAWING, "a person takes it back in time"),
    ),
    *(
        row
        for state in (State.UPLOADING, State.DESCRIBING)
        for row in _rows(
            state,
            ((Event.ACCEPTED,), State.OPEN, "done"),
            ((Event.NOT_SENT,), State.OPEN, "nothing reached the authority: asked again"),
            (
                (Event.UNCERTAIN, Event.MISMATCH),
                State.RETRACTING,
                "it may be there, or wrong: begun again, so that no file is doubled",
            ),
            ((Event.GONE,), State.QUEUED, "it expired there, unfinished: begun again"),
            ((*_REFUSALS, *_SURPRISES), State.STOPPED, "a person must look"),
        )
    ),
    *_rows(
        State.FINISHING,
        ((Event.ACCEPTED, Event.ALREADY_FINISHED), State.FINISHED, "the authority has it"),
        ((Event.FILES_DIFFER,), State.FINISHED, "the authority has it, and lists other files"),
        ((Event.NOT_SENT,), State.OPEN, "nothing reached the authority: asked again"),
        ((Event.UNCERTAIN,), State.UNSURE, "it may be finished there"),
        ((Event.GONE,), State.QUEUED, "it expired there, unfinished: begun again"),
        ((*_REFUSALS, Event.RETRACTED), State.STOPPED, "a person must look"),
    ),
    *_rows(
        State.UNSURE,
        ((Event.ACCEPTED, Event.ALREADY_FINISHED), State.FINISHED, "the authority has it"),
        ((Event.FILES_DIFFER,), State.FINISHED, "the authority has it, and lists other files"),
        ((Event.NOT_SENT, Event.UNCERTAIN), State.UNSURE, "finish is asked again"),
        (
            (Event.GONE, Event.RETRACTED, *_REFUSALS),
            State.STOPPED,
            "finished or expired, nobody here can know: a person must ask the authority",
        ),
    ),
    *_rows(
        State.RETRACTING,
        ((Event.ACCEPTED, Event.RETRACTED, Event.GONE), State.QUEUED, "gone there: begun again"),
        ((Event.NOT_SENT, Event.UNCERTAIN), State.RETRACTING, "retract is asked again"),
        ((Event.WITHDRAW,), State.WITHDRAWING, "a person takes it back in time"),
        ((*_REFUSALS, Event.ALREADY_FINISHED), State.STOPPED, "a person must look"),
    ),
    *_rows(
        State.WITHDRAWING,
        ((Event.ACCEPTED, Event.RETRACTED, Event.GONE), State.WITHDRAWN, "gone there for good"),
        ((Event.NOT_SENT, Event.UNCERTAIN), State.WITHDRAWING, "retract is asked again"),
        ((Event.ALREADY_FINISHED,), State.FINISHED, "too late: the authority has it"),
        (_REFUSALS, State.STOPPED, "a person must look"),
    ),
    *_rows(
        State.STOPPED,
        ((Event.BEGIN_AGAIN,), State.RETRACTING, "a person has mended the cause; retracted first"),
        ((Event.WITHDRAW,), State.WITHDRAWING, "a person takes it back; retracted first"),
        ((Event.MARK_FINISHED,), State.FINISHED, "a person has asked the authority: it has it"),
    ),
    *_rows(
        State.WITHDRAWN,
        ((Event.EDIT_AGAIN,), State.DRAFT, "a person writes it anew; it must be read again"),
    ),
)

_TABLE = {(row.start, row.event): row for row in LIFE}


def move(start: State, event: Event) -> Move:
    """The row for what happened in a state. Raises UnknownReferralMove if there is none."""
    row = _TABLE.get((start, event))
    if row is None:
        raise UnknownReferralMove(f"a referral that is {start} has no move for: {event}")
    return row


def is_known(start: State, event: Event) -> bool:
    """Whether the table has a row for this."""
    return (start, event) in _TABLE


def mermaid() -> str:
    """The table as a mermaid state diagram, for docs/referral.md."""
    names = {state: state.name.lower() for state in State}
    lines = ["stateDiagram-v2", f"    [*] --> {names[State.DRAFT]}"]
    arrows: dict[tuple[State, State], list[str]] = {}
    for row in LIFE:
        arrows.setdefault((row.start, row.end), []).append(row.event)
    for (start, end), events in arrows.items():
        lines.append(f"    {names[start]} --> {names[end]}: {', '.join(events)}")
    lines.append(f"    {names[State.FINISHED]} --> [*]")
    return "\n".join(lines)
