"""Running the custodian's service: its folder locked, its caller proven, its logs without content.

Guarantees: one service a data folder; only a caller with a client certificate of the installation's
own authority gets through the TLS handshake. `softfall keys init` makes three of those: the
provider's; the custodian's own and the keyholder's, by which the dealer lets them in, and which a
custodian that knows its provider's token answers nothing (`provider_only`).
"""

from softfall.config import CustodianSettings
from softfall.custodian.app import make
from softfall.custodian.keys import load_identity
from softfall.custodian.store import only_one
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles


def main(settings: CustodianSettings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises DataInUse, IdentityUnusable, StoreUnusable, TlsFilesUnusable, AddressUnusable.
    """
    log = make_logger("custodian")
    quiet_libraries(log)
    with only_one(settings.data_dir, "service"):
        load_identity(settings.data_dir)  # said now, not when the next epoch is to be signed
        files = TlsFiles.of(settings.tls_dir, "custodian")
        app = make(settings, log=log)
        serve(
            app,
            settings.host,
            settings.port,
            files.certificate,
            files.key,
            client_ca=files.authority,
        )
