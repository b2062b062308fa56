"""The back door's provider as a process: it makes its escrow key, then serves."""

from pathlib import Path
from typing import Any

from softfall.compare.baselines.backdoor.provider import make
from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Serve until the witness is gone."""
    quiet_libraries(make_logger("backdoor"))
    recorder = make_recorder(task)
    app = make(Path(task["data"]), task["staff_token"])
    wire.say(list_bytes=0, index_seconds=0.0)
    serve_recorded(wire, app, recorder, TlsFiles.of(Path(task["tls"]), "provider"))
