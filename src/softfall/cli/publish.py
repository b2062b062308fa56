"""`softfall list publish`: make the list as it is now the current epoch."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from softfall import config


def publish(
    option: Annotated[str, typer.Option(help="The option to publish for.")] = "split",
    changes: Annotated[
        bool,
        typer.Option(
            "--changes",
            help="Only what changed since the last version of this epoch (on_device, homomorphic).",
        ),
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Publish the list as a new epoch: its key, its artefact, its signed manifest.

    About 65 microseconds of one core for each entry and table; `homomorphic` has no tables, and
    takes about as long for each entry. A running service notices by itself; the epoch before ends
    after custodian.overlap_minutes. Until the last step the old one stays. With --changes no epoch
    begins: devices, or provider and keyholder (homomorphic), fetch a small segment more.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from softfall.custodian.publish import publish_epoch

    settings = config.load(file).custodian
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_WORK.get(option, "evaluating tags"), total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if changes:
            _publish_changes(settings, option, show)
            return
        manifest = publish_epoch(settings, option, show)
    ends = datetime.fromtimestamp(manifest.expires_at_ms / 1000, UTC)
    typer.echo(
        f"epoch {manifest.epoch} of {manifest.option} is current: {manifest.entries} entries, "
        f"until {ends:%Y-%m-%d %H:%M} UTC"
    )


_WORK = {"homomorphic": "laying out blocks", "enclave": "committing to the list"}


def _publish_changes(
    settings: config.CustodianSettings, option: str, show: Callable[[int, int], None]
) -> None:
    from softfall.custodian.publish import publish_changes

    done = publish_changes(settings, show, option=option)
    if not done.added and not done.withdrawn:
        typer.echo(f"nothing has changed: epoch {done.epoch} stays at version {done.version}")
        return
    typer.echo(
        f"version {done.version} of epoch {done.epoch}: {done.added} entries joined, "
        f"{done.withdrawn} left, {done.size_bytes} bytes to fetch"
    )
