"""`softfall referral`: what can be asked of the authority without sending anything."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from softfall import config

app = typer.Typer(help="Look after referrals to the authority.")


@app.callback()
def _group() -> None:
    """Keep `status` a verb of its own, though it is the only one."""


@app.command()
def status(
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Ask the authority whether it can be reached, and knows the login. Sends no report."""
    from softfall.casework.referral.client import Client
    from softfall.casework.referral.life import WHAT_TO_DO, Event

    with Client(config.load(file).referral) as client:
        reply = client.status()
        sys.stdout.write(f"{client.address}: {reply.outcome}: {reply.told}\n")
    if reply.outcome is not Event.ACCEPTED:
        sys.stdout.write(f"  what to do: {WHAT_TO_DO.get(reply.outcome, 'See the answer.')}\n")
        raise typer.Exit(3)
