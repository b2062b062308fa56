"""From the facts of a case and a person's edits to the values of its documents.

Guarantees: every sentence that the software adds states a recorded fact: how the case was found,
who vouches for a list's entry, that a picture was or was not viewed. What nobody viewed is said to
be "not viewed"; annotations and classes are in it only where a person set them; a report is
escalated only in a person's words. What a tool of the platform says is said to be its word. No hash
of a list's entry, and no option's inner number.
Refuses nothing: what can't be said is left out, and `completeness` tells what is missing. Pure.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from softfall.casework.effects import RECEIVED
from softfall.casework.incoming import HashFacts, ReportedMessage
from softfall.casework.model import Source
from softfall.casework.referral.documents import UNNUMBERED, date_time
from softfall.casework.referral.facts import (
    Edits,
    FileEdits,
    PictureFacts,
    ReferralFacts,
    SourceFacts,
)
from softfall.casework.referral.report import (
    ChatImIncident,
    Email,
    FileDetails,
    FileHash,
    IncidentSummary,
    IncidentType,
    IntendedRecipient,
    InternetDetails,
    LawEnforcement,
    Moment,
    Person,
    PersonOrUserReported,
    Phone,
    Report,
    Reporter,
    Victim,
)
from softfall.config import ReferralSettings

NOT_VIEWED = "Not viewed: no person at the reporting service has looked at what this is about."

_FOUND = {
    Source.HOLD: "A message was held before delivery by the option",
    Source.BLOCKED: "A picture was kept back before it was sent by the option",
    Source.REPORT: "A user reported messages of an end-to-end encrypted conversation",
    Source.SURFACE: "Something public, which is not encrypted, matched",
    Source.TOOL: "Another tool of the platform handed it in",
}
_PROVED = (
    "Each quoted message was verified against the sender's own cryptographic commitment and the "
    "service's receipt (message franking): this account sent these words, and nothing else of the "
    "conversation was opened."
)


@dataclass(frozen=True, slots=True)
class Composed:
    """The values of a referral's documents. files: the evidence's number and its details."""

    report: Report
    files: tuple[tuple[int, FileDetails], ...]


def compose(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> Composed:
    """The documents' values; file details are `UNNUMBERED` until the authority gives numbers."""
    sent = [p for p in facts.pictures if not edits.files.get(p.evidence_id, FileEdits()).left_out]
    report = Report(
        incident_summary=_summary(facts, edits, settings),
        internet_details=tuple(_incidents(facts, edits, settings)),
        law_enforcement=_agency(edits),
        reporter=_reporter(settings),
        person_or_user_reported=tuple(_accounts(facts, edits, settings)),
        intended_recipient=tuple(_recipients(facts, edits, settings)),
        victim=tuple(_victims(facts, edits, settings)),
        additional_info="\n\n".join(_told(facts, edits, len(sent))),
    )
    files = tuple(
        (each.evidence_id, _file(each, edits.files.get(each.evidence_id, FileEdits())))
        for each in sent
    )
    return Composed(report, files)


def suggested_type(facts: ReferralFacts) -> IncidentType:
    """What the facts suggest: a match with a list, else words that somebody reported."""
    matched = any(source.facts is not None for source in facts.sources)
    return IncidentType.KNOWN_MATERIAL if matched else IncidentType.ENTICEMENT


def quoted(facts: ReferralFacts, edits: Edits) -> tuple[ReportedMessage, ...]:
    """The messages that the report quotes, oldest first, each once."""
    found = {
        message.envelope_id: message
        for source in facts.sources
        for message in source.messages
        if message.envelope_id not in edits.left_out
    }
    return tuple(sorted(found.values(), key=attrgetter("received_at_ms", "envelope_id")))


def incident_at_ms(facts: ReferralFacts, edits: Edits) -> int:
    """When it happened: as a person says, else the first message, else the first arrival."""
    if edits.incident_at_ms is not None:
        return edits.incident_at_ms
    times = [message.received_at_ms for message in quoted(facts, edits)]
    arrivals = [source.arrived_at_ms for source in facts.sources]
    return min(times or arrivals or [facts.opened_at_ms])


