"""The CSV form: a header line, then one statement a line; the columns in any order.

    hash,source,label,certifiers,added,listed,withdrawn,view,view_of

Only `hash` must be there. `label` and `certifiers` hold names joined by semicolons. Without the
column `listed`, the date of listing is that of `added`.
Keeps: everything that a statement says.
Refuses: an unknown column (`BadHeader`): a misspelt `withdrawn` would list what was withdrawn.
A field can't run over several lines. Source: RFC 4180.
"""

import csv
import io
from collections.abc import Iterable, Iterator

from softfall.errors import InputError
from softfall.lists.entries import BadEntry, Statement
from softfall.lists.formats.fields import (
    FIELDS,
    Importer,
    RawLine,
    instant_text,
    join_names,
    split_names,
    statement,
    unknown_field,
)
from softfall.lists.formats.lines import Line
from softfall.lists.report import BadLine, Item, Stated


class BadHeader(InputError):
    """A CSV list whose first line does not name its columns."""

    remedy = f"Let the first line name the columns, separated by commas: {','.join(FIELDS)}."


def read_table(lines: Iterable[Line | BadLine], importer: Importer) -> Iterator[Item]:
    """Each line's statement, or why there is none. Raises BadHeader."""
    columns: list[str] | None = None
    for line in lines:
        if columns is None:
            columns = _columns(line)
        elif isinstance(line, BadLine):
            yield line
        else:
            number, text = line
            try:
                yield Stated(number, statement(_raw_line(columns, _cells(text)), importer))
            except BadEntry as error:
                yield BadLine(number, error.what)


def write_table(statements: Iterable[Statement]) -> Iterator[str]:
    """The header and a line for each statement."""
    yield ",".join(FIELDS)
    for spoken in statements:
        cells = io.StringIO()
        csv.writer(cells, lineterminator="").writerow(
            (
                spoken.pdq.hex(),
                spoken.source,
                join_names(spoken.labels),
                join_names(spoken.certifiers),
                instant_text(spoken.added_ms),
                instant_text(spoken.listed_ms),
                instant_text(spoken.withdrawn_ms),
                spoken.view.name if spoken.view else "",
                spoken.view.whole.hex() if spoken.view else "",
            )
        )
        yield cells.getvalue()


def _columns(line: Line | BadLine) -> list[str]:
    if isinstance(line, BadLine):
        raise BadHeader(f"the first line is no header: it is {line.reason}")
    try:
        columns = [cell.strip().lower() for cell in _cells(line[1])]
    except BadEntry as error:
        raise BadHeader(f"the first line is no header: {error.what}") from None
    if "hash" not in columns:
        raise BadHeader("the first line names no column `hash`")
    for position, column in enumerate(columns, 1):
        if column not in FIELDS:
            raise BadHeader(f"column {position}: {unknown_field(column, FIELDS)}")
    if len(set(columns)) != len(columns):
        raise BadHeader("the first line names a column twice")
    return columns


def _cells(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise BadEntry("not a line of CSV (is a quotation mark left open?)") from None


def _raw_line(columns: list[str], cells: list[str]) -> RawLine:
    if len(cells) != len(columns):
        raise BadEntry(f"{len(cells)} fields where the header has {len(columns)}")
    named = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    return RawLine(
        pdq=named["hash"],
        source=named.get("source"),
        labels=split_names(named.get("label", "")),
        certifiers=split_names(named.get("certifiers", "")),
        added=named.get("added"),
        listed=named.get("listed"),
        withdrawn=named.get("withdrawn"),
        view=named.get("view"),
        view_of=named.get("view_of"),
    )
