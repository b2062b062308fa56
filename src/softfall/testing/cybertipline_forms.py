"""What the local authority checks of a document: an own table of elements and their order.

Guarantees: an element out of place, one too many, a missing mandatory one, and a value that is none
of an enumeration's are told in one sentence, as the authority's validation would. Not a copy of the
schema: what lies below an element that the table does not name is taken as it is. `with_schema`
checks against the published schema as well, where the library lxml is there.
Source: the published schema of the CyberTipline reporting API (2025-11).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

Check = Callable[[bytes, str], str | None]

# Each element's children in their order: "name!" must be there, "name*" may come again.
_ACCOUNT = (
    "espIdentifier espService compromisedAccount screenName displayName* profileUrl* profileBio "
    "ipCaptureEvent* deviceId*"
)
_STANDING = "accountTemporarilyDisabled accountPermanentlyDisabled estimatedLocation"
_CHILDREN = {
    "report": "batchedReport incidentSummary! internetDetails* lawEnforcement reporter! "
    "personOrUserReported* intendedRecipient* victim* additionalInfo",
    "incidentSummary": "incidentType! platform escalateToHighPriority reportAnnotations "
    "incidentDateTime! incidentDateTimeDescription",
    "internetDetails": "webPageIncident emailIncident newsgroupIncident chatImIncident "
    "onlineGamingIncident cellPhoneIncident nonInternetIncident peer2peerIncident",
    "chatImIncident": "chatClient chatRoomName content additionalInfo",
    "lawEnforcement": "agencyName! caseNumber officerContact reportedToLe "
    "servedLegalProcessDomestic servedLegalProcessInternational",
    "reporter": "reportingPerson! contactPerson companyTemplate termsOfService legalURL",
    "reportingPerson": "firstName lastName phone* email* address* age dateOfBirth",
    "personOrUserReported": f"personOrUserReportedPerson vehicleDescription {_ACCOUNT} "
    f"thirdPartyUserReported priorCTReports* groupIdentifier {_STANDING} allEmailsReported "
    "associatedAccount* additionalInfo",
    "intendedRecipient": f"intendedRecipientPerson {_ACCOUNT} priorCTReports* groupIdentifier "
    f"{_STANDING} allEmailsReported additionalInfo*",
    "victim": f"victimPerson! {_ACCOUNT} schoolName priorCTReports* {_STANDING} "
    "allEmailsReported associatedAccount* additionalInfo",
    "victimPerson": "firstName lastName phone* email* address* age dateOfBirth",
    "fileDetails": "reportId! fileId! fileName originalFileName uploadedToEspTimestamp "
    "locationOfFile fileViewedByEsp exifViewedByEsp publiclyAvailable fileRelevance "
    "potentialMeme fileAnnotations industryClassification originalFileHash* ipCaptureEvent "
    "deviceId* details* additionalInfo*",
}
_BOOLEANS = frozenset({"true", "false", "1", "0"})
_VALUES = {
    "fileViewedByEsp": _BOOLEANS,
    "exifViewedByEsp": _BOOLEANS,
    "publiclyAvailable": _BOOLEANS,
    "industryClassification": frozenset({"A1", "A2", "B1", "B2"}),
    "fileRelevance": frozenset({"Reported", "Supplemental Reported"}),
}
_MARKS = "!*"


def parse(body: bytes) -> Element | None:
    """The document's root; None where it is no XML, or more than plain elements."""
    try:
        root: Element = ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return root


def problem(root: Element) -> str | None:
    """What is wrong with a document's form, in one sentence; None where nothing is."""
    if root.tag not in {"report", "fileDetails"}:
        return f"no document begins with {root.tag}"
    return _problem_below(root)


def with_schema(path: Path) -> Check | None:
    """A check against the published schema; None where lxml is not installed.

    Takes a document and the file's place for its messages; gives the first problem, or None.
    """
    try:
        from lxml import etree  # type: ignore[import-untyped]
    except ImportError:
        return None
    schema: Any = etree.XMLSchema(etree.parse(str(path)))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)

    def check(body: bytes, what: str) -> str | None:
        if schema.validate(etree.fromstring(body, parser)):
            return None
        return f"{what}: {schema.error_log[0].message}"

    return check


def _problem_below(element: Element) -> str | None:
    told = _problem_here(element)
    for child in element:
        told = told or _problem_below(child)
    return told


def _problem_here(element: Element) -> str | None:
    allowed = _VALUES.get(element.tag)
    if allowed is not None and (element.text or "").strip() not in allowed:
        return f"{element.tag} has a value that it can't have"
    table = _CHILDREN.get(element.tag)
    if table is None:
        return None
    names = [word.rstrip(_MARKS) for word in table.split()]
    at = 0
    for child in element:
        if child.tag not in names:
            return f"{element.tag} has no {child.tag}"
        place = names.index(child.tag)
        again = place == at - 1 and f"{child.tag}*" in table.split()
        if place < at and not again:
            return f"{child.tag} is out of place in {element.tag}"
        at = max(at, place + 1)
    present = {child.tag for child in element}
    missing = [w[:-1] for w in table.split() if w.endswith("!") and w[:-1] not in present]
    return f"{element.tag} lacks {missing[0]}" if missing else None
