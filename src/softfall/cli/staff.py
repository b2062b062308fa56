"""`softfall staff`: who may use the console, for whoever has the machine."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from softfall import config


class GivenRole(StrEnum):
    """The roles of `casework.model.Role` (a test compares).

    Not taken from there: every service loads these verbs, and the enclave, which measures what it
    runs, must not hold casework.
    """

    MODERATOR = "moderator"
    LEAD = "lead"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


app = typer.Typer(help="Who may use the moderators' console.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]
Name = Annotated[str, typer.Argument(help="The person's name.", show_default=False)]
RoleOption = Annotated[GivenRole, typer.Option("--role", help="What the person may do.")]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input, one line."),
]


@app.command()
def add(
    name: Name,
    role: RoleOption = GivenRole.MODERATOR,
    password_stdin: FromStdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Log-in by the OIDC provider alone.")
    ] = False,
    file: Config = None,
) -> None:
    """Add somebody to the staff; asks for the password, which has at least 12 characters.

    The first one must be an administrator: `softfall staff add NAME --role administrator`.
    """
    from softfall.casework.model import Role
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR, check_name

    settings = config.load(file).console
    check_name(name)
    password = None if no_password else _password(password_stdin)
    with opened(settings) as offline:
        offline.office.add(OPERATOR, name, Role(role), password)
    typer.echo(f"{name} is on the staff, as {role}")


@app.command(name="list")
def list_(file: Config = None) -> None:
    """Show everybody, with role and state of the account."""
    from softfall.console.offline import opened

    with opened(config.load(file).console) as offline:
        members = offline.office.members()
        now_ms = offline.clock()
    for one in members:
        states = {
            "disabled": one.disabled,
            "locked": one.locked_until_ms > now_ms,
            "must change the password": one.must_change,
            "no password": not one.has_password,
        }
        told = ", ".join(state for state, holds in states.items() if holds) or "in use"
        typer.echo(f"{one.name}  {one.role}  {told}")


@app.command()
def disable(
    name: Name,
    again: Annotated[bool, typer.Option("--enable", help="Enable the account instead.")] = False,
    file: Config = None,
) -> None:
    """Disable an account: its sessions end, nobody logs in as this person. Its deeds stay."""
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR

    with opened(config.load(file).console) as offline:
        (offline.office.enable if again else offline.office.disable)(OPERATOR, name)
    typer.echo(f"{name} is {'enabled' if again else 'disabled'}")


@app.command()
def unlock(name: Name, file: Config = None) -> None:
    """End a lock after failed log-ins, at once."""
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR

    with opened(config.load(file).console) as offline:
        offline.office.unlock(OPERATOR, name)
    typer.echo(f"{name} may log in again")


@app.command()
def passwd(name: Name, password_stdin: FromStdin = False, file: Config = None) -> None:
    """Set a new password; the person's sessions end."""
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR

    settings = config.load(file).console
    password = _password(password_stdin)
    with opened(settings) as offline:
        offline.office.set_password(OPERATOR, name, password)
    typer.echo(f"the password of {name} is set")


@app.command()
def role(
    name: Name,
    role: Annotated[GivenRole, typer.Argument(help="The new role.", show_default=False)],
    file: Config = None,
) -> None:
    """Give somebody another role; the person logs in anew."""
    from softfall.casework.model import Role
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR

    with opened(config.load(file).console) as offline:
        offline.office.set_role(OPERATOR, name, Role(role))
    typer.echo(f"{name} is now {role}")


@app.command()
def link(
    name: Name,
    subject: Annotated[
        str, typer.Argument(help="The `sub` that the OIDC provider gives; empty unlinks.")
    ],
    file: Config = None,
) -> None:
    """Link an account to a subject of the OIDC provider, so that the person may log in there."""
    from softfall.console.offline import opened
    from softfall.console.staff_names import OPERATOR

    with opened(config.load(file).console) as offline:
        offline.office.link_oidc(OPERATOR, name, subject or None)
    typer.echo(f"{name} is {'linked' if subject else 'linked no more'}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
