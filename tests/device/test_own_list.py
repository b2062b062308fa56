"""A whole device and its list: pinned when it was made, kept in its home, fetched by itself."""

import time
from pathlib import Path

import pytest

from softfall.config import DeviceSettings
from softfall.custodian.list_keys import root_path
from softfall.device.device import Device
from softfall.device.list_errors import ListIncomplete, ListRootUnusable
from softfall.device.options import HalfPorts, OptionMissing, make_half
from softfall.lists.manifest import read
from softfall.options.contract import ListNotHere
from softfall.options.on_device.map_view import MapView
from tests.custodian.keeping import Keeper
from tests.custodian.list_keeping import changed, publish, publish_more

from .conftest import KEY, Town


@pytest.fixture
def keeper(tmp_path: Path, town: Town) -> Keeper:
    """A custodian with a real map of three entries, whose files the town's provider serves."""
    made = Keeper(tmp_path / "keeper")
    made.clocks.wall_ms = town.clock.ms
    made.set_up(3)
    publish(made)

    def serve(path: str) -> bytes | None:
        file = made.settings.data_dir / "distribution" / path
        return file.read_bytes() if file.is_file() else None

    town.provider.lists = serve
    return made


def join(town: Town, keeper: Keeper, root: bytes | None = None, **settings: float) -> Device:
    device = Device.create(
        town.folder / "ada",
        KEY,
        "ada",
        "https://provider.example",
        town.authority,
        keeper.public_key,
        DeviceSettings(**settings),
        list_root=root_path(keeper.settings.data_dir, 1).read_bytes() if root is None else root,
        parts=town.parts(),
    )
    town.open["ada"] = device
    return device


def wait_for(device: Device, version: int) -> None:
    for _ in range(1000):
        status = device.list_status
        if status and status.epoch and status.version >= version:
            return
        time.sleep(0.01)
    raise AssertionError(device.list_status)


def test_a_new_device_fetches_the_list_by_itself_and_keeps_it(town: Town, keeper: Keeper) -> None:
    device = join(town, keeper)
    wait_for(device, 0)
    changed(keeper)
    publish_more(keeper)
    told: list[tuple[int, int]] = []
    status = device.update_list(lambda here, total: told.append((here, total)))
    assert status is not None
    assert (status.epoch, status.version, status.trouble) == (1, 1, None)
    assert told[-1][0] == told[-1][1] > 0
    town.provider.lists = lambda path: None
    again = town.restart("ada")
    assert again.list_status is not None
    assert again.list_status.version == 1
    with pytest.raises(ListIncomplete):
        again.update_list()


def test_halves_look_into_the_newest_map(town: Town, keeper: Keeper) -> None:
    device = join(town, keeper)
    device.update_list()
    ports: HalfPorts = device._kit.epochs._ports
    manifest = read(device._lists._keeper.segments().manifest)
    assert ports.map_view is not None
    view = ports.map_view(manifest)
    assert isinstance(view, MapView)
    assert (view.epoch, view.list_version) == (1, 0)
    changed(keeper)
    publish_more(keeper)
    device._kit.refresh_list()
    assert ports.map_view(manifest).list_version == 1
    assert view.list_version == 0, "what is in use stays as it is"
    object.__setattr__(manifest, "epoch", 2)
    with pytest.raises(ListNotHere):
        ports.map_view(manifest)


def test_a_device_without_a_root_keeps_no_list_and_asks_for_none(
    town: Town, keeper: Keeper
) -> None:
    device = join(town, keeper, root=b"")
    assert device.update_list() is None
    assert device.list_status is None
    assert ("ada", "get_list") not in town.provider.calls
    manifest = publish(keeper)
    with pytest.raises(OptionMissing):
        make_half(manifest, HalfPorts())


def test_a_device_is_not_made_with_something_that_is_no_root(town: Town, keeper: Keeper) -> None:
    with pytest.raises(ListRootUnusable):
        join(town, keeper, root=b"{}")
    assert not (town.folder / "ada").exists()


def test_trouble_with_the_list_stops_no_text(town: Town, keeper: Keeper) -> None:
    town.provider.lists = lambda path: b"junk"
    device = join(town, keeper)
    town.join("ben")
    device.send_text("ben", "see you at four")
    assert town["ben"].sync()
    device._kit.refresh_list()
    assert device.list_status is not None
    assert device.list_status.trouble is not None
