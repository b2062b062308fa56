"""`softfall config`: show the configuration as it is, or as it would be by default."""

from pathlib import Path
from typing import Annotated

import typer

from softfall import config, config_shown

app = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)


@app.command()
def show(
    default: Annotated[
        bool, typer.Option("--default", help="Print the commented file with every default.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Print the configuration: every setting with its comment, its value, ready to be edited."""
    typer.echo(
        config_shown.to_toml(config.Settings.model_construct() if default else config.load(file))
    )


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The TOML file to check.", show_default=False)],
) -> None:
    """Say whether a file can be used; an unknown key is named with its nearest known one."""
    config.load(file)
    typer.echo(f"{file} is good.")
