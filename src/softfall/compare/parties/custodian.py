"""The custodian's process: imports the list, publishes an epoch, serves; all by the real code."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from softfall import __version__
from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.config import CustodianSettings
from softfall.custodian.app import make
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import wall_ms
from softfall.custodian.keys import create_identity
from softfall.custodian.list_keys import root_path
from softfall.custodian.publish import publish_epoch
from softfall.edge.custodian_key import write_custodian_key
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles
from softfall.enclave import attester
from softfall.enclave.measure import measure
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import Form, read


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Publish the task's list, then serve until the witness is gone."""
    settings = CustodianSettings.model_validate(task["settings"])
    log = make_logger("custodian")
    quiet_libraries(log)
    _publish(wire, settings, Path(task["list"]), task["option"])
    recorder = make_recorder(task)
    app = make(settings, log=log)
    files = TlsFiles.of(settings.tls_dir, "custodian")
    serve_recorded(wire, app, recorder, files, client_ca=True)


def _publish(wire: Wire, settings: CustodianSettings, list_file: Path, option: str) -> None:
    identity = create_identity(settings.data_dir)
    if option == "enclave":
        _allow_enclave(settings, identity.public_key)
    start = time.perf_counter()
    catalogue = Catalogue.open(settings.data_dir)
    with list_file.open("rb") as stream:
        catalogue.import_items(read(stream, Form.PLAIN, Importer(source="comparison")), wall_ms())
    catalogue.close()
    imported = time.perf_counter()
    publish_epoch(settings, option, wire.progress)
    root = root_path(settings.data_dir, 1)
    wire.say(
        public_key=identity.public_key.hex(),
        list_root=root.read_bytes().hex() if root.exists() else "",
        import_seconds=imported - start,
        publish_seconds=time.perf_counter() - imported,
    )


def _allow_enclave(settings: CustodianSettings, public_key: bytes) -> None:
    """What `softfall keys init` and `softfall enclave measure` lay down, for this installation."""
    folder = settings.enclave_root_file.parent
    attester.create(folder, datetime.now(UTC))
    write_custodian_key(folder / "custodian.pub", public_key)
    registers = {f"pcr{index}": pcr.hex() for index, pcr in measure(public_key).items()}
    line = json.dumps({"softfall": __version__, "software": True, **registers})
    settings.enclave_measurements_file.write_text(line + "\n", "utf-8")
