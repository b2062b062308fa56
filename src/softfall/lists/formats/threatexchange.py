"""The ThreatExchange form: what its `threat_updates` endpoint answers.

Accepts, on each line: one update, a list of updates, or a page (`{"data": [...], "paging": ...}`);
or one page or list laid out over many lines, up to MAX_DOCUMENT_BYTES. A bad update is reported by
its line and, inside a page, its place there.

The exchange as a whole is the source: a tombstone names no owner. An update means:

    update                                   statement
    ---------------------------------------  ------------------------------------------------
    should_delete, or without descriptors    withdrawn at last_updated
    each descriptor says NON_MALICIOUS       withdrawn at last_updated
    any other                                listed at last_updated

Certifiers are the owners who say MALICIOUS, as `threatexchange:<owner id>` (names can be changed by
their owners, ids can't); UNKNOWN and SUSPICIOUS certify nothing, and reactions (others' remarks:
HELPFUL, DISAGREE_WITH_TAGS) neither certify nor withdraw. Labels are the tags of all descriptors;
a tag that can't be a name is left out.
Types other than HASH_PDQ are skipped and counted: no option matches them, and a digest that nobody
uses need not be kept.
Keeps, on export: hash, labels, certifiers and the time to the second; of a withdrawn statement only
the hash and the time. Not the source.
Source: ThreatExchange's reference of threat_updates, and python-threatexchange's reading of it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator

from softfall.lists.entries import (
    BadEntry,
    Statement,
    clean_name,
    clean_organisation,
    parse_hash,
)
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.jsonl import parse_json
from softfall.lists.formats.lines import Line
from softfall.lists.report import BadLine, Item, Skipped, Stated

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
PDQ_TYPE = "HASH_PDQ"
OWNER_PREFIX = "threatexchange:"

_SECOND_MS = 1000
_FIRST_LINE_OF_A_DOCUMENT = ("{", "[")


def read_threatexchange(lines: Iterable[Line | BadLine], importer: Importer) -> Iterator[Item]:
    """Each update's statement, or why there is none. Raises SourceNeeded."""
    importer.required_source()
    for line in _whole_documents(lines):
        if isinstance(line, BadLine):
            yield line
            continue
        number, text = line
        try:
            updates = _updates(parse_json(text))
        except BadEntry as error:
            yield BadLine(number, error.what)
            continue
        for place, update in enumerate(updates, 1):
            yield _item(number, place if len(updates) > 1 else None, update, importer)


def write_threatexchange(statements: Iterable[Statement]) -> Iterator[str]:
    """An update a line for each statement."""
    for spoken in statements:
        moment_ms = spoken.withdrawn_ms if not spoken.active else spoken.listed_ms
        if moment_ms is None:
            moment_ms = spoken.added_ms or 0
        update: dict[str, object] = {
            "id": _update_id(spoken),
            "indicator": spoken.pdq.hex(),
            "type": PDQ_TYPE,
            "last_updated": moment_ms // _SECOND_MS,
            "should_delete": not spoken.active,
        }
        if spoken.active:
            update["descriptors"] = {"data": _descriptors(spoken)}
        yield json.dumps(update, ensure_ascii=False)


def _whole_documents(lines: Iterable[Line | BadLine]) -> Iterator[Line | BadLine]:
    """The lines; but all of them as one, where the first shows that the file is one document."""
    rest = iter(lines)
    first = next(rest, None)
    if first is None:
        return
    if isinstance(first, BadLine) or first[1] not in _FIRST_LINE_OF_A_DOCUMENT:
        yield first
        yield from rest
        return
    parts, size_bytes = [first[1]], 0
    for line in rest:
        if isinstance(line, BadLine):
            yield line
            return
        size_bytes += len(line[1].encode())
        if size_bytes > MAX_DOCUMENT_BYTES:
            yield BadLine(line[0], f"one document of over {MAX_DOCUMENT_BYTES} bytes")
            return
        parts.append(line[1])
    yield first[0], "\n".join(parts)


def _updates(value: object) -> list[object]:
    if isinstance(value, dict) and "indicator" not in value and "data" in value:
        value = value["data"]
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return value
    raise BadEntry("neither an update nor a page of updates")


