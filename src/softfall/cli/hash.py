"""`softfall hash`: the hashes of picture files and of folders of them, a line for each."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from softfall import config
from softfall.cli.hash_rows import Form, hash_file, header, line

EXIT_SOME_FAILED = 1


def hash_files(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH", help="Picture files, and folders of them.", show_default=False
        ),
    ],
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Write a JSON object a line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a header.")] = False,
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Print each picture's PDQ hash, quality, SHA-256 and MD5, or why there is none.

    Folders are searched at every depth, in order of name, without hidden files. A file that can't
    be opened is a line with the error's name and remedy, and the run goes on; the exit code is
    then 1. A picture that is flat, tiny or of low quality has no dependable PDQ hash: it is said
    to be unhashable, which is no failure. The limits are those of
    the configuration's media table.
    """
    if jsonl and csv:
        raise typer.BadParameter("choose one of --jsonl and --csv")
    form = Form.JSONL if jsonl else Form.CSV if csv else Form.TEXT
    limits = config.load(file).media
    from softfall.media.files import walk

    sys.stdout.buffer.write(header(form).encode())
    failed = 0
    with _progress(list(walk(paths))) as files:
        for path in files:
            row = hash_file(path, limits)
            failed += row.error is not None
            sys.stdout.buffer.write(line(row, form).encode())
            sys.stdout.buffer.flush()
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


@contextmanager
def _progress(files: Sequence[Path]) -> Iterator[Iterator[Path]]:
    """The files, with a bar on stderr unless the lines themselves run past there."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    quiet = not console.is_terminal or sys.stdout.isatty()
    with Progress(console=console, transient=True, disable=quiet) as progress:
        yield iter(progress.track(files, description="hashing"))
