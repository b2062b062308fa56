"""The plain form: one hash a line. Lines that begin with # are comments.

Keeps: the hashes of active statements, nothing else; whoever imports it names the source.
Source: python-threatexchange's `local_file`.
"""

from collections.abc import Iterable, Iterator

from softfall.lists.entries import BadEntry, Statement
from softfall.lists.formats.fields import Importer, RawLine, statement
from softfall.lists.formats.lines import Line
from softfall.lists.report import BadLine, Item, Stated

COMMENT = "#"


def read_plain(lines: Iterable[Line | BadLine], importer: Importer) -> Iterator[Item]:
    """Each line's statement, or why there is none. Raises SourceNeeded."""
    importer.required_source()
    for line in lines:
        if isinstance(line, BadLine):
            yield line
            continue
        number, text = line
        if text.startswith(COMMENT):
            continue
        try:
            yield Stated(number, statement(RawLine(text), importer))
        except BadEntry as error:
            yield BadLine(number, error.what)


def write_plain(statements: Iterable[Statement]) -> Iterator[str]:
    """The lines of active statements; a hash once, where its statements come together."""
    written = b""
    for spoken in statements:
        if spoken.active and spoken.pdq != written:
            written = spoken.pdq
            yield spoken.pdq.hex()
