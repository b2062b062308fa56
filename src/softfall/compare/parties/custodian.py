"""The custodian's process: imports the list, publishes an epoch, serves; all by the real code."""

import time
from pathlib import Path
from typing import Any

from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.config import CustodianSettings
from softfall.custodian.app import make
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.publish import publish_epoch
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import Form, read


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Publish the task's list, then serve until the witness is gone."""
    settings = CustodianSettings.model_validate(task["settings"])
    log = make_logger("custodian")
    quiet_libraries(log)
    _publish(wire, settings, Path(task["list"]))
    recorder = make_recorder(task)
    app = make(settings, log=log)
    files = TlsFiles.of(settings.tls_dir, "custodian")
    serve_recorded(wire, app, recorder, files, client_ca=True)


def _publish(wire: Wire, settings: CustodianSettings, list_file: Path) -> None:
    identity = create_identity(settings.data_dir)
    start = time.perf_counter()
    catalogue = Catalogue.open(settings.data_dir)
    with list_file.open("rb") as stream:
        catalogue.import_items(read(stream, Form.PLAIN, Importer(source="comparison")), wall_ms())
    catalogue.close()
    imported = time.perf_counter()
    publish_epoch(settings, "split", wire.progress)
    wire.say(
        public_key=identity.public_key.hex(),
        import_seconds=imported - start,
        publish_seconds=time.perf_counter() - imported,
    )
