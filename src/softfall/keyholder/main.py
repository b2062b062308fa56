"""Running the keyholder: its folder held, its callers proven, its logs without content.

Guarantees: one service a data folder; only a caller with a client certificate of the installation's
own authority gets through the TLS handshake.
"""

import os
from datetime import UTC, datetime

from softfall.config import KeyholderSettings
from softfall.edge.keyholder_tokens import read_keyholder_token
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles, check_tls
from softfall.keyholder.app import make
from softfall.keyholder.clock import steady_ms, wall_ms
from softfall.keyholder.room import Room
from softfall.store.folder import only_one


def main(settings: KeyholderSettings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises FolderHeld, SealingKeyUnusable, CustodianKeyUnusable, StoreUnusable, TlsFilesUnusable,
    DealerTokenUnusable, KeyholderTokenUnusable, AddressUnusable.
    """
    log = make_logger("keyholder")
    quiet_libraries(log)
    files = TlsFiles.of(settings.tls_dir, "keyholder")
    check_tls(files, datetime.now(UTC))  # said now, not after the kernels are compiled
    read_keyholder_token(settings.tls_dir)
    with only_one(settings.data_dir):
        room = Room(settings, wall_ms, steady_ms, os.urandom, log)
        serve(
            make(room, settings, log),
            settings.host,
            settings.port,
            files.certificate,
            files.key,
            client_ca=files.authority,
        )
