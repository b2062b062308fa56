"""The dealer's process: the real application, under a recorder."""

from typing import Any

from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.config import DealerSettings
from softfall.dealer.app import make
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Deal to whoever asks with a party's token, until the witness is gone."""
    settings = DealerSettings.model_validate(task["settings"])
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = make_logger("dealer")
    quiet_libraries(log)
    recorder = make_recorder(task)
    app = make(settings, log=log)
    files = TlsFiles.of(settings.tls_dir, "dealer")
    serve_recorded(wire, app, recorder, files, client_ca=True)
