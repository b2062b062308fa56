"""`softfall list publish`: make the list as it is now the current epoch."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from softfall import config


def publish(
    option: Annotated[str, typer.Option(help="The option to publish for.")] = "split",
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Publish the list as a new epoch: its key, its artefact, its signed manifest.

    About 65 microseconds of one core for each entry and table. A running service notices by itself;
    the epoch before ends after custodian.overlap_minutes. Until the last step the old one stays.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from softfall.custodian.publish import publish_epoch

    settings = config.load(file).custodian
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluating tags", total=None)
        manifest = publish_epoch(
            settings, option, lambda done, of: bar.update(task, completed=done, total=of)
        )
    ends = datetime.fromtimestamp(manifest.expires_at_ms / 1000, UTC)
    typer.echo(
        f"epoch {manifest.epoch} of {manifest.option} is current: {manifest.entries} entries, "
        f"until {ends:%Y-%m-%d %H:%M} UTC"
    )
