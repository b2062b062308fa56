"""The provider's process: the real application, under a recorder."""

from typing import Any

from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.config import ProviderSettings
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles
from softfall.provider.app import make


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Serve with the task's settings until the witness is gone."""
    settings = ProviderSettings.model_validate(task["settings"])
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = make_logger("provider")
    quiet_libraries(log)
    recorder = make_recorder(task)
    app = make(settings, log=log)
    serve_recorded(wire, app, recorder, TlsFiles.of(settings.tls_dir, "provider"))
