"""`softfall hash`: the hashes of picture and video files, and of folders of them, line by line."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from softfall import config
from softfall.cli.hash_rows import FileHashes, Form, hash_file, header, line

if TYPE_CHECKING:
    from softfall.cli.hash_output import OutFile

EXIT_SOME_FAILED = 1
EXIT_INTERRUPTED = 130
FEW_FILES: Final = 4  # are hashed before other processes would have started


class HashMode(Enum):
    """How pictures are hashed."""

    EXACT = "exact"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class _Asked:
    """How files are hashed, and how that is written."""

    form: Form
    mode: str
    strip_borders: bool


_Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH", help="Picture and video files, and folders.", show_default=False
    ),
]
_Mode = Annotated[
    HashMode,
    typer.Option(help="Bit for bit as lists are made, or quicker and within 8 bits of it."),
]
_StripBorders = Annotated[
    bool,
    typer.Option(
        "--strip-borders",
        help="Also hash pictures without their border, where they have one. Videos are hashed "
        "as they are.",
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        help="Append the lines to this file (JSON lines, or --csv). A run that was ended goes "
        "on: what the file has is not hashed again.",
        show_default=False,
    ),
]
_Jobs = Annotated[
    int | None, typer.Option(min=1, help="Processes that hash; one for each core, by default.")
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]


def hash_files(
    paths: _Paths,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Write a JSON object a line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a header.")] = False,
    mode: _Mode = HashMode.EXACT,
    strip_borders: _StripBorders = False,
    out: _Out = None,
    jobs: _Jobs = None,
    file: _Config = None,
) -> None:
    """Print each file's hash, quality, SHA-256 and MD5, or why there is none.

    Folders are searched at every depth, in order of name, without hidden files, by several
    processes at once; the lines come in that order all the same. A file that can't
    be opened is a line with the error's name and remedy, and the run goes on; the exit code is
    then 1. A picture that is flat, tiny or of low quality has no dependable PDQ hash: it is said
    to be unhashable, which is no failure. The limits are those of
    the configuration's media table.

    With --strip-borders each line has pdq_stripped and quality_stripped, too: of the picture
    without its border (a letterbox, a frame, a caption's bar), empty where none was found.
    """
    if jsonl and csv:
        raise typer.BadParameter("choose one of --jsonl and --csv")
    form = Form.CSV if csv else Form.JSONL if jsonl or out else Form.TEXT
    asked = _Asked(form, mode.value, strip_borders)
    limits = config.load(file).media
    try:
        failed = _hash_all(paths, limits, asked, out, jobs)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if out else ""
        sys.stderr.write(f"softfall: interrupted{goes_on}\n")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _hash_all(
    paths: list[Path], limits: config.MediaLimits, asked: _Asked, out: Path | None, jobs: int | None
) -> int:
    """Write every file's line; how many tell of an error."""
    from softfall.media.files import walk

    with ExitStack() as stack:
        kept = _out_file(stack, out, asked, paths) if out else None
        files = stack.enter_context(_progress(lambda: walk(paths), lines_run_past=out is None))
        if kept:
            files = (path for path in files if not kept.has(path))
        rows = _rows(stack, files, limits, asked, jobs, always=out is not None)
        return _write(rows, asked, kept)


def _out_file(stack: ExitStack, out: Path, asked: _Asked, paths: Iterable[Path]) -> "OutFile":
    from softfall.cli.hash_output import OutFile

    kept = OutFile(out, asked.form, asked.mode, paths, strip_borders=asked.strip_borders)
    return stack.enter_context(kept)


def _rows(
    stack: ExitStack,
    files: Iterator[Path],
    limits: config.MediaLimits,
    asked: _Asked,
    jobs: int | None,
    *,
    always: bool,
) -> Iterator[FileHashes]:
    """A row for each file: of a few files from this process, of more from others.

    always: others even for a few, so that no file can end this process.
    """
    first = list(islice(files, 1 if always else FEW_FILES + 1))
    if not first or (len(first) <= FEW_FILES and not always):
        return (hash_file(path, limits, asked.mode, asked.strip_borders) for path in first)
    from softfall.cli.hash_crew import Crew, hashing, process_count

    work = hashing(limits, asked.mode, strip_borders=asked.strip_borders)
    crew = Crew(work, process_count(jobs))
    return stack.enter_context(crew).rows(chain(first, files))


def _write(rows: Iterator[FileHashes], asked: _Asked, out: "OutFile | None") -> int:
    """How many rows tell of an error, those of earlier runs included."""
    failed = out.failed if out else 0
    if out is None:
        sys.stdout.buffer.write(header(asked.form, strip_borders=asked.strip_borders).encode())
    for row in rows:
        failed += row.error is not None
        if out:
            out.write(row)
        else:
            told = line(row, asked.form, strip_borders=asked.strip_borders)
            sys.stdout.buffer.write(told.encode())
            sys.stdout.buffer.flush()
    return failed


@contextmanager
def _progress(
    walk: Callable[[], Iterator[Path]], *, lines_run_past: bool
) -> Iterator[Iterator[Path]]:
    """The files, with a bar on stderr unless the lines themselves run past there.

    For the bar they are counted beforehand, which takes a second for a million.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal or (lines_run_past and sys.stdout.isatty()):
        yield walk()
        return
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        yield iter(progress.track(walk(), sum(1 for _ in walk()), description="hashing"))
