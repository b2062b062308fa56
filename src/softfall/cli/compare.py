"""`softfall compare`: the same conversation past each option, every party in its own process."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from softfall.errors import InputError


class VideoOptions(InputError):
    """Options of `softfall compare` that don't go together where a clip is sent."""

    remedy = "Name the clip by --video; have its figures written by --json."


Photos = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Photographs, or folders of them; the default: those in scikit-image and scikit-learn."
    ),
]
ListFile = Annotated[
    Path | None,
    typer.Option(
        "--list",
        help="A list in any form that `softfall list import` reads; the default: half of the "
        "photographs.",
        show_default=False,
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="An option to run: in_transit, split, on_device, enclave, homomorphic, "
        "homomorphic_permuted, backdoor; may be repeated. The default: all but "
        "homomorphic_permuted.",
        show_default=False,
    ),
]
ListSize = Annotated[
    int | None,
    typer.Option(
        "--list-size",
        min=0,
        max=10_000_000,
        help="How many random balanced hashes to put on the list besides; the default: 100,000, "
        "or none with --list.",
        show_default=False,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", help="Where to write the report.", show_default=False),
]
Json = Annotated[
    Path | None,
    typer.Option("--json", help="Where to write everything as JSON.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Draws the list and the order.")]
Keep = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        help="Leave every party's data, logs and recordings in this folder.",
        show_default=False,
    ),
]

Video = Annotated[
    Path | None,
    typer.Option(
        "--video",
        help="Send this clip in place of photographs: as it is, and mirrored, which is not listed.",
        show_default=False,
    ),
]
Live = Annotated[
    bool,
    typer.Option("--live", help="With --video: send it as a live stream too, at its own pace."),
]


def compare(
    photos: Photos = None,
    list_file: ListFile = None,
    option: Options = None,
    list_size: ListSize = None,
    html: Html = None,
    json: Json = None,
    seed: Seed = 1,
    keep: Keep = None,
    video: Video = None,
    live: Live = False,
) -> None:
    """Send photographs past each option, and show what was stopped, who saw what, and its cost.

    Real programs, real encryption, real connections, on this machine. Exit code 1 if a message was
    lost or a party received bytes that nothing declares.
    """
    from rich.console import Console

    from softfall.cli.progress import shown_progress
    from softfall.compare.console import MIN_COLUMNS, print_comparison
    from softfall.compare.files import check_writable, write_whole
    from softfall.compare.table import make_table
    from softfall.compare.witness import DEFAULT_OPTIONS, Asked
    from softfall.compare.witness import compare as run_comparison

    signal.signal(signal.SIGTERM, _stop)
    for path in filter(None, (html, json)):
        check_writable(path)
    if live and video is None:
        raise VideoOptions("--live needs a clip")
    if video is not None:
        _compare_films(video, list_file, option, list_size, (html, json), seed, keep, live=live)
        return
    asked = Asked(
        options=option or DEFAULT_OPTIONS,
        places=photos or (),
        list_file=list_file,
        random_count=list_size,
        seed=seed,
        keep=keep,
    )
    with shown_progress() as show:
        comparison = run_comparison(asked, show)
    console = Console()
    if console.width < MIN_COLUMNS:
        console = Console(width=MIN_COLUMNS)
    print_comparison(comparison, make_table(comparison), console)
    if json is not None:
        write_whole(json, comparison.model_dump_json(indent=1) + "\n")
        console.print(f"\neverything as JSON: {json}", highlight=False, soft_wrap=True)
    if html is not None:
        from softfall.compare.report import render  # draws plots: slow to load

        write_whole(html, render(comparison))
        console.print(f"report: {html.resolve()}", highlight=False, soft_wrap=True)
    if not comparison.sound:
        sys.exit(1)


def _compare_films(
    video: Path,
    list_file: Path | None,
    option: list[str] | None,
    list_size: int | None,
    out: tuple[Path | None, Path | None],
    seed: int,
    keep: Path | None,
    *,
    live: bool,
) -> None:
    from rich.console import Console

    from softfall.cli.progress import shown_progress
    from softfall.compare.console import MIN_COLUMNS
    from softfall.compare.files import write_whole
    from softfall.compare.film_table import print_films
    from softfall.compare.films import DEFAULT_LIST_SIZE, AskedFilms, compare_films
    from softfall.compare.witness import DEFAULT_OPTIONS

    html, json = out
    if html is not None:
        raise VideoOptions("--html draws no report of a clip; --json has every figure")
    count = list_size if list_size is not None else (0 if list_file else DEFAULT_LIST_SIZE)
    asked = AskedFilms(
        clip=video,
        options=option or DEFAULT_OPTIONS,
        list_file=list_file,
        random_count=count,
        seed=seed,
        keep=keep,
        live=live,
    )
    with shown_progress() as show:
        found = compare_films(asked, show)
    console = Console()
    if console.width < MIN_COLUMNS:
        console = Console(width=MIN_COLUMNS)
    print_films(found, console)
    if json is not None:
        write_whole(json, found.model_dump_json(indent=1) + "\n")
        console.print(f"\neverything as JSON: {json}", highlight=False, soft_wrap=True)
    if not found.sound:
        sys.exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    """A polite request to end is handled like Ctrl-C: every process is stopped first."""
    del number, frame
    raise KeyboardInterrupt
