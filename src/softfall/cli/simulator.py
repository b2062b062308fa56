"""`softfall simulator`: outside parties that Softfall speaks to, played on this machine."""

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Play an outside party on this machine, for trying out.")


Schema = Annotated[
    Path | None,
    typer.Option(
        help="The published schema: documents are checked against it too.", show_default=False
    ),
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        help="Fail the next such call, as CALL=FAULT: `/finish=drop after accept`. Calls: "
        "/submit, /upload, /fileinfo, /finish, /retract, *. Faults: 500, 500 after accept, "
        "empty 401, 4100, drop, drop after accept, slow, wrong md5, no xml.",
        show_default=False,
    ),
]


@app.callback()
def _group() -> None:
    """Keep `cybertipline` a verb of its own, though it is the only one."""


@app.command()
def cybertipline(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8448,
    username: Annotated[str, typer.Option(help="The login that it accepts.")] = "softfall",
    password: Annotated[  # a simulator's, on this machine
        str, typer.Option(help="Its password.")
    ] = "local authority",  # noqa: S107
    schema: Schema = None,
    fault: Faults = None,
) -> None:
    """Run a local authority that takes referrals, until Ctrl-C; prints `listening on ...`.

    Its page lists what it received. It keeps nothing on disk, keeps no picture, and answers this
    machine only; point `referral.cybertipline_url` at it.
    """
    from softfall.testing.cybertipline import Authority, Fault
    from softfall.testing.cybertipline_forms import with_schema
    from softfall.testing.cybertipline_server import AuthorityServer, SettableClock

    check = with_schema(schema) if schema is not None else None
    if schema is not None and check is None:
        sys.stderr.write("lxml is not installed: documents are checked for order only\n")
    clock = SettableClock()
    authority = Authority(clock, username, password, check)
    for each in fault or []:
        call, _, name = each.partition("=")
        try:
            authority.fail(call, Fault(name))
        except ValueError:
            raise typer.BadParameter(f"no such fault: {name!r}") from None
    server = AuthorityServer(authority, clock, port)
    threading.Thread(target=server.run, daemon=True).start()
    sys.stdout.write(f"listening on {server.url}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.close()
