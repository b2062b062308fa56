"""What a referral is written from: the facts of a case, and what a person added to them.

Guarantees: facts come from what casework keeps, edits from a named person; neither holds a hash of
a listed entry. Edits have one JSON form, which is kept sealed.
Refuses, by the model's form: unknown fields, and texts beyond their sizes. Pure.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from softfall.casework.incoming import Body, HashFacts, ReportedMessage
from softfall.casework.model import Source
from softfall.casework.referral.report import Classification, FileFlag, IncidentType, ReportFlag

EvidenceNumber = Annotated[int, Field(ge=0, lt=2**63)]  # as a database numbers its rows


@dataclass(frozen=True, slots=True)
class Words:
    """A message's or a text's number as evidence, and whether a person read it."""

    evidence_id: int
    viewed: bool


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One thing that came to the case. reporter: None if anonymous, or if nobody reported.

    trusted: the messaging service itself says so, not another tool.
    """

    source: Source
    reference: str
    kind: str
    reason: str
    arrived_at_ms: int
    reporter: str | None
    facts: HashFacts | None
    held_envelope_id: str | None
    trusted: bool = True
    text: str = ""
    messages: tuple[ReportedMessage, ...] = ()
    words: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture that the case keeps.

    viewed: whether a person saw the whole of it, as the audit log has it. seen_at_ms: when its
    message was received, or the source arrived. public: it came from an unencrypted surface.
    sha256, md5, sha1: hexadecimal, of the bytes as they were reported. received_at_ms: when the
    service received the message that carried it, by its receipt; None where none is known.
    """

    evidence_id: int
    viewed: bool
    public: bool
    seen_at_ms: int
    file_name: str
    sha256: str
    sha1: str
    md5: str
    received_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ReferralFacts:
    """A case, as far as a referral may tell it.

    prior_reports: numbers, at the authority, of earlier referrals of `subject`. others: further
    accounts that the case is about (the same picture, from several).
    """

    case_id: str
    subject: str
    opened_at_ms: int
    child_at_risk_now: bool
    sources: tuple[SourceFacts, ...]
    pictures: tuple[PictureFacts, ...]
    prior_reports: tuple[int, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def looked_at(self) -> tuple[bool, ...]:
        """Of each picture, text and message: whether a person saw the whole of it."""
        words = [each.viewed for source in self.sources for each in source.words]
        return (*(picture.viewed for picture in self.pictures), *words)


class FileEdits(Body):
    """What a person says of one picture. left_out: it is not sent."""

    left_out: bool = False
    flags: tuple[FileFlag, ...] = Field((), max_length=len(FileFlag))
    classification: Classification | None = None
    words: str = Field("", max_length=2_000)


class Edits(Body):
    """What a person adds to the facts; every field may be left as it is.

    summary: what happened, in the person's words. urgent: why a child is at risk now: only then is
    the report escalated. reporter_is: who the reporting account is in the report; "victim" and an
    age only where a person knows it. left_out: envelope ids of messages that are not quoted.
    incident_type: None takes the one that the facts suggest.
    """

    incident_type: IncidentType | None = None
    summary: str = Field("", max_length=20_000)
    urgent: str = Field("", max_length=3_000)
    flags: tuple[ReportFlag, ...] = Field((), max_length=len(ReportFlag))
    incident_at_ms: int | None = Field(None, ge=0, lt=2**47)
    time_words: str = Field("", max_length=1_000)
    reporter_is: str = Field("recipient", pattern="^(recipient|victim|nobody)$")
    victim_age: int | None = Field(None, ge=0, le=120)
    subject_words: str = Field("", max_length=4_000)
    group: str = Field("", max_length=200)
    agency: str = Field("", max_length=200)
    agency_case: str = Field("", max_length=200)
    left_out: tuple[str, ...] = Field((), max_length=2_000)
    files: dict[EvidenceNumber, FileEdits] = Field(default_factory=dict, max_length=500)
