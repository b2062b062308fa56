"""`softfall console`: what the operator arranges for the console besides its staff."""

from pathlib import Path
from typing import Annotated

import typer

from softfall import config

app = typer.Typer(help="Tools that may hand cases to the console.", no_args_is_help=True)
tool = typer.Typer(help="Tools that may hand cases in.", no_args_is_help=True)
app.add_typer(tool, name="tool")

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]
Name = Annotated[str, typer.Argument(help="The tool's name.", show_default=False)]


@tool.command()
def add(name: Name, file: Config = None) -> None:
    """Let a tool hand cases in; prints its bearer token, this once."""
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR
    from softfall.console.tools import add_tool

    with opened(config.load(file).console) as offline:
        token = add_tool(offline.db, OPERATOR, name, offline.clock())
    typer.echo(token)


@tool.command()
def remove(name: Name, file: Config = None) -> None:
    """Take a tool's token away, at once; what it handed in stays."""
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR
    from softfall.console.tools import remove_tool

    with opened(config.load(file).console) as offline:
        remove_tool(offline.db, OPERATOR, name, offline.clock())
    typer.echo(f"{name} may hand nothing in any more")


@tool.command(name="list")
def list_(file: Config = None) -> None:
    """Show every tool that may hand cases in, or might once."""
    from softfall.console.offline import opened
    from softfall.console.tools import all_tools

    with opened(config.load(file).console) as offline:
        for one in all_tools(offline.db):
            typer.echo(f"{one.name}  {'removed' if one.removed else 'in use'}")
