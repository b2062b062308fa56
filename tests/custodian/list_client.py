"""A plain client of The Update Framework, on a custodian's folder: no code of Softfall's device."""

from collections.abc import Iterator
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, Targets
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from softfall.custodian.list_keys import root_path

PREFIX = "list://"


class FolderFetcher(FetcherInterface):
    """Fetches from a folder as a web server would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        file = self.folder / url.removeprefix(PREFIX)
        if not file.is_file():
            raise DownloadHTTPError("no such file", 404)
        yield file.read_bytes()


def read_list(data_dir: Path, home: Path) -> dict[str, bytes]:
    """Every target by name, verified from the first root on. home: what the client remembers."""
    targets = home / "targets"
    targets.mkdir(parents=True, exist_ok=True)
    updater = Updater(
        str(home / "metadata"),
        f"{PREFIX}metadata/",
        str(targets),
        f"{PREFIX}targets/",
        FolderFetcher(data_dir / "distribution"),
        bootstrap=root_path(data_dir, 1).read_bytes(),
    )
    updater.refresh()
    found = {}
    for name in described(home):
        target = updater.get_targetinfo(name)
        assert target is not None
        found[name] = Path(updater.download_target(target)).read_bytes()
    return found


def described(home: Path) -> dict[str, dict[str, object]]:
    """What the newest metadata that a client trusts says of each target."""
    body = (home / "metadata" / "targets.json").read_bytes()
    files = Metadata[Targets].from_bytes(body).signed.targets
    return {name: file.custom for name, file in files.items()}
