"""Running the dealer's service: its folder held, its callers proven, its logs without content.

Guarantees: one service a data folder; only a caller with a client certificate of the installation's
own authority gets through the TLS handshake. `softfall keys init` makes two such certificates: the
provider's and the custodian's.
"""

from softfall.config import DealerSettings
from softfall.dealer.app import make
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles
from softfall.store.folder import only_one


def main(settings: DealerSettings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises FolderHeld, StoreUnusable, DealerTokenUnusable, TlsFilesUnusable, AddressUnusable.
    """
    log = make_logger("dealer")
    quiet_libraries(log)
    files = TlsFiles.of(settings.tls_dir, "dealer")
    with only_one(settings.data_dir):
        app = make(settings, log=log)
        serve(
            app,
            settings.host,
            settings.port,
            files.certificate,
            files.key,
            client_ca=files.authority,
        )
