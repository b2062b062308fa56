"""Writing CyberTipline documents: typed values in, the very bytes to be sent out.

Guarantees: elements in the schema's order, no namespace, UTF-8; one value has one document. Any
text can be written: a character that XML 1.0 can't carry becomes visible as [U+0007], a text over
`MAX_TEXT_CHARS` is cut and says by how much.
Refuses nothing. Pure.
Source: the published schema; XML 1.0, section 2.2 (Char) and 2.11 (line ends).
"""

import re
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from softfall.casework.referral.report import FileDetails, Moment, Report

MAX_TEXT_CHARS = 200_000

_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds() * 1000)

# What stands for the two numbers that the authority gives, in a preview and under an approval.
UNNUMBERED = (0, "0" * 32)


def write_report(report: Report) -> bytes:
    """The `report` document."""
    return _written("report", report)


def write_file_details(details: FileDetails) -> bytes:
    """The `fileDetails` document."""
    return _written("fileDetails", details)


def numbered(file_details: bytes, report_id: int, file_id: str) -> bytes:
    """A `fileDetails` document written `UNNUMBERED`, with the authority's two numbers in it.

    Nothing else of it changes: both stand first, where no text of a person can.
    """
    unnumbered, there = _numbers(*UNNUMBERED), _numbers(report_id, file_id)
    return file_details.replace(unnumbered, there, 1)


def carried(text: str) -> str:
    """A text as a document carries it: every character visible, the length bounded."""
    ends = text.replace("\r\n", "\n").replace("\r", "\n")
    clean = _NOT_XML.sub(lambda found: f"[U+{ord(found[0]):04X}]", ends)
    left = len(clean) - MAX_TEXT_CHARS
    return clean if left <= 0 else f"{clean[:MAX_TEXT_CHARS]} [cut: {left} more characters]"


def _written(name: str, value: Any) -> bytes:
    root = ET.Element(name)
    _fill(root, value)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _fill(element: ET.Element, value: Any) -> None:
    for each in fields(value):
        content = getattr(value, each.name)
        form = each.metadata.get("form")
        if form == "attribute":
            element.set(_camel(each), carried(content))
        elif form == "body":
            element.text = carried(content)
        elif form == "flags":
            flags = ET.SubElement(element, _camel(each)) if content else element
            for flag in dict.fromkeys(content):
                ET.SubElement(flags, flag).text = "true"
        else:
            for one in _present(content):
                _write_one(ET.SubElement(element, _camel(each)), one)


def _present(content: Any) -> Iterator[Any]:
    if isinstance(content, tuple):
        yield from content
    elif content is not None and content != "":
        yield content


def _write_one(element: ET.Element, one: Any) -> None:
    if isinstance(one, Moment):
        element.text = date_time(one)
    elif is_dataclass(one):
        _fill(element, one)
    elif isinstance(one, bool):
        element.text = str(one).lower()
    else:
        element.text = carried(str(one))


def date_time(moment: Moment) -> str:
    """An instant as xs:dateTime, in UTC, within the years 1970 to 9999."""
    at = _EPOCH + timedelta(milliseconds=min(max(moment.at_ms, 0), _LAST_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _camel(each: Field[Any]) -> str:
    first, *rest = each.name.split("_")
    return str(each.metadata.get("name", first + "".join(part.capitalize() for part in rest)))


def _numbers(report_id: int, file_id: str) -> bytes:
    return f"<reportId>{report_id}</reportId><fileId>{file_id}</fileId>".encode()
