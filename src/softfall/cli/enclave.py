"""`softfall enclave`: what an enclave of this installation would measure."""

from pathlib import Path
from typing import Annotated

import typer

from softfall import config

app = typer.Typer(help="Measure the enclave of this installation.", no_args_is_help=True)


@app.callback()
def enclave() -> None:
    """Measure the enclave of this installation."""


@app.command()
def measure(
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Print the measurements (PCRs) of this installation, one line for the custodian's allow-list.

    They change with every change of Softfall, its dependencies, Python, or the custodian's key.
    The measurer is SOFTWARE: it proves nothing about the machine.
    """
    import json

    from softfall import __version__
    from softfall.edge.custodian_key import read_custodian_key
    from softfall.enclave.measure import measure as measured

    key = read_custodian_key(config.load(file).enclave.custodian_key_file)
    registers = {f"pcr{index}": pcr.hex() for index, pcr in measured(key).items()}
    typer.echo(json.dumps({"softfall": __version__, "software": True, **registers}))
