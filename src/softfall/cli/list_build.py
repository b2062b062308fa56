"""`softfall list build`: a list from the pictures of a folder, with several views of each."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softfall import config
from softfall.config import MediaLimits
from softfall.errors import InputError, SoftfallError

if TYPE_CHECKING:  # numpy is loaded only when the verb runs
    from softfall.cli.progress import Show
    from softfall.lists.building import Built, Keeper, NotListed
    from softfall.lists.entries import Statement

EXIT_SOME_FAILED = 1
_VIEW_SETS = ("default", "all", "none")


class NothingToList(InputError):
    """No picture, or none with a dependable hash: a list of nothing is not written."""

    remedy = "Name picture files, or a folder that holds some."


_Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH", help="Picture files, and folders of them.", show_default=False),
]
_Source = Annotated[str, typer.Option(help="Whose list it is.", show_default=False)]
_Out = Annotated[
    Path, typer.Option("--out", help="The JSON lines file to write; - for standard output.")
]
_Labels = Annotated[
    list[str] | None, typer.Option("--label", help="A label; may be repeated.", show_default=False)
]
_Certifiers = Annotated[
    list[str] | None,
    typer.Option(
        "--certifier",
        help="An organisation that looked and agrees; may be repeated.",
        show_default=False,
    ),
]
_Processes = Annotated[
    int | None,
    typer.Option(min=1, help="How many at once; one for each core.", show_default=False),
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]


def build(
    paths: _Paths,
    source: _Source,
    out: _Out,
    label: _Labels = None,
    certifier: _Certifiers = None,
    views: Annotated[
        str, typer.Option("--views", help="Which views: default, all, or none.")
    ] = "default",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    processes: _Processes = None,
    config_file: _Config = None,
) -> None:
    """Make a list from pictures: the hash of each, and of what everyday handling makes of it.

    The views (small crops, mirrored, turned, without borders) are lines of their own, linked to
    their picture: withdrawing the picture withdraws them. docs/lists.md tells which there are.
    The file holds whole hashes and is readable by you alone; `softfall list import` reads it. A
    file that can't be opened, or that ends the process that opens it, is named on standard error;
    the exit code is then 1.
    """
    if views not in _VIEW_SETS:
        raise typer.BadParameter(f"--views is one of: {', '.join(_VIEW_SETS)}")
    from softfall.cli.hash_crew import process_count
    from softfall.cli.list_files import export_to
    from softfall.cli.progress import shown_progress
    from softfall.lists.formats.forms import Form
    from softfall.media.files import walk

    work = _Work(_keeper(source, label, certifier), views, config.load(config_file).media)
    with shown_progress() as show:
        made = work.statements(list(walk(paths)), process_count(processes), show)
        export_to(out, Form.JSONL, made, force)
    work.tell()
    if work.counts["failed"]:
        raise typer.Exit(EXIT_SOME_FAILED)


def _keeper(source: str, label: list[str] | None, certifier: list[str] | None) -> "Keeper":
    from softfall.lists.building import Keeper
    from softfall.lists.entries import clean_name, clean_organisation

    return Keeper(
        clean_organisation(source),
        frozenset(map(clean_name, label or ())),
        frozenset(map(clean_organisation, certifier or ())),
        time.time_ns() // 1_000_000,
    )


class _Work:
    """One build, and what became of its files."""

    def __init__(self, keeper: "Keeper", views: str, limits: MediaLimits) -> None:
        self._keeper, self._views, self._limits = keeper, views, limits
        self._hashes = set[bytes]()
        self.counts: Counter[str] = Counter()

    def statements(
        self, files: Sequence[Path], processes: int, show: "Show"
    ) -> Iterator["Statement"]:
        """Every picture's statements, in the order of the files. Raises NothingToList."""
        from softfall.cli.hash_crew import Crew, Work

        if not files:
            raise NothingToList("there is no file to make a list of")
        how = {"task": "views", "limits": self._limits.model_dump(mode="json")}
        work = Work({**how, "views": self._views}, self._read, _failed)
        with Crew(work, min(processes, len(files))) as crew:
            for done, (path, made) in enumerate(zip(files, crew.rows(files), strict=True), 1):
                show("hashing", done, len(files))
                yield from self._taken(path, made)
        if not self.counts["pictures"]:
            raise NothingToList("not one of the files makes an entry")

    def tell(self) -> None:
        """What became of them, on standard error."""
        counts, entries = self.counts, len(self._hashes)
        factor = f", {entries / counts['pictures']:.1f} a picture" if entries else ""
        typer.echo(f"pictures listed      {counts['pictures']}", err=True)
        typer.echo(f"hashes listed        {entries}{factor}", err=True)
        typer.echo(f"views left out       {counts['left out']} (no dependable hash)", err=True)
        typer.echo(f"pictures not listed  {counts['not listed']}", err=True)
        typer.echo(f"files not opened     {counts['failed']}", err=True)

    def _read(self, answer: dict[str, Any]) -> "Built | NotListed | str":
        from softfall.lists.building import statements_of
        from softfall.media.hashed import Refused, decode
        from softfall.media.views import ViewHash

        if "error" in answer:
            return str(answer["error"])
        found = ((view, decode(bytes.fromhex(packed))) for view, packed in answer["views"])
        seen = [ViewHash(view, each) for view, each in found if not isinstance(each, Refused)]
        return statements_of(seen, self._keeper)

    def _taken(self, path: Path, made: "Built | NotListed | str") -> tuple["Statement", ...]:
        from softfall.lists.building import Built

        if isinstance(made, Built):
            self.counts["pictures"] += 1
            self._hashes.update(statement.pdq for statement in made.statements)
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


def _failed(_: Path, error: SoftfallError) -> "Built | NotListed | str":
    return f"{error.name}: {error.what}"
