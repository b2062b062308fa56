"""A case, and a referral of it, as JSON that any hotline can read: declared, and versioned.

Guarantees: what is written is what the models declare, and nothing else; a later form has another
name in `format`. Facts come from what casework keeps, words from a named person. What nobody looked
at says so. Never: a hash of a listed entry or its number, a reporter who asked not to be named.
Times are ISO 8601, UTC. Pure.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from softfall.casework.incoming import Body
from softfall.casework.referral.compose import incident_at_ms, quoted, reporters, suggested_type
from softfall.casework.referral.facts import (
    Edits,
    FileEdits,
    PictureFacts,
    ReferralFacts,
    SourceFacts,
)
from softfall.config import ReferralSettings

CASE_FORMAT: Final = "softfall case 1"
REFERRAL_FORMAT: Final = "softfall referral 1"

Time = Annotated[str, Field(description="ISO 8601, UTC, to the millisecond.")]


class Match(Body):
    """What is known of a match with a list: never the hash."""

    option: str = Field(description="How it was found: which of the messaging service's options.")
    epoch: int | None = Field(
        description="The list's version; null: something public, compared directly with the list "
        "as it stood when it came in, or not told."
    )
    confirmed: bool = Field(description="Whether an exact second step confirmed the match.")
    label: str = Field(description="The list's own word for the entry; empty where not told.")
    sources: tuple[str, ...] = Field(description="The lists that the entry came from.")
    certifiers: tuple[str, ...] = Field(description="Organisations that looked and agree.")


class Message(Body):
    """A message that a reporter opened, as its commitment and receipt prove it."""

    sender: str
    conversation: str = Field(
        description="Its name; empty where not told, as where a reporter asks not to be named."
    )
    envelope_id: str
    received_at: Time
    text: str
    picture_sha256: str | None
    finding: str = Field(description="What the proof says, or why nothing is proved.")


class CaseSource(Body):
    """One thing that came to the case."""

    source: str = Field(description="hold, blocked, report, surface or tool.")
    kind: str
    reason: str
    arrived_at: Time
    reporter: str | None = Field(description="None where nobody reported, or without a name.")
    said_by_service: bool = Field(description="False: another tool of the platform says so.")
    text: str
    match: Match | None
    messages: tuple[Message, ...]


class Picture(Body):
    """A picture that the case keeps."""

    file: str = Field(description="Its name in the evidence bundle, in evidence/.")
    sha256: str
    sha1: str
    md5: str
    viewed: bool = Field(description="Whether a person saw the whole of it (the audit log).")
    public: bool = Field(description="It was public: not from a message.")
    seen_at: Time
    words: str = Field(description="What a person says of it.")
    classification: str | None = Field(description="A1, A2, B1 or B2, where a person set it.")
    tags: tuple[str, ...] = Field(description="Only what a person set.")


class CaseDocument(Body):
    """The facts of a case."""

    format: Literal["softfall case 1"] = CASE_FORMAT
    case_id: str
    subject: str = Field(description="The account that the case is about.")
    opened_at: Time
    child_at_risk_now: bool
    sources: tuple[CaseSource, ...]
    pictures: tuple[Picture, ...]


class Service(Body):
    """Who refers the case, and where to ask back."""

    name: str
    contact: str
    email: str
    phone: str
    legal_process: str = Field(description="How to serve legal process.")


class DecidedBy(Body):
    """The decision to refer; who decided is nobody's business but the service's."""

    decided_at: Time
    policy: str
    second_reader: bool = Field(description="Whether a second person read it and agreed.")


class Referral(Body):
    """A referral: who refers, what happened in a person's words, and the case."""

    format: Literal["softfall referral 1"] = REFERRAL_FORMAT
    made_at: Time
    service: Service
    incident: str = Field(description="enticement, known_material, trafficking or unsolicited.")
    incident_at: Time
    summary: str = Field(description="What happened, in a person's words.")
    urgent: str = Field(description="Why a child is at risk now; empty where nobody says so.")
    about_time: str
    about_account: str
    group: str = Field(description="The group or channel, where a person knows it.")
    reporter_is: str = Field(description="recipient or victim; nobody: no reporter is named.")
    reporter_age: int | None = Field(description="Where the reporter is the victim, and told it.")
    agency: str = Field(description="The police that already know.")
    agency_case: str
    tags: tuple[str, ...] = Field(description="Of the whole referral; only what a person set.")
    decision: DecidedBy
    case: CaseDocument


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision to refer, as casework keeps it."""

    decided_at_ms: int
    policy: str
    second_reader: bool


def case_document(facts: ReferralFacts, edits: Edits | None = None) -> CaseDocument:
    """The facts of a case; without what the edits leave out."""
    said = edits or Edits()
    quoted_ids = {message.envelope_id for message in quoted(facts, said)}
    return CaseDocument(
        case_id=facts.case_id,
        subject=facts.subject,
        opened_at=iso(facts.opened_at_ms),
        child_at_risk_now=facts.child_at_risk_now,
        sources=tuple(_source(each, quoted_ids, said) for each in facts.sources),
        pictures=tuple(
            _picture(each, said.files.get(each.evidence_id, FileEdits()))
            for each in sent_pictures(facts, said)
        ),
    )


def referral_document(
    facts: ReferralFacts,
    edits: Edits,
    decision: Decision,
    settings: ReferralSettings,
    made_at_ms: int,
) -> Referral:
    """The referral of a case; what nobody filled in is empty."""
    reporter_is = edits.reporter_is if reporters(facts) else "nobody"
    contact = f"{settings.reporter_first_name} {settings.reporter_last_name}".strip()
    return Referral(
        made_at=iso(made_at_ms),
        service=Service(
            name=settings.esp_name,
            contact=contact,
            email=settings.reporter_email,
            phone=settings.reporter_phone,
            legal_process=settings.legal_url,
        ),
        incident=(edits.incident_type or suggested_type(facts)).name.lower(),
        incident_at=iso(incident_at_ms(facts, edits)),
        summary=edits.summary,
        urgent=edits.urgent,
        about_time=edits.time_words,
        about_account=edits.subject_words,
        group=edits.group,
        reporter_is=reporter_is,
        reporter_age=edits.victim_age if reporter_is == "victim" else None,
        agency=edits.agency,
        agency_case=edits.agency_case,
        tags=tuple(flag.value for flag in edits.flags),
        decision=DecidedBy(
            decided_at=iso(decision.decided_at_ms),
            policy=decision.policy,
            second_reader=decision.second_reader,
        ),
        case=case_document(facts, edits),
    )


def sent_pictures(facts: ReferralFacts, edits: Edits) -> tuple[PictureFacts, ...]:
    """The pictures that go with it: those that nobody left out."""
    none = FileEdits()
    kept = (p for p in facts.pictures if not edits.files.get(p.evidence_id, none).left_out)
    return tuple(kept)


def to_json(document: Body) -> bytes:
    """A document's one spelling, readable."""
    return (document.model_dump_json(indent=1) + "\n").encode()


