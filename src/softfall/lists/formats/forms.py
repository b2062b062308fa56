"""The forms that a list may have, each with its reader and writer, in one table.

    form            keeps
    --------------  -------------------------------------------------------------
    plain           hashes of active statements
    csv             everything
    jsonl           everything
    threatexchange  hash, labels, certifiers, time to the second; not the source

Guarantees: readers stream (memory for a line, or a page of updates), report every line that they
can't use, and raise nothing but the InputErrors named here and in `lines`, `fields` and `table`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from softfall.errors import InputError
from softfall.lists.entries import Entry, Statement, gather
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.jsonl import read_jsonl, write_jsonl
from softfall.lists.formats.lines import Line, split_lines
from softfall.lists.formats.plain import COMMENT, read_plain, write_plain
from softfall.lists.formats.table import read_table, write_table
from softfall.lists.formats.threatexchange import read_threatexchange, write_threatexchange
from softfall.lists.report import BadLine, ImportReport, Item, Tally

GUESS_BYTES = 64 * 1024


class Form(Enum):
    """A form of list file."""

    PLAIN = "plain"
    CSV = "csv"
    JSONL = "jsonl"
    THREATEXCHANGE = "threatexchange"


class EmptyList(InputError):
    """A list file that holds nothing."""

    remedy = "Check where the file came from: an empty list most often means a failed download."


@dataclass(frozen=True, slots=True)
class _Codec:
    read: Callable[[Iterable[Line | BadLine], Importer], Iterator[Item]]
    write: Callable[[Iterable[Statement]], Iterator[str]]


_CODECS = {
    Form.PLAIN: _Codec(read_plain, write_plain),
    Form.CSV: _Codec(read_table, write_table),
    Form.JSONL: _Codec(read_jsonl, write_jsonl),
    Form.THREATEXCHANGE: _Codec(read_threatexchange, write_threatexchange),
}


def read(stream: BinaryIO, form: Form, importer: Importer) -> Iterator[Item]:
    """Everything that a list file says, line by line.

    Raises EmptyList at the end where there was nothing; UnreadableList, WrongEncoding, BadHeader
    or SourceNeeded where the file as a whole is of no use.
    """
    nothing = True
    for item in _CODECS[form].read(split_lines(stream), importer):
        nothing = False
        yield item
    if nothing:
        raise EmptyList("the list holds nothing, not even a bad line")


def write(statements: Iterable[Statement], form: Form) -> Iterator[bytes]:
    """The file's lines, each with its end."""
    for line in _CODECS[form].write(statements):
        yield line.encode() + b"\n"


def load(stream: BinaryIO, form: Form, importer: Importer) -> tuple[list[Entry], ImportReport]:
    """A whole list in memory, without a catalogue: its entries, and what reading it told.

    The report's counts of added, merged and unchanged stay 0. Raises as `read` does.
    """
    tally = Tally()
    taken = (tally.take(item) for item in read(stream, form, importer))
    entries = gather(statement for statement in taken if statement is not None)
    return entries, tally.report()


def guess_form(head: bytes) -> Form:
    """The form of a list that begins with these bytes (the first GUESS_BYTES suffice)."""
    text = head.decode("utf-8-sig", errors="replace")
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first.startswith("["):
        return Form.THREATEXCHANGE
    if first.startswith("{"):
        return _guess_json(first)
    if "," in first and not first.startswith(COMMENT):
        return Form.CSV
    return Form.CSV if first.strip('"').lower() == "hash" else Form.PLAIN


def _guess_json(first: str) -> Form:
    try:
        keys = json.loads(first)
    except (ValueError, RecursionError):
        return Form.THREATEXCHANGE  # a page: over many lines, or longer than what was looked at
    return Form.JSONL if "hash" in keys else Form.THREATEXCHANGE
