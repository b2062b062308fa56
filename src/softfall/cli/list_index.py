"""`softfall list index`: the file that searches of the list use, built ahead and looked over."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softfall import config

if TYPE_CHECKING:  # the database is loaded only when a verb runs
    from softfall.custodian.catalogue import Catalogue
    from softfall.custodian.feed import Progress
    from softfall.lists.index.hamming import Matches, U64Array


def index(
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Also compare every entry of the index with the store's own."
        ),
    ] = False,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Build the index of the list if there is none that can be used, and show it.

    Services build it by themselves; after a large import this does it before they start. Every byte
    of the file is checked each time that it is opened. A list that a plain pass searches fastest
    has no file.
    """
    from softfall.custodian.catalogue import Catalogue
    from softfall.custodian.index_check import compare
    from softfall.custodian.index_file import FILE, FOLDER
    from softfall.custodian.indexing import ListIndex

    data_dir = config.load(config_file).custodian.data_dir
    path = data_dir / FOLDER / FILE
    with closing(Catalogue.open(data_dir)) as catalogue:
        kept = ListIndex(catalogue, data_dir / FOLDER)
        with _bar("reading the list") as tell:
            followed = kept.open(tell)
        state = kept.state()
        typer.echo(f"revision           {state.revision}")
        typer.echo(f"indexed entries    {state.base}")
        typer.echo(f"changed since      {state.pending}")
        if state.on_disk:
            typer.echo(f"file               {path}")
            typer.echo(f"bytes              {path.stat().st_size}, every one checked")
        else:
            typer.echo("file               none: kept in memory")
        if verify:
            with _bar("comparing") as tell:
                same = compare(followed, catalogue.feed, tell)
            typer.echo(f"the store's own    all {same} active entries")


def searched(
    catalogue: "Catalogue", data_dir: Path, queries: "U64Array", radius_bits: int
) -> "Matches":
    """A search by the index file, where one lies there that can be used; else without it."""
    from softfall.custodian.index_file import FOLDER, IndexFile
    from softfall.edge.logs import make_logger

    file = IndexFile(data_dir / FOLDER, catalogue.feed, make_logger("list"))
    followed = file.opened()
    if followed is None:
        return catalogue.search(queries, radius_bits)
    return followed.live.search(queries, radius_bits)


@contextmanager
def _bar(what: str) -> Iterator["Progress"]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, most: int) -> None:
            bar.update(task, completed=done, total=most)

        yield tell
