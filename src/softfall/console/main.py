"""Running the console's service: its certificate shown, its logs quiet.

Guarantees: several processes may run on one PostgreSQL; on SQLite one process has the data folder.
"""

from contextlib import nullcontext

from softfall.config import Settings
from softfall.console.app import make
from softfall.console.service import Around
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles
from softfall.store.folder import only_one


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises FolderHeld, ConsoleTokenUnusable, StoreUnusable, TlsFilesUnusable, AddressUnusable.
    """
    console = settings.console
    log = make_logger("console")
    quiet_libraries(log)
    files = TlsFiles.of(console.tls_dir, "console")
    alone = nullcontext() if console.database_url else only_one(console.data_dir)
    with alone:
        app = make(settings, Around(log=log))
        serve(app, console.host, console.port, files.certificate, files.key)
