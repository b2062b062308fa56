"""A custodian's real repository, a mirror in between that a test may turn hostile, and devices."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from softfall.config import DeviceSettings
from softfall.custodian.list_keys import root_path
from softfall.device.list_fetch import Progress
from softfall.device.lists import ListKeeper, Segments
from softfall.device.surroundings import REAL, Surroundings
from softfall.device.transport import RequestRejected, ServiceUnreachable
from tests.custodian.keeping import Keeper
from tests.custodian.list_keeping import changed, keep, publish, publish_more, repository

PIECE_BYTES = 1000

Tamper = Callable[[str, Iterator[bytes]], Iterator[bytes]]


class Mirror:
    """Serves a folder, as a device's transport would bring it.

    folder: what is served; `overlay` puts other bytes in the place of single files. tamper: has the
    last word on each answer's pieces.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.overlay: dict[str, bytes] = {}
        self.tamper: Tamper = lambda path, pieces: pieces
        self.asked: list[tuple[str, int]] = []

    def get_list(self, path: str, start: int) -> Iterator[bytes]:
        self.asked.append((path, start))
        yield from self.tamper(path, self._pieces(path, start))

    def _pieces(self, path: str, start: int) -> Iterator[bytes]:
        file = self.folder / path
        if path in self.overlay:
            body = self.overlay[path]
        elif file.is_file():
            body = file.read_bytes()
        else:
            raise RequestRejected("there is no such file", "ListFileMissing")
        for at in range(start, len(body), PIECE_BYTES):
            yield body[at : at + PIECE_BYTES]

    def segments_asked(self) -> list[tuple[str, int]]:
        return [(path, start) for path, start in self.asked if path.endswith(".segment")]


def breaking(after_bytes: int) -> Tamper:
    """Lets that much of each segment through, then the network breaks."""

    def tamper(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        count = 0
        for piece in pieces:
            yield piece
            count += len(piece)
            if path.endswith(".segment") and count >= after_bytes:
                raise ServiceUnreachable("the network broke")

    return tamper


class Shop:
    """One custodian with an on-device list, and the mirror that devices know it by."""

    def __init__(self, folder: Path, entries: int = 8) -> None:
        self.folder = folder
        self.keeper = Keeper(folder / "keeper").set_up(entries)
        publish(self.keeper)
        self.root = root_path(self.data_dir, 1).read_bytes()
        self.mirror = Mirror(self.data_dir / "distribution")

    @property
    def data_dir(self) -> Path:
        return self.keeper.settings.data_dir

    @property
    def around(self) -> Surroundings:
        clocks = self.keeper.clocks
        return replace(
            REAL,
            now_ms=lambda: clocks.wall_ms,
            monotonic_ms=lambda: float(clocks.steady_ms),
            sleep_seconds=lambda seconds: clocks.pass_ms(round(1000 * seconds)),
        )

    def device(
        self,
        name: str = "device",
        mirror: Mirror | None = None,
        progress: Progress = lambda here, total: None,
        on_switch: Callable[[Segments], None] = lambda segments: None,
        **settings: float,
    ) -> ListKeeper:
        return ListKeeper(
            self.folder / name,
            mirror or self.mirror,  # type: ignore[arg-type]  # of the port, what a list needs
            self.root,
            self.keeper.public_key,
            DeviceSettings(**settings),
            self.around,
            progress=progress,
            on_switch=on_switch,
        )

    def change(self) -> None:
        """One more entry, as one more version."""
        changed(self.keeper)
        publish_more(self.keeper)

    def new_epoch(self) -> None:
        self.keeper.clocks.pass_ms(60_000)
        publish(self.keeper)

    def renew(self) -> None:
        keep(self.keeper)

    def rotate(self, *roles: str) -> None:
        repository(self.keeper).rotate(roles, self.data_dir / "root.key")

    def files(self) -> dict[str, bytes]:
        """What the repository holds just now."""
        folder = self.data_dir / "distribution"
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }


def read(segments: Segments) -> list[bytes]:
    return [path.read_bytes() for path in segments.paths]