def reporters(facts: ReferralFacts) -> tuple[str, ...]:
    """The accounts that reported and gave their name, each once."""
    names = [source.reporter for source in facts.sources if source.reporter is not None]
    return tuple(dict.fromkeys(names))


def _summary(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> IncidentSummary:
    return IncidentSummary(
        incident_type=edits.incident_type or suggested_type(facts),
        platform=settings.esp_name,
        escalate_to_high_priority=edits.urgent,
        report_annotations=edits.flags,
        incident_date_time=Moment(incident_at_ms(facts, edits)),
        incident_date_time_description=edits.time_words,
    )


def _incidents(
    facts: ReferralFacts, edits: Edits, settings: ReferralSettings
) -> Iterator[InternetDetails]:
    """One a conversation; one without words where nothing was opened."""
    by_room = sorted(quoted(facts, edits), key=attrgetter("conversation"))
    for _, group in itertools.groupby(by_room, key=attrgetter("conversation")):
        messages = list(group)
        lines = [_line(message) for message in messages]
        told = _TIMES if messages[0].room else f"{_TIMES} {_UNNAMED}"
        yield _chat(settings, messages[0].room, "\n".join(lines), told)
    other = [source for source in facts.sources if not source.messages]
    said = [f"{source.kind or source.source}: {source.text}" for source in other if source.text]
    if said or not by_room:
        yield _chat(settings, "", "\n".join(said), _about(other, opened=bool(said)))


_TIMES = "Times are when the service received it."
_UNNAMED = "The conversation's name is not told, as where whoever reports asks not to be named."


def _about(sources: Sequence[SourceFacts], *, opened: bool) -> str:
    """What an incident without messages is: public things are in no chat, whatever it is called."""
    public = [source.kind for source in sources if source.source is Source.SURFACE]
    if public:
        what = ", ".join(dict.fromkeys(kind or "picture or name" for kind in public))
        return f"No chat: public on the service, and not encrypted ({what})."
    return "" if opened else "No words were opened."


def _chat(settings: ReferralSettings, room: str, content: str, info: str) -> InternetDetails:
    return InternetDetails(ChatImIncident(settings.esp_name, room, content, info))


def _line(message: ReportedMessage) -> str:
    picture = " [picture]" if message.picture_sha256 is not None else ""
    return f"{_utc(message.received_at_ms)} {message.sender}:{picture} {message.text}".rstrip()


def _utc(at_ms: int) -> str:
    return date_time(Moment(at_ms))


def _agency(edits: Edits) -> LawEnforcement | None:
    if not edits.agency:
        return None
    return LawEnforcement(edits.agency, edits.agency_case, reported_to_le=True)


def _reporter(settings: ReferralSettings) -> Reporter:
    person = Person(
        first_name=settings.reporter_first_name,
        last_name=settings.reporter_last_name,
        phone=(Phone(settings.reporter_phone),) if settings.reporter_phone else (),
        email=(Email(settings.reporter_email),) if settings.reporter_email else (),
    )
    return Reporter(
        person, settings.company_template, settings.terms_of_service, settings.legal_url
    )


def _accounts(
    facts: ReferralFacts, edits: Edits, settings: ReferralSettings
) -> Iterator[PersonOrUserReported]:
    """The account that the case began with, with a person's words about it; then any others."""
    yield PersonOrUserReported(
        esp_identifier=facts.subject,
        esp_service=settings.esp_name,
        screen_name=facts.subject,
        prior_reports=facts.prior_reports,
        group_identifier=edits.group,
        additional_info=edits.subject_words,
    )
    for name in facts.others:
        yield PersonOrUserReported(
            esp_identifier=name, esp_service=settings.esp_name, screen_name=name
        )


def _recipients(
    facts: ReferralFacts, edits: Edits, settings: ReferralSettings
) -> Iterator[IntendedRecipient]:
    for name in reporters(facts) if edits.reporter_is == "recipient" else ():
        yield IntendedRecipient(name, settings.esp_name, name, "This account reported it.")


def _victims(facts: ReferralFacts, edits: Edits, settings: ReferralSettings) -> Iterator[Victim]:
    for name in reporters(facts) if edits.reporter_is == "victim" else ():
        person = Person(age=edits.victim_age)
        yield Victim(person, name, settings.esp_name, name, "This account reported it.")


def _told(facts: ReferralFacts, edits: Edits, files: int) -> Iterator[str]:
    if edits.summary:
        yield edits.summary
    yield "How it was found:\n" + "\n".join(_found(source) for source in facts.sources)
    if any(source.messages for source in facts.sources):
        yield _PROVED
    if any(source.source is Source.REPORT and source.reporter is None for source in facts.sources):
        yield "A reporter asked not to be named."
    if not any(facts.looked_at):
        yield NOT_VIEWED
    elif not all(facts.looked_at):
        yield _SOME_VIEWED
    if not files:
        yield "No file is attached."
    lies = {message.lie for source in facts.sources for message in source.messages if message.lie}
    for lie in sorted(lies):
        yield f"Proved of the sender's app: {lie}."
    yield f"Our case: {facts.case_id}. Events: " + ", ".join(_events(facts))


_SOME_VIEWED = (
    "Not everything here was looked at by a person: each file's details say whether it was viewed."
)


def _found(source: SourceFacts) -> str:
    option = f" `{source.facts.option}`" if source.facts is not None else ""
    what = f" ({source.kind})" if source.kind else ""
    match = f" {_match(source.facts, source.arrived_at_ms)}" if source.facts is not None else ""
    match += "" if source.trusted else " This is that tool's word; it was not verified here."
    found = _RECEIVED if source.kind == RECEIVED else _FOUND[source.source]
    named = found + (option if source.source in _BY_OPTION else "")
    return f"- {_utc(source.arrived_at_ms)}: {named}{what}.{match}"


_BY_OPTION = frozenset({Source.HOLD, Source.BLOCKED})
_RECEIVED = "The app of an account that had received a picture found it by the option"


def _match(facts: HashFacts, at_ms: int) -> str:
    told = ["Confirmed match" if facts.confirmed else "Unconfirmed candidate", "with a list"]
    if facts.certifiers:
        names = ", ".join(facts.certifiers)
        told.append(f"entry that {_certify(len(facts.certifiers))} ({names})")
    if facts.view:
        told.append(f"made of a listed picture by an everyday edit ({facts.view})")
    if facts.sources:
        told.append(f"from {', '.join(facts.sources)}")
    if facts.label:
        told.append(f'which calls it "{facts.label}"')
    if facts.compared_directly:
        told.append(f"(compared directly with the list as it stood on {_utc(at_ms)[:10]})")
    elif facts.epoch:
        told.append(f"(list epoch {facts.epoch})")
    return " ".join(told) + "."


def _certify(count: int) -> str:
    return "1 organisation certifies" if count == 1 else f"{count} organisations certify"


def _events(facts: ReferralFacts) -> Iterator[str]:
    for source in facts.sources:
        yield source.held_envelope_id or source.reference


def _file(picture: PictureFacts, edits: FileEdits) -> FileDetails:
    report_id, file_id = UNNUMBERED
    hashes = (("MD5", picture.md5), ("SHA1", picture.sha1), ("SHA256", picture.sha256))
    return FileDetails(
        report_id=report_id,
        file_id=file_id,
        file_name=picture.file_name,
        uploaded_to_esp_timestamp=(
            None if picture.received_at_ms is None else Moment(picture.received_at_ms)
        ),
        file_viewed_by_esp=picture.viewed,
        exif_viewed_by_esp=False,  # the viewer shows pixels only
        publicly_available=picture.public,
        file_relevance="Reported",
        file_annotations=edits.flags,
        industry_classification=edits.classification,
        original_file_hash=tuple(FileHash(value, kind) for kind, value in hashes),
        additional_info=(edits.words,) if edits.words else (),
    )
