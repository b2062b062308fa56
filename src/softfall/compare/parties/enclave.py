"""The enclave's process: the real application and software attester, under a recorder.

The recorder writes files, which the service itself gives up the right to: so nothing is given up
here. The witness also plays the thief who reads this process's memory: it is told the key.
"""

import os
from datetime import UTC, datetime
from typing import Any

from softfall.compare.parties.serving import make_recorder, serve_recorded
from softfall.compare.party import Wire
from softfall.config import EnclaveSettings
from softfall.edge.custodian_key import read_custodian_key
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.tls import TlsFiles
from softfall.enclave.app import make
from softfall.enclave.attester import SoftwareAttester
from softfall.enclave.clock import wall_ms
from softfall.enclave.measure import measure
from softfall.enclave.room import Room


def play(wire: Wire, task: dict[str, Any]) -> None:
    """Attest, take the list, judge, until the witness is gone."""
    settings = EnclaveSettings.model_validate(task["settings"])
    log = make_logger("enclave")
    quiet_libraries(log)
    custodian_key = read_custodian_key(settings.custodian_key_file)
    pcrs = measure(custodian_key)
    attester = SoftwareAttester.load(settings.attester_dir, pcrs, datetime.now(UTC))
    drawn = list[bytes]()

    def random_bytes(count: int) -> bytes:
        drawn.append(os.urandom(count))
        return drawn[-1]

    room = Room(attester, custodian_key, wall_ms, random_bytes)
    room.warm_up()
    wire.say(key_in_memory=drawn[0].hex())
    recorder = make_recorder(task)
    app = make(room, settings, {"hardening": "none here: a recorder writes"}, log)
    files = TlsFiles.of(settings.tls_dir, "enclave")
    serve_recorded(wire, app, recorder, files, client_ca=True)
