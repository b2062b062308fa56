"""`softfall research`: what is being tried out, and no service offers. Labelled in every output."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softfall import config

if TYPE_CHECKING:  # slow to load
    from softfall.compare.secret_hash import Outcome

app = typer.Typer(no_args_is_help=True, help="Research modes: tried out here, offered by nothing.")

_EDITS = ("JPEG 30", "resize 50 %", "crop 2 %", "crop 5 %", "brightness +20 %", "blur 2 pixels")
_LABEL = "RESEARCH MODE: no service offers this. Our own lattice code, not audited."


@app.callback()
def research() -> None:
    """Research modes (the callback keeps `softfall research` a group)."""


@app.command("secret-hash")
def secret_hash(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Photographs, and folders of them; those at hand otherwise.",
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Where to write everything as JSON.", show_default=False),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Match encrypted 64x64 pictures by a hash that nobody outside can study.

    Every other photograph is listed; edited copies of all are encrypted, scored by the provider
    under directions that change by epoch, and judged. Plain PDQ stands beside it.
    """
    import json
    import secrets
    from dataclasses import asdict

    from PIL import Image

    from softfall.cli.progress import shown_progress
    from softfall.compare.everyday import EVERYDAY, for_study
    from softfall.compare.files import check_writable, write_whole
    from softfall.compare.photographs import default_paths, open_photographs, picture_files
    from softfall.compare.secret_hash import study

    if json_file is not None:
        check_writable(json_file)
    files = picture_files(paths) if paths else default_paths()
    edits = [edit for edit in EVERYDAY if edit.name in _EDITS]
    with shown_progress() as show:
        opened, left_out = open_photographs(
            files, config.load(config_file).media, lambda done, of: show("opening", done, of)
        )
        pictures = [for_study(Image.fromarray(each.pixels)) for each in opened]
        found = study(
            pictures, edits, secrets.token_bytes, lambda done, of: show("matching", done, of)
        )
    _print(found)
    for each in left_out:
        typer.echo(f"left out: {each.name}: {each.reason}")
    if json_file is not None:
        write_whole(json_file, json.dumps(asdict(found), indent=1) + "\n")


def _print(found: "Outcome") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(_LABEL, style="bold", markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    for place, head in enumerate(("copies", "secret hash", "plain PDQ", "mistaken: secret", "PDQ")):
        table.add_column(head, justify="right" if place else "left")
    for row in found.rows:
        shares = (row.secret, row.plain, row.secret_mistaken, row.plain_mistaken)
        table.add_row(row.edit, *map(str, shares))
    console.print(table)
    console.print(
        f"{found.listed} photographs listed, {found.unlisted} not. The first two columns count "
        "copies of listed ones, the last two copies of others.",
        highlight=False,
    )
    console.print(f"Encrypted verdicts as in the clear: {found.agreed}.", highlight=False)
    times = ", ".join(f"{party} {ms:.1f} ms" for party, ms in found.ms.items())
    console.print(
        f"A picture: {found.query_bytes / 1000:.0f} kB up; {times} (medians).", highlight=False
    )