def schema_json() -> str:
    """The referral's JSON Schema, for the docs and for whoever reads it by machine."""
    return json.dumps(Referral.model_json_schema(), indent=1) + "\n"


def iso(at_ms: int) -> str:
    """A time in milliseconds as ISO 8601, UTC."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _source(source: SourceFacts, quoted_ids: set[str], edits: Edits) -> CaseSource:
    found = source.facts
    return CaseSource(
        source=source.source.value,
        kind=source.kind,
        reason=source.reason,
        arrived_at=iso(source.arrived_at_ms),
        reporter=None if edits.reporter_is == "nobody" else source.reporter,
        said_by_service=source.trusted,
        text=source.text,
        match=Match(
            option=found.option,
            epoch=found.epoch or None,
            confirmed=found.confirmed,
            label=found.label,
            sources=found.sources,
            certifiers=found.certifiers,
        )
        if found
        else None,
        messages=tuple(
            Message(
                sender=message.sender,
                conversation=message.room,
                envelope_id=message.envelope_id,
                received_at=iso(message.received_at_ms),
                text=message.text,
                picture_sha256=message.picture_sha256,
                finding=message.lie or message.finding,
            )
            for message in source.messages
            if message.envelope_id in quoted_ids
        ),
    )


def _picture(picture: PictureFacts, said: FileEdits) -> Picture:
    return Picture(
        file=picture.file_name,
        sha256=picture.sha256,
        sha1=picture.sha1,
        md5=picture.md5,
        viewed=picture.viewed,
        public=picture.public,
        seen_at=iso(picture.seen_at_ms),
        words=said.words,
        classification=said.classification.value if said.classification else None,
        tags=tuple(flag.value for flag in said.flags),
    )
