"""From the on-device list's files to the map that a half looks into.

Guarantees: a map is made of one version of the manifest's own epoch, read where the files lie
(memory-mapped); one that was handed out stays readable after the list has moved on.
Refuses: a list that has the manifest's epoch under another manifest (ListReplaced); damaged files
(BadSegment, SegmentsDoNotFollow); and what `ListKeeper.segments` refuses.
"""

import mmap
from pathlib import Path

from softfall.device.lists import ListKeeper
from softfall.lists.manifest import Manifest
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.segment import Segment, decode

_KEPT = 2  # the epoch in use, and the one before it for what is still on its way


class ListMaps:
    """The maps of one device's list, each opened once."""

    def __init__(self, keeper: ListKeeper) -> None:
        self._keeper = keeper
        self._opened: dict[tuple[int, bytes], MapView] = {}

    def of(self, manifest: Manifest) -> MapView:
        """The newest map of this epoch. Raises ListNotHere where an update may bring it."""
        self._keeper.require_same(manifest)
        with self._keeper.reading(manifest.epoch) as segments:
            key = (segments.epoch, segments.digest)
            if key not in self._opened:
                self._opened[key] = MapView([_open(path) for path in segments.paths])
                for stale in list(self._opened)[:-_KEPT]:
                    del self._opened[stale]
        return self._opened[key]


def _open(path: Path) -> Segment:
    with path.open("rb") as file:
        return decode(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
