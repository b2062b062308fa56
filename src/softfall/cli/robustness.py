"""`softfall robustness`: how well a list of your own pictures would find edited copies again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softfall import config
from softfall.config import MediaLimits

if TYPE_CHECKING:  # slow to load
    from rich.console import Console

    from softfall.compare.robustness_report import Study
    from softfall.media.pdq_oracle import PixelArray

MIN_COLUMNS = 90
LISTED_CROPS = 2
ASKED_CROPS = 12
_VIEW_SETS = ("default", "all")


def robustness(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH", help="Picture files, and folders of them.", show_default=False
        ),
    ],
    views: Annotated[str, typer.Option("--views", help="Which views: default or all.")] = "default",
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Where to write everything as JSON.", show_default=False),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", help="Where to write the tables.", show_default=False),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="How many at once; one for each core.", show_default=False),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Edit your pictures as people do, and count how many copies a list of them would find.

    With views and without, borders stripped or not; besides, how often unrelated pictures match a
    list with views and one without, of the same size. Nothing leaves this machine, and nothing is
    put on a list. A few seconds a picture.
    """
    import json

    from rich.console import Console

    from softfall.compare.files import check_writable, write_whole
    from softfall.compare.robustness_report import as_json, page

    if views not in _VIEW_SETS:
        raise typer.BadParameter(f"--views is one of: {', '.join(_VIEW_SETS)}")
    for path in filter(None, (json_file, markdown)):
        check_writable(path)
    pictures = _Pictures(paths, config.load(config_file).media)
    study = _study(pictures, views, processes or os.cpu_count() or 1)
    console = Console()
    if console.width < MIN_COLUMNS:
        console = Console(width=MIN_COLUMNS)
    _print(study, console)
    if json_file is not None:
        write_whole(json_file, json.dumps(as_json(study), indent=1) + "\n")
    if markdown is not None:
        write_whole(markdown, page(study))


class _Pictures:
    """The files, opened one after the other as often as one asks; what can't be opened is noted."""

    def __init__(self, paths: list[Path], limits: MediaLimits) -> None:
        from softfall.media.files import walk

        self.files = list(walk(paths))
        self._limits = limits
        self.left_out: dict[str, str] = {}

    def __iter__(self) -> Iterator[tuple[str, "PixelArray"]]:
        import numpy as np
        from PIL import Image

        from softfall.compare.everyday import for_study
        from softfall.errors import SoftfallError
        from softfall.media.decode import decode
        from softfall.media.files import read_file

        for path in self.files:
            try:
                picture = decode(read_file(path, self._limits), self._limits)
            except SoftfallError as error:
                self.left_out[path.name] = f"{error.name}: {error.what}"
                continue
            yield path.name, np.asarray(for_study(Image.fromarray(picture.pixels)))


def _study(pictures: _Pictures, views: str, processes: int) -> "Study":
    from softfall.cli.progress import shown_progress
    from softfall.compare.false_matches import Plan, count
    from softfall.compare.photographs import NoPhotographs
    from softfall.compare.robustness import growth, look_at_all, recall
    from softfall.compare.robustness_report import Study
    from softfall.media.views import WHOLE, ViewSet

    chosen, seen = ViewSet(views), []
    with shown_progress() as show:
        for each in look_at_all(pictures, processes, chosen):
            seen.append(each)
            show("editing and hashing", len(seen), len(pictures.files))
        if not any(WHOLE in each.listed for each in seen):
            raise NoPhotographs("no picture here has a dependable hash")
        unrelated = None
        if len(seen) > 1:
            show("unrelated pictures", 0, 1)
            unrelated = count(pictures, Plan(LISTED_CROPS, ASKED_CROPS, chosen), processes)
            show("unrelated pictures", 1, 1)
    left_out = tuple(f"{name}: {why}" for name, why in pictures.left_out.items())
    return Study(views, growth(seen), tuple(recall(seen)), unrelated, left_out)


def _print(study: "Study", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    from softfall.compare.robustness_report import sheets

    for sheet in sheets(study):
        table = Table(title=sheet.title, title_justify="left", box=box.SIMPLE_HEAD)
        for place, head in enumerate(sheet.header):
            table.add_column(head, justify="right" if place else "left")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
    if study.unrelated is not None and study.unrelated.named:
        console.print("Pictures that match another picture's entry (the same, or much alike?):")
        for listed, asked in study.unrelated.named:
            console.print(f"  {listed} and {asked}", markup=False, highlight=False)
    for line in study.left_out:
        console.print(f"left out: {line}", markup=False, highlight=False)
