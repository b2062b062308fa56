"""Running the provider's service: its folder locked, its certificate shown, its logs quiet.

Guarantees: one service a data folder, unless all that use it share one PostgreSQL; the lock goes
with the process, however that ends.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from softfall.config import ProviderSettings
from softfall.edge.console_tokens import read_console_token
from softfall.edge.logs import make_logger, quiet_libraries
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles
from softfall.errors import OperatorError
from softfall.provider.app import make
from softfall.provider.confirm_desk import require_dealer
from softfall.provider.options import offered
from softfall.provider.upkeep import Limits


class KeyholderMissing(OperatorError):
    """The option matches with a keyholder, and none is configured."""

    remedy = "Set provider.keyholder_url to where `softfall serve keyholder` listens."


class FolderInUse(OperatorError):
    """Another provider runs on this data folder."""

    remedy = (
        "Stop the other one, or give this one a provider.data_dir of its own; to share the folder, "
        "all must have the same PostgreSQL in provider.database_url."
    )


def main(settings: ProviderSettings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises FolderInUse, RetentionTooShort, DealerMissing, KeyholderMissing, DealerTokenUnusable,
    CustodianTokenUnusable, StoreUnusable, TlsFilesUnusable, ConsoleTokenUnusable, AddressUnusable.
    """
    log = make_logger("provider")
    quiet_libraries(log)
    Limits.of(settings)  # said now, in words, and not in the midst of starting
    option = offered(settings.option)
    if option is not None and (option.confirms or option.needs_keyholder):
        require_dealer(settings)
    if option is not None and option.needs_keyholder:
        require_keyholder(settings)
    if settings.console_url:
        read_console_token(settings.tls_dir)
    files = TlsFiles.of(settings.tls_dir, "provider")
    with _folder_held(settings.data_dir, shared=bool(settings.database_url)):
        app = make(settings, log=log)
        serve(app, settings.host, settings.port, files.certificate, files.key)


def require_keyholder(settings: ProviderSettings) -> None:
    """Raises KeyholderMissing where the settings name none."""
    if not settings.keyholder_url:
        raise KeyholderMissing(f"option {settings.option!r} needs a keyholder")


@contextmanager
def _folder_held(data_dir: Path, *, shared: bool) -> Iterator[None]:
    """Hold the folder: alone, or with others who say that they share it."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "service.lock").open("ab") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(f"{data_dir} is in use by another provider") from None
        yield
