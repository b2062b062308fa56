"""Reading what the authority answers: one named outcome an answer, and what to keep of it.

Guarantees: every answer, whatever its bytes, has exactly one outcome of `life.Event`; only an
answer in the schema's form that says 0 is `ACCEPTED`. An outcome that leaves open what the
authority did is `UNCERTAIN`, never taken for a failure.
Refuses: entities, document types and whatever else XML could be made to do (defusedxml).
Source: the CyberTipline reporting API's response codes; a 401 may have an empty body. Pure.
"""

import re
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from softfall.casework.referral.life import Event

MAX_REPLY_BYTES: Final = 1024 * 1024
MAX_TOLD: Final = 400

OUTCOME_OF_CODE = {
    0: Event.ACCEPTED,
    1000: Event.UNCERTAIN,
    1100: Event.UNCERTAIN,
    1110: Event.UNCERTAIN,
    1111: Event.UNCERTAIN,
    1210: Event.GONE,
    1300: Event.UNCERTAIN,
    2000: Event.LOGIN_REFUSED,
    3000: Event.LOGIN_REFUSED,
    3100: Event.LOGIN_REFUSED,
    3300: Event.LOGIN_REFUSED,
    4000: Event.INVALID,
    4100: Event.INVALID,
    4110: Event.INVALID,
    4200: Event.INVALID,
    5001: Event.GONE,
    5002: Event.UNCERTAIN,
    5101: Event.RETRACTED,
    5102: Event.ALREADY_FINISHED,
}
_OUTCOME_OF_STATUS = {
    401: Event.LOGIN_REFUSED,
    403: Event.LOGIN_REFUSED,
    408: Event.UNCERTAIN,
    429: Event.UNCERTAIN,
}
_FILE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one question.

    told: one sentence for a person, without content. request_id: the authority's own, empty where
    it gave none. hash_md5: hexadecimal, of an upload. files: of a finished report.
    """

    outcome: Event
    told: str
    http_status: int | None = None
    code: int | None = None
    request_id: str = ""
    report_id: int | None = None
    file_id: str = ""
    hash_md5: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    description: str
    report_id: int | None
    file_id: str
    hash_md5: str
    files: tuple[str, ...]


def read(http_status: int, request_id: str, body: bytes) -> Reply:
    """The outcome of an answer that arrived."""
    answer = _parsed(body)
    kept = _printable(request_id)[:128]
    if answer is None:
        outcome = _without_xml(http_status)
        told = f"HTTP {http_status} without an answer in the schema's form"
        return Reply(outcome, told, http_status, request_id=kept)
    outcome = OUTCOME_OF_CODE.get(answer.code, Event.INVALID)
    if outcome is Event.ACCEPTED and not 200 <= http_status < 300:
        outcome = Event.UNCERTAIN  # it says two things
    told = f"HTTP {http_status}, code {answer.code}: {_printable(answer.description)}"
    return Reply(
        outcome, told[:MAX_TOLD].rstrip(": "), http_status, answer.code, kept, answer.report_id,
        answer.file_id, answer.hash_md5.lower(), answer.files,
    )  # fmt: skip


def _without_xml(http_status: int) -> Event:
    if http_status in _OUTCOME_OF_STATUS:
        return _OUTCOME_OF_STATUS[http_status]
    # Elsewhere (3xx, 404 ...) the address is wrong, or something stands between.
    return Event.INVALID if 300 <= http_status < 500 else Event.UNCERTAIN


def _parsed(body: bytes) -> _Answer | None:
    if len(body) > MAX_REPLY_BYTES:
        return None
    try:
        root = ElementTree.fromstring(body)
        if root.tag not in {"reportResponse", "reportDoneResponse"}:
            return None
        return _Answer(
            int(_text(root, "responseCode")),
            _text(root, "responseDescription"),
            _number(_text(root, "reportId")),
            _known_id(_text(root, "fileId")),
            _text(root, "hash"),
            tuple(_known_id(each.text or "") for each in root.iterfind("files/fileId")),
        )
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None


def _text(root: Element, name: str) -> str:
    return (root.findtext(name) or "").strip()


def _number(text: str) -> int | None:
    number = int(text) if text else None
    if number is not None and not 0 < number < 2**63:
        raise ValueError
    return number


def _known_id(text: str) -> str:
    if text.strip() and not _FILE_ID.fullmatch(text.strip()):
        raise ValueError
    return text.strip()


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
