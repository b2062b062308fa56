"""What a CyberTipline document may say, as values: the order of fields is the schema's order.

Guarantees: a value of these types, written by `documents`, validates against the schema; what a
value does not say is not in the document. Of the schema's enumerations only those are here that a
messaging service needs.
Refuses nothing itself: texts that XML can't carry are made visible by `documents`. Pure.
Source: the published schema of the CyberTipline reporting API (elements `report`, `fileDetails`).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# How `documents` writes a field that is not an element of its own camel-cased name.
ATTRIBUTE: dict[str, Any] = {"form": "attribute"}
BODY: dict[str, Any] = {"form": "body"}
LEGAL_URL: dict[str, Any] = {"name": "legalURL"}
PRIOR: dict[str, Any] = {"name": "priorCTReports"}
FLAGS: dict[str, Any] = {"form": "flags"}


class IncidentType(StrEnum):
    """The schema's own words for what happened, as far as a messaging service meets it."""

    KNOWN_MATERIAL = "Child Pornography (possession, manufacture, and distribution)"
    ENTICEMENT = "Online Enticement of Children for Sexual Acts"
    TRAFFICKING = "Child Sex Trafficking"
    UNSOLICITED = "Unsolicited Obscene Material Sent to a Child"


class ReportFlag(StrEnum):
    """Tags of a whole report (`reportAnnotations`); only a person sets one."""

    SEXTORTION = "sextortion"
    SOLICITATION = "csamSolicitation"
    BETWEEN_MINORS = "minorToMinorInteraction"
    SPAM = "spam"


class FileFlag(StrEnum):
    """Tags of a file (`fileAnnotations`); only a person sets one."""

    MEME = "potentialMeme"
    VIRAL = "viral"
    SELF_PRODUCED = "possibleSelfProduction"
    PHYSICAL_HARM = "physicalHarm"
    LIVE_STREAM = "liveStreaming"
    INFANT = "infant"
    GENERATED = "generativeAi"


class Classification(StrEnum):
    """The industry's scale (`industryClassification`); only a person sets it."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, Unix time in milliseconds; written as xs:dateTime in UTC."""

    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSummary:
    """`incidentSummary`: the mandated data, and how urgent it is."""

    incident_type: IncidentType
    platform: str = ""
    escalate_to_high_priority: str = ""
    report_annotations: tuple[ReportFlag, ...] = field(default=(), metadata=FLAGS)
    incident_date_time: Moment
    incident_date_time_description: str = ""


@dataclass(frozen=True, slots=True)
class ChatImIncident:
    """`chatImIncident`: what happened in a conversation. content: the words, where opened."""

    chat_client: str = ""
    chat_room_name: str = ""
    content: str = ""
    additional_info: str = ""


@dataclass(frozen=True, slots=True)
class InternetDetails:
    """`internetDetails`: one incident."""

    chat_im_incident: ChatImIncident


@dataclass(frozen=True, slots=True)
class LawEnforcement:
    """`lawEnforcement`: an agency that was told already."""

    agency_name: str
    case_number: str = ""
    reported_to_le: bool | None = None


@dataclass(frozen=True, slots=True)
class Email:
    """An address."""

    address: str = field(metadata=BODY)
    type: str = field(default="Business", metadata=ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class Phone:
    """A number."""

    number: str = field(metadata=BODY)
    type: str = field(default="Business", metadata=ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class Person:
    """`person`: what is known of somebody. age: in years."""

    first_name: str = ""
    last_name: str = ""
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    age: int | None = None


@dataclass(frozen=True, slots=True)
class Reporter:
    """`reporter`: your organisation."""

    reporting_person: Person
    company_template: str = ""
    terms_of_service: str = ""
    legal_url: str = field(default="", metadata=LEGAL_URL)


@dataclass(frozen=True, slots=True)
class PersonOrUserReported:
    """`personOrUserReported`: the account that the case is about, as the service knows it."""

    esp_identifier: str = ""
    esp_service: str = ""
    screen_name: str = ""
    display_name: tuple[str, ...] = ()
    prior_reports: tuple[int, ...] = field(default=(), metadata=PRIOR)
    group_identifier: str = ""
    additional_info: str = ""


@dataclass(frozen=True, slots=True)
class IntendedRecipient:
    """`intendedRecipient`: an account that the messages were sent to."""

    esp_identifier: str = ""
    esp_service: str = ""
    screen_name: str = ""
    additional_info: str = ""


@dataclass(frozen=True, slots=True)
class Victim:
    """`victim`: an account of a child whom this was done to."""

    victim_person: Person
    esp_identifier: str = ""
    esp_service: str = ""
    screen_name: str = ""
    additional_info: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`report`: the whole document."""

    incident_summary: IncidentSummary
    internet_details: tuple[InternetDetails, ...]
    law_enforcement: LawEnforcement | None
    reporter: Reporter
    person_or_user_reported: tuple[PersonOrUserReported, ...] = ()
    intended_recipient: tuple[IntendedRecipient, ...] = ()
    victim: tuple[Victim, ...] = ()
    additional_info: str = ""


@dataclass(frozen=True, slots=True)
class FileHash:
    """`originalFileHash`: of the file's bytes, hexadecimal."""

    value: str = field(metadata=BODY)
    hash_type: str = field(metadata=ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class FileDetails:
    """`fileDetails`: one uploaded file.

    file_viewed_by_esp: as the audit log has it. Never said here: a file's original name, which an
    end-to-end encrypted service does not know.
    """

    report_id: int
    file_id: str
    file_name: str = ""
    uploaded_to_esp_timestamp: Moment | None = None
    file_viewed_by_esp: bool | None = None
    exif_viewed_by_esp: bool | None = None
    publicly_available: bool | None = None
    file_relevance: str = ""
    file_annotations: tuple[FileFlag, ...] = field(default=(), metadata=FLAGS)
    industry_classification: Classification | None = None
    original_file_hash: tuple[FileHash, ...] = ()
    additional_info: tuple[str, ...] = ()