def _item(number: int, place: int | None, update: object, importer: Importer) -> Item:
    try:
        if not isinstance(update, dict):
            raise BadEntry("not a JSON object")
        kind = update.get("type")
        if not isinstance(kind, str):
            raise BadEntry("an update without a type")
        if kind != PDQ_TYPE:
            return Skipped(number, f"type {_printable(kind)} is not matched on")
        return Stated(number, _statement(update, importer))
    except BadEntry as error:
        return BadLine(number, error.what if place is None else f"update {place}: {error.what}")


def _statement(update: dict[str, object], importer: Importer) -> Statement:
    indicator = update.get("indicator")
    if not isinstance(indicator, str):
        raise BadEntry("an update without an indicator")
    updated_ms = _updated_ms(update.get("last_updated"), importer.latest_ms)
    descriptors = [] if _deleted(update) else _descriptor_list(update.get("descriptors"))
    refused = all(descriptor.get("status") == "NON_MALICIOUS" for descriptor in descriptors)
    if refused:  # also true of none at all: a tombstone
        return Statement(parse_hash(indicator), importer.required_source(), withdrawn_ms=updated_ms)
    return Statement(
        parse_hash(indicator),
        importer.required_source(),
        labels=importer.labels.union(*(_tags(descriptor) for descriptor in descriptors)),
        certifiers=importer.certifiers.union(
            _owner(descriptor)
            for descriptor in descriptors
            if descriptor.get("status") == "MALICIOUS"
        ),
        added_ms=updated_ms,
        listed_ms=updated_ms,
    )


def _deleted(update: dict[str, object]) -> bool:
    deleted = update.get("should_delete", False)
    if not isinstance(deleted, bool):
        raise BadEntry("`should_delete` must be true or false")
    return deleted or "descriptors" not in update


def _updated_ms(value: object, latest_ms: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if type(value) is not int or value < 0:
        raise BadEntry("`last_updated` must be seconds since 1970")
    if value * _SECOND_MS > latest_ms:
        raise BadEntry("a time lies in the future")
    return value * _SECOND_MS


def _data(value: object) -> object:
    """What an edge of the Graph API holds: a list, or the same under `data`."""
    return value.get("data", []) if isinstance(value, dict) else value


def _descriptor_list(value: object) -> list[dict[str, object]]:
    descriptors = _data(value)
    if not isinstance(descriptors, list) or not all(isinstance(d, dict) for d in descriptors):
        raise BadEntry("`descriptors` must be a list of objects")
    return descriptors


def _tags(descriptor: dict[str, object]) -> set[str]:
    tags = _data(descriptor.get("tags"))
    names = set()
    for tag in tags if isinstance(tags, list) else []:
        text = tag.get("text") if isinstance(tag, dict) else tag
        try:
            names.add(clean_name(text if isinstance(text, str) else ""))
        except BadEntry:
            continue  # a tag is no more than a remark: it must not keep a hash off the list
    return names


def _owner(descriptor: dict[str, object]) -> str:
    owner = descriptor.get("owner")
    if not isinstance(owner, dict):
        raise BadEntry("a descriptor without an owner")
    for key, prefix in (("id", OWNER_PREFIX), ("name", "")):
        if isinstance(owner.get(key), str | int):
            return clean_organisation(f"{prefix}{owner[key]}")
    raise BadEntry("a descriptor whose owner has neither id nor name")


def _descriptors(spoken: Statement) -> list[dict[str, object]]:
    tags = {"data": [{"text": label} for label in sorted(spoken.labels)]}
    if not spoken.certifiers:
        return [{"owner": {"name": spoken.source}, "tags": tags, "status": "UNKNOWN"}]
    return [
        {
            "owner": {"id": name.removeprefix(OWNER_PREFIX)}
            if name.startswith(OWNER_PREFIX)
            else {"name": name},
            "tags": tags,
            "status": "MALICIOUS",
        }
        for name in sorted(spoken.certifiers)
    ]


def _update_id(spoken: Statement) -> str:
    named = f"softfall export id v1|{spoken.source}|".encode() + spoken.pdq
    return str(int.from_bytes(hashlib.sha256(named).digest()[:7]))


def _printable(kind: str) -> str:
    return kind[:40] if kind.isascii() and kind.isidentifier() else "(unprintable)"
