"""Serving a party's application under its recorder until the witness is gone."""

import threading
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from softfall.compare.party import Wire
from softfall.compare.recorder import Recorded, Recorder, record_client
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles


def make_recorder(task: dict[str, Any]) -> Recorder:
    """The recorder that the task asks for, already listening to this process's HTTP client."""
    recorder = Recorder(Path(task["views"]), task["role"])
    record_client(recorder)
    return recorder


def serve_recorded(
    wire: Wire, app: ASGIApp, recorder: Recorder, files: TlsFiles, *, client_ca: bool = False
) -> None:
    """Serve on a free port; the ready line tells the URL."""
    gone = threading.Event()

    def watch() -> None:
        for _ in wire.commands():
            continue
        gone.set()

    def tell(url: str) -> None:
        wire.say(ready=url)

    threading.Thread(target=watch, daemon=True, name="witness").start()
    serve(
        Recorded(app, recorder),
        "127.0.0.1",
        0,
        files.certificate,
        files.key,
        client_ca=files.authority if client_ca else None,
        on_ready=tell,
        stop=gone,
    )
