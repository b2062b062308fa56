"""The keyholder's process: the real application, under a recorder."""

import os
from typing import Any

from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.config import KeyholderSettings
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles
from softfall.keyholder.app import make
from softfall.keyholder.clock import steady_ms, wall_ms
from softfall.keyholder.room import Room


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Keep hints, answer about masked values, until the witness is gone."""
    settings = KeyholderSettings.model_validate(task["settings"])
    log = make_logger("keyholder")
    quiet_libraries(log)
    recorder = make_recorder(task)
    room = Room(settings, wall_ms, steady_ms, os.urandom, log)
    app = make(room, settings, log)
    files = TlsFiles.of(settings.tls_dir, "keyholder")
    serve_recorded(wire, app, recorder, files, client_ca=True)
