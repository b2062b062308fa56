"""Running the enclave: kernels compiled, keys made, privileges given up, and only then a socket.

Guarantees: before the first byte from outside is read, the process is what `hardening.py` says;
once it listens it can call nobody, so what it answers is all that leaves it. Its log names no
picture, no hash and no outcome, and says at start, loudly, that the attester is software.
Needs no folder of its own: it keeps nothing, and a restart begins with a new key and no list.
"""

import os
from datetime import UTC, datetime

from softfall.config import EnclaveSettings
from softfall.edge.custodian_key import read_custodian_key
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.serve import announce, serve
from softfall.edge.tls import TlsFiles, check_tls
from softfall.enclave.app import make
from softfall.enclave.attester import SoftwareAttester
from softfall.enclave.clock import wall_ms
from softfall.enclave.hardening import close_to_others, harden
from softfall.enclave.measure import measure
from softfall.enclave.room import SOFTWARE_LABEL, Room
from softfall.enclave.system_calls import stop_calling_out


def main(settings: EnclaveSettings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises CustodianKeyUnusable, AttesterUnusable, HardeningFailed, TlsFilesUnusable,
    AddressUnusable.
    """
    close_to_others()
    log = make_logger("enclave")
    quiet_libraries(log)
    custodian_key = read_custodian_key(settings.custodian_key_file)
    pcrs = measure(custodian_key)
    attester = SoftwareAttester.load(settings.attester_dir, pcrs, datetime.now(UTC))
    files = TlsFiles.of(settings.tls_dir, "enclave")
    check_tls(files, datetime.now(UTC))  # said now, not after the kernels are compiled
    room = Room(attester, custodian_key, wall_ms, os.urandom)
    room.warm_up()
    hardening = harden()
    log.warning(
        SOFTWARE_LABEL,
        **{f"pcr{index}": pcr.hex() for index, pcr in pcrs.items()},
        **hardening.facts(),
    )

    def ready(url: str) -> None:
        stop_calling_out()
        announce(url)

    app = make(room, settings, hardening.facts(), log)
    serve(
        app,
        settings.host,
        settings.port,
        files.certificate,
        files.key,
        client_ca=files.authority,
        on_ready=ready,
    )
