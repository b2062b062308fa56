"""The baseline's provider as a process: it loads the list, then serves and reads everything."""

import time
from pathlib import Path
from typing import Any

from softfall.compare.baselines.in_transit.provider import make
from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.compare.recorder import CLIENT
from softfall.config import MediaLimits
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles

LIST_PATH = "/the-list"


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Take the task's list, index it, and serve until the witness is gone."""
    quiet_libraries(make_logger("in_transit"))
    recorder = make_recorder(task)
    start_ns, start = time.monotonic_ns(), time.perf_counter()
    hashes = [bytes.fromhex(line) for line in Path(task["list"]).read_text("ascii").split()]
    app = make(Path(task["data"]), hashes, task["staff_token"], MediaLimits())
    # The list reaches the provider outside any route: as a file from its keeper.
    recorder.note(CLIENT, ("GET", LIST_PATH, 200), start_ns, (b"".join(hashes), 0), (0, 0))
    wire.say(list_bytes=sum(map(len, hashes)), index_seconds=time.perf_counter() - start)
    files = TlsFiles.of(Path(task["tls"]), "provider")
    serve_recorded(wire, app, recorder, files)
