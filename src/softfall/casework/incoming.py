"""What a service hands to casework, and what casework has it do: the two JSON bodies between them.

Guarantees: `reference` makes handing in twice harmless, `enactment_id` makes enacting twice
harmless. No hash of a picture is in either (a digest here is of a reported file's bytes, which the
reporter opened); a reporter who asked for it has no name in either.
Refuses, by the models' forms: unknown fields, texts and lists beyond their sizes, NUL characters.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationInfo, field_validator

from softfall.casework.model import Outcome, Source

MAX_MESSAGES = 20
DIRECT = "plain PDQ"  # as hash facts name it: something public, compared with the list itself
UNNAMED_ROOM = "hidden:"  # before a pseudonym: the conversation of a reporter without a name

Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Hex64 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Count = Annotated[int, Strict()]  # true is no number
Flag = Annotated[bool, Strict()]  # and 1 is not true
Milliseconds = Annotated[Count, Field(ge=0, lt=2**48)]


class Body(BaseModel):
    """Strict, closed, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any, about: ValidationInfo) -> Any:
        """No NUL, which PostgreSQL does not keep; `text` lies encrypted, whatever is in it."""
        if isinstance(value, str) and "\0" in value and about.field_name != "text":
            raise ValueError("a text holds a NUL character")
        return value


class HashFacts(Body):
    """What is known of a match: never a hash.

    option: how it was found, or `DIRECT`. epoch: the list's version; 0 where there is none to tell.
    confirmed: by `confirm`, or by the enclave. certifiers: organisations that vouch for the list
    entry; sources: the lists that it came from; label: the list's own word for it; empty where the
    option does not tell which entry matched. view: where the entry is a view of a listed picture
    (cropped, mirrored), which; whole: that picture's entry, 0 where it is not known.
    """

    option: str = Field(max_length=32)
    epoch: Count = Field(ge=0, lt=2**32)
    confirmed: Flag
    entry: Count | None = Field(None, ge=0)
    label: str = Field("", max_length=200)
    sources: tuple[str, ...] = Field((), max_length=32)
    certifiers: tuple[str, ...] = Field((), max_length=32)
    view: str = Field("", max_length=40)
    whole: Count = Field(0, ge=0)

    @property
    def compared_directly(self) -> bool:
        """Whether it was compared with the list as it stood then: no option ran."""
        return self.option == DIRECT


class HeldMessage(Body):
    """An envelope that is held, by what the provider knows it by."""

    sender: Name
    envelope_id: Hex32


class ReportedMessage(Body):
    """One message of a report, as its commitment and receipt prove it.

    lie: what is proved of its sender's app; finding: why, or why nothing is.
    picture_sha256: of the picture's bytes, which follow by PUT.
    conversation: its name, or `UNNAMED_ROOM` and a pseudonym that means nothing anywhere else.
    """

    sender: Name
    conversation: Name
    envelope_id: Hex32
    received_at_ms: Milliseconds
    text: str = Field(max_length=16_384)
    picture_sha256: Hex64 | None = None
    lie: str | None = Field(None, max_length=200)
    finding: str = Field("", max_length=400)

    @property
    def room(self) -> str:
        """The conversation's name; empty where it is not told, which could tell who reported."""
        return "" if self.conversation.startswith(UNNAMED_ROOM) else self.conversation


class Incoming(Body):
    """One thing that opens a case, or joins one.

    reference: the sender's own name for it, unique to that sender of cases.
    subject: the account that the case is about. reason: a reporter's reason, a hold's, a tool's.
    kind: a hold's kind ("confirmed", "outage" ...), a surface's ("profile picture" ...), or empty.
    child_at_risk_now: somebody said so, or a tool has grounds to: it goes first.
    reporter: None if anonymous, or if nobody reported.
    pictures: SHA-256 of the bytes of pictures that follow by PUT, beside those of `messages`.
    """

    reference: str = Field(min_length=1, max_length=128)
    source: Source
    subject: Name
    reason: str = Field(max_length=400)
    kind: str = Field("", max_length=64)
    arrived_at_ms: Milliseconds
    text: str = Field("", max_length=16_384)
    child_at_risk_now: Flag = False
    reporter: Name | None = None
    escalated: Flag = False
    held: HeldMessage | None = None
    facts: HashFacts | None = None
    messages: tuple[ReportedMessage, ...] = Field((), max_length=MAX_MESSAGES)
    pictures: tuple[Hex64, ...] = Field((), max_length=MAX_MESSAGES)


class TakenIn(Body):
    """The answer to `Incoming`. wanted: pictures that casework does not have yet."""

    case_id: str
    wanted: tuple[Hex64, ...] = ()


class HoldMoved(Body):
    """News of a hold that the provider's clock, not a person, has moved.

    state: "released", "escalated" or "expired". reference: the hold's own.
    """

    reference: str = Field(min_length=1, max_length=128)
    state: Literal["released", "escalated", "expired"]
    at_ms: Milliseconds


class AppealMade(Body):
    """The account that a decision was about asks for another look."""

    reference: str = Field(min_length=1, max_length=128)
    case_id: str = Field(max_length=32)
    account: Name
    text: str = Field(max_length=4_000)
    at_ms: Milliseconds


class HoldDecision(Body):
    """One hold to be moved."""

    held: HeldMessage
    decision: Literal["release", "block"]


class Enactment(Body):
    """What a decision has the provider do, all of it at once or nothing.

    decided_by: for the provider's record, never for an account. outcome: as accounts are told it.
    round: "decision" or "appeal". account_action: on `subject`; restrict_days: for "restrict".
    tell_subject: False only under a legal hold. reports: references of reports to be answered.
    appeal_until_ms: until when the subject may appeal; None where it can't.
    """

    enactment_id: Hex32
    case_id: str = Field(max_length=32)
    decided_by: Name
    round: Literal["decision", "appeal"]
    outcome: Outcome
    reason: str = Field(max_length=1_000)
    holds: tuple[HoldDecision, ...] = Field((), max_length=500)
    subject: Name
    account_action: Literal["none", "warn", "restrict", "lift"] = "none"
    restrict_days: Count = Field(0, ge=0, le=3650)
    tell_subject: Flag = True
    reports: tuple[str, ...] = Field((), max_length=500)
    appeal_until_ms: Milliseconds | None = None


class Enacted(Body):
    """The provider's answer. late: holds that had moved before (the clock's doing), with states."""

    enactment_id: Hex32
    late: tuple[tuple[HeldMessage, str], ...] = ()
