"""`softfall list build`: a list from the pictures of a folder, with several views of each."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softfall import config
from softfall.config import MediaLimits

if TYPE_CHECKING:  # numpy is loaded only when the verb runs
    from softfall.cli.progress import Show
    from softfall.lists.building import Built, Keeper, NotListed
    from softfall.lists.entries import Statement
    from softfall.media.views import ViewSet

EXIT_SOME_FAILED = 1
_FILES_AT_ONCE = 256
_VIEW_SETS = ("default", "all", "none")


def build(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH", help="Picture files, and folders of them.", show_default=False
        ),
    ],
    source: Annotated[str, typer.Option(help="Whose list it is.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option("--out", help="The JSON lines file to write; - for standard output."),
    ],
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="A label; may be repeated.", show_default=False),
    ] = None,
    certifier: Annotated[
        list[str] | None,
        typer.Option(
            "--certifier",
            help="An organisation that looked and agrees; may be repeated.",
            show_default=False,
        ),
    ] = None,
    views: Annotated[
        str, typer.Option("--views", help="Which views: default, all, or none.")
    ] = "default",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="How many at once; one for each core.", show_default=False),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Make a list from pictures: the hash of each, and of what everyday handling makes of it.

    The views (small crops, mirrored, turned, without borders) are lines of their own, linked to
    their picture: withdrawing the picture withdraws them. docs/lists.md tells which there are.
    The file holds whole hashes and is readable by you alone; `softfall list import` reads it. A
    file that can't be opened is named on standard error; the exit code is then 1.
    """
    from softfall.cli.list_files import export_to
    from softfall.cli.progress import shown_progress
    from softfall.lists.building import Keeper
    from softfall.lists.entries import clean_name, clean_organisation
    from softfall.lists.formats.forms import Form
    from softfall.media.files import walk
    from softfall.media.views import ViewSet

    if views not in _VIEW_SETS:
        raise typer.BadParameter(f"--views is one of: {', '.join(_VIEW_SETS)}")
    keeper = Keeper(
        clean_organisation(source),
        frozenset(map(clean_name, label or ())),
        frozenset(map(clean_organisation, certifier or ())),
        time.time_ns() // 1_000_000,
    )
    work = _Work(keeper, ViewSet(views), config.load(config_file).media)
    with shown_progress() as show:
        made = work.statements(list(walk(paths)), processes or os.cpu_count() or 1, show)
        export_to(out, Form.JSONL, made, force)
    _tell(work.counts)
    if work.counts["failed"]:
        raise typer.Exit(EXIT_SOME_FAILED)


def _tell(counts: Counter[str]) -> None:
    pictures, entries = counts["pictures"], counts["entries"]
    factor = f", {entries / pictures:.1f} a picture" if pictures else ""
    typer.echo(f"pictures listed      {pictures}", err=True)
    typer.echo(f"hashes listed        {entries}{factor}", err=True)
    typer.echo(f"views left out       {counts['left out']} (no dependable hash)", err=True)
    typer.echo(f"pictures not listed  {counts['not listed']}", err=True)
    typer.echo(f"files not opened     {counts['failed']}", err=True)


class _Work:
    """One build, and what became of its files."""

    def __init__(self, keeper: "Keeper", chosen: "ViewSet", limits: MediaLimits) -> None:
        self._look = partial(_look, keeper=keeper, chosen=chosen, limits=limits)
        self.counts: Counter[str] = Counter()

    def statements(
        self, files: Sequence[Path], processes: int, show: "Show"
    ) -> Iterator["Statement"]:
        """Every picture's statements, in the order of the files."""
        with ProcessPoolExecutor(min(processes, max(1, len(files)))) as pool:
            for start in range(0, len(files), _FILES_AT_ONCE):  # memory for so many at most
                some = files[start : start + _FILES_AT_ONCE]
                for done, (path, made) in enumerate(
                    zip(some, pool.map(self._look, some), strict=True), start + 1
                ):
                    show("hashing", done, len(files))
                    yield from self._taken(path, made)

    def _taken(self, path: Path, made: "Built | NotListed | str") -> tuple["Statement", ...]:
        from softfall.lists.building import Built

        if isinstance(made, Built):
            self.counts["pictures"] += 1
            self.counts["entries"] += len(made.statements)
            self.counts["left out"] += len(made.left_out)
            return made.statements
        failed = isinstance(made, str)
        self.counts["failed" if failed else "not listed"] += 1
        why = made if isinstance(made, str) else f"not listed: {made.reason}"
        typer.echo(f"{_printable(path)}: {why}", err=True)
        return ()


def _printable(path: Path) -> str:
    """The name without control characters or undecodable bytes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(path))


def _look(
    path: Path, keeper: "Keeper", chosen: "ViewSet", limits: MediaLimits
) -> "Built | NotListed | str":
    """What one file makes; of one that can't be opened, why. Runs in a process of its own."""
    from softfall.errors import SoftfallError
    from softfall.lists.building import statements_of
    from softfall.media.decode import decode
    from softfall.media.files import read_file
    from softfall.media.views import view_hashes

    try:
        pixels = decode(read_file(path, limits), limits).pixels
    except SoftfallError as error:
        return f"{error.name}: {error.what}"
    return statements_of(view_hashes(pixels, chosen), keeper)
