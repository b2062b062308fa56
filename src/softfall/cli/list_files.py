"""The files of `softfall list`: opening one to read, writing one whole, and the bar meanwhile.

Guarantees: an export appears whole or not at all, readable by its owner alone; a file that exists
is replaced only when asked.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from softfall.errors import InputError
from softfall.lists.formats.forms import GUESS_BYTES, Form, guess_form, write
from softfall.lists.formats.lines import UnreadableList

if TYPE_CHECKING:
    from softfall.custodian.catalogue import Progress
    from softfall.lists.entries import Statement

STANDARD = "-"

_FORMS_BY_SUFFIX = {
    ".txt": Form.PLAIN,
    ".csv": Form.CSV,
    ".jsonl": Form.JSONL,
    ".ndjson": Form.JSONL,
    ".json": Form.THREATEXCHANGE,
}


class ExportRefused(InputError):
    """An export that can't be written where it should go."""

    remedy = "Name a file that does not exist (or use --force), in a folder that you may write."


class FormUnclear(InputError):
    """A list file whose form its name does not tell."""

    remedy = "Name the form: --form plain, csv, jsonl or threatexchange."


@contextmanager
def open_list(name: str) -> Iterator["BufferedReader[FileIO]"]:
    """A list file to read; `-` is standard input. Raises UnreadableList."""
    if name == STANDARD:
        name = "/dev/stdin"
    try:
        stream = BufferedReader(FileIO(name), GUESS_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UnreadableList(f"the list can't be read: {reason}") from None
    with stream:
        yield stream


def guess_form_of(stream: "BufferedReader[FileIO]") -> Form:
    """The form of a list, from its beginning, which stays to be read. Raises UnreadableList."""
    try:
        return guess_form(stream.peek(GUESS_BYTES))
    except OSError as error:
        raise UnreadableList(f"the list can't be read: {error.strerror}") from None


def form_of_name(path: Path) -> Form:
    """The form that a file's name asks for. Raises FormUnclear."""
    form = _FORMS_BY_SUFFIX.get(path.suffix.lower())
    if form is None:
        raise FormUnclear("the file's name does not tell its form")
    return form


def export_to(path: Path, form: Form, statements: Iterable["Statement"], force: bool) -> int:
    """Write statements to a file (`-`: standard output); how many lines. Raises ExportRefused."""
    lines = write(statements, form)
    if str(path) == STANDARD:
        return _write_lines(sys.stdout.buffer, lines)
    if path.exists() and not force:
        raise ExportRefused(f"{path} exists")
    try:
        return _write_whole(path, lines)
    except OSError as error:
        raise ExportRefused(f"{path} can't be written: {error.strerror}") from None


def _write_whole(path: Path, lines: Iterable[bytes]) -> int:
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = _write_lines(file, lines)
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(part).unlink()
        raise
    return count


def _write_lines(file: BinaryIO, lines: Iterable[bytes]) -> int:
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    file.flush()
    return count


@contextmanager
def progress_bar(stream: BinaryIO) -> Iterator["Progress"]:
    """A bar on standard error: bytes of the file while it is read, then statements stored."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    size_bytes = _size_bytes(stream)
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=size_bytes)

        def tell(what: str, done: int, total: int) -> None:
            if what == "reading":
                place = stream.tell() if size_bytes is not None else 0
                bar.update(task, completed=place, description=f"reading ({done})")
            else:
                bar.update(task, completed=done, total=total, description="storing")

        yield tell


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """A sign of life on standard error, where somebody watches."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def _size_bytes(stream: BinaryIO) -> int | None:
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
