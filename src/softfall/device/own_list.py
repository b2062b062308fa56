"""A device's own list put together: the keeper in its home, and the maps that halves look into.

Guarantees: a device without a pinned root keeps no list and asks for none; the code that reads maps
is loaded only where there is a list.
"""

from contextlib import suppress
from pathlib import Path

from softfall.config import DeviceSettings
from softfall.device.kit import Kit
from softfall.device.list_fetch import Progress
from softfall.device.lists import ListKeeper, ListStatus
from softfall.device.options import HalfPorts
from softfall.device.profile import Profile
from softfall.errors import SoftfallError

LISTS_FOLDER = "lists"


class OwnList:
    """The list of one device, or none."""

    def __init__(
        self, home: Path, profile: Profile, settings: DeviceSettings, kit: Kit, ports: HalfPorts
    ) -> None:
        self._keeper: ListKeeper | None = None
        if not profile.list_root:
            return
        from softfall.device.list_maps import ListMaps

        self._keeper = ListKeeper(
            home / LISTS_FOLDER,
            kit.transport,
            profile.list_root,
            profile.custodian_key,
            settings,
            kit.surroundings,
        )
        ports.map_view = ListMaps(self._keeper).of
        kit.refresh_list = self._refresh
        kit.keeps_list = True

    @property
    def status(self) -> ListStatus | None:
        """How the list stands; None where there is none."""
        return None if self._keeper is None else self._keeper.status

    def update(self, progress: Progress) -> ListStatus | None:
        """Bring it up to date. Raises as `ListKeeper.update`."""
        if self._keeper is not None:
            self._keeper.update(progress)
        return self.status

    def start(self) -> None:
        """Keep it up to date in the background."""
        if self._keeper is not None:
            self._keeper.start()

    def stop(self) -> None:
        """End that."""
        if self._keeper is not None:
            self._keeper.stop()

    def _refresh(self) -> None:
        """As far as it goes: what is in its way is told by `status`."""
        with suppress(SoftfallError):
            self.update(lambda here, total: None)
