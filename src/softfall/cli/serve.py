"""`softfall serve`: run one service in this terminal until it is stopped."""

from pathlib import Path
from typing import Annotated

import typer

from softfall import config

app = typer.Typer(help="Run one service until SIGTERM or Ctrl-C.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]


@app.command()
def provider(file: Config = None) -> None:
    """Run the messaging service; prints `listening on ...` once it answers.

    Logs go to standard error, one JSON line each, without content. Stopping it at any instant
    loses no message.
    """
    from softfall.edge.serve import end_process
    from softfall.provider.main import main

    main(config.load(file).provider)
    end_process()


@app.command()
def custodian(file: Config = None) -> None:
    """Run the keeper of the list; prints `listening on ...` once it answers.

    Only a caller that shows the provider's certificate is answered.
    """
    from softfall.custodian.main import main
    from softfall.edge.serve import end_process

    main(config.load(file).custodian)
    end_process()


@app.command()
def lookup(file: Config = None) -> None:
    """Run the custodian's lookups for other tools; prints `listening on ...` once it answers.

    Several workers share the port and one index (lookup.workers). Make each tool's token first:
    `softfall keys lookup-token NAME`. See docs/lookup.md.
    """
    from softfall.custodian.lookup.main import main

    settings = config.load(file)
    main(settings.custodian, settings.lookup)


@app.command()
def dealer(file: Config = None) -> None:
    """Run the dealer of `confirm` and `homomorphic`; prints `listening on ...` once it answers.

    It deals random numbers in advance, and must be run by somebody independent of provider,
    custodian and keyholder: see docs/threat-model.md.
    """
    from softfall.dealer.main import main
    from softfall.edge.serve import end_process

    main(config.load(file).dealer)
    end_process()


@app.command()
def keyholder(file: Config = None) -> None:
    """Run the keyholder of `homomorphic`; prints `listening on ...` once it answers.

    It must be run by somebody independent of provider and custodian: see docs/homomorphic.md.
    """
    from softfall.edge.serve import end_process
    from softfall.keyholder.main import main

    main(config.load(file).keyholder)
    end_process()


@app.command()
def enclave(file: Config = None) -> None:
    """Run the enclave with the SOFTWARE attester; prints `listening on ...` once it answers.

    It gives up every privilege first, keeps nothing on disk, and answers the provider alone. In
    software it proves nothing about the machine: see docs/operations.md.
    """
    from softfall.edge.serve import end_process
    from softfall.enclave.main import main

    main(config.load(file).enclave)
    end_process()


@app.command()
def console(file: Config = None) -> None:
    """Run casework and the moderators' console; prints `listening on ...` once it answers.

    Somebody must be on the staff first: `softfall staff add NAME --role administrator`. Several
    may run at once on one PostgreSQL (console.database_url).
    """
    from softfall.console.main import main
    from softfall.edge.serve import end_process

    main(config.load(file))
    end_process()
