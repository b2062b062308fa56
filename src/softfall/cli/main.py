"""The `softfall` command: thin verbs; each one's work is done in its own room.

Exit codes: 0 all well; 1 some items failed (each said so); 2 usage or configuration;
3 another party failed or cheated; 4 a rule refused. Each verb's module is loaded only when used.
"""

import sys

import typer

from softfall.cli import (
    audit,
    config,
    console,
    doctor,
    enclave,
    evidence,
    keys,
    lists,
    referral,
    research,
    serve,
    simulator,
    staff,
    transparency,
    video,
)
from softfall.cli.compare import compare
from softfall.cli.demo import demo
from softfall.cli.hash import hash_files
from softfall.cli.kernels import compile_kernels
from softfall.cli.robustness import robustness
from softfall.errors import Blame, SoftfallError

app = typer.Typer(
    name="softfall",
    help="The safety layer for end-to-end encrypted messaging.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(audit.app, name="audit")
app.command("compare")(compare)
app.add_typer(config.app, name="config")
app.add_typer(console.app, name="console")
app.command("demo")(demo)
app.command("doctor")(doctor.doctor)
app.command("hash")(hash_files)
app.add_typer(enclave.app, name="enclave")
app.add_typer(evidence.app, name="evidence")
app.command("kernels")(compile_kernels)
app.add_typer(keys.app, name="keys")
app.add_typer(lists.app, name="list")
app.add_typer(referral.app, name="referral")
app.add_typer(research.app, name="research")
app.command("robustness")(robustness)
app.add_typer(serve.app, name="serve")
app.add_typer(simulator.app, name="simulator")
app.add_typer(staff.app, name="staff")
app.add_typer(transparency.app, name="transparency")
app.add_typer(video.app, name="video")

EXIT_CODES = {
    Blame.CALLER: 2,
    Blame.OPERATOR: 2,
    Blame.PEER: 3,
    Blame.NETWORK: 3,
    Blame.RULE: 4,
}


def main() -> None:
    """Run the command line; a SoftfallError becomes two lines and an exit code."""
    try:
        app()
    except SoftfallError as error:
        sys.stderr.write(f"softfall: {error.name}: {error.what}\n  what to do: {error.remedy}\n")
        sys.exit(EXIT_CODES[error.blame])
