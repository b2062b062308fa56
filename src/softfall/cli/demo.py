"""`softfall demo`: a whole small service in one folder, with a conversation played on it."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    data: Annotated[
        Path, typer.Option("--data", help="The folder for everything; kept between runs.")
    ] = Path("softfall-data"),
    option: Annotated[
        str | None,
        typer.Option(
            "--option",
            help="The option that matches media in a new folder: split (the default), homomorphic.",
            show_default=False,
        ),
    ] = None,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop the services once the conversation is over.")
    ] = False,
) -> None:
    """Start all services, play a conversation among three devices, leave the services up.

    Running it again on the same folder keeps everything: accounts, messages, holds.
    """
    from softfall.compare.demo import run

    run(data, typer.echo, stay=not leave, option=option)
