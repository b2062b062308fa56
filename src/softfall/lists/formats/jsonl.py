"""The JSON lines form: one statement a line, as an object.

    {"hash": "3f..", "source": "hotline", "labels": ["a1"], "certifiers": ["ncmec", "iwf"],
     "added": "2026-11-22T10:00:00.000Z", "listed": null, "withdrawn": null,
     "view": "crop-left-5", "view_of": "9a.."}

Only `hash` must be there; `label` (one name) may stand for `labels`. Without `listed`, the date of
listing is that of `added`; with `"listed": null` the source never gave one. `view` and `view_of`
stand together, or neither does.
Keeps: everything that a statement says.
Refuses: a line with an unknown key: a misspelt `withdrawn` would list what was withdrawn.
"""

import json
from collections.abc import Iterable, Iterator

from softfall.lists.entries import BadEntry, Statement
from softfall.lists.formats.fields import (
    FIELDS,
    Importer,
    RawLine,
    instant_text,
    statement,
    unknown_field,
)
from softfall.lists.formats.lines import Line
from softfall.lists.report import BadLine, Item, Stated

KEYS = (*FIELDS, "labels")


def read_jsonl(lines: Iterable[Line | BadLine], importer: Importer) -> Iterator[Item]:
    """Each line's statement, or why there is none."""
    for line in lines:
        if isinstance(line, BadLine):
            yield line
            continue
        number, text = line
        try:
            yield Stated(number, statement(_raw_line(parse_json(text)), importer))
        except BadEntry as error:
            yield BadLine(number, error.what)


def write_jsonl(statements: Iterable[Statement]) -> Iterator[str]:
    """A line for each statement."""
    for spoken in statements:
        fields: dict[str, object] = {
            "hash": spoken.pdq.hex(),
            "source": spoken.source,
            "labels": sorted(spoken.labels),
            "certifiers": sorted(spoken.certifiers),
            "added": instant_text(spoken.added_ms) or None,
            "listed": instant_text(spoken.listed_ms) or None,
            "withdrawn": instant_text(spoken.withdrawn_ms) or None,
        }
        if spoken.view is not None:
            fields |= {"view": spoken.view.name, "view_of": spoken.view.whole.hex()}
        yield json.dumps(fields, ensure_ascii=False)


def parse_json(text: str) -> object:
    """One JSON value. Raises BadEntry, however deep or odd the text is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadEntry("not JSON") from None


def _raw_line(fields: object) -> RawLine:
    if not isinstance(fields, dict):
        raise BadEntry("not a JSON object")
    for key in fields:
        if key not in KEYS:
            raise BadEntry(unknown_field(key, KEYS))
    label = _text(fields, "label")
    labels = _names(fields, "labels") + ((label,) if label else ())
    return RawLine(
        pdq=_text(fields, "hash") or "",
        source=_text(fields, "source"),
        labels=labels,
        certifiers=_names(fields, "certifiers"),
        added=_text(fields, "added"),
        listed=(_text(fields, "listed") or "") if "listed" in fields else None,
        withdrawn=_text(fields, "withdrawn"),
        view=_text(fields, "view"),
        view_of=_text(fields, "view_of"),
    )


def _text(fields: dict[str, object], key: str) -> str | None:
    value = fields.get(key)
    if value is None or isinstance(value, str):
        return value
    raise BadEntry(f"`{key}` must be text")


def _names(fields: dict[str, object], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise BadEntry(f"`{key}` must be a list of names")
