"""The keys of the on-device list: made, guarded, replaced, at no instant in the way of anyone."""

import contextlib
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tuf.api.exceptions import RepositoryError

from softfall.custodian import distribution, list_keys, store
from softfall.custodian.distribution import Distribution
from softfall.custodian.list_keys import ListKeysUnusable, root_path
from tests.custodian.keeping import HOUR_MS, Keeper
from tests.custodian.list_client import read_list
from tests.custodian.list_keeping import (
    TERM_MS,
    changed,
    publish,
    publish_more,
    read,
    repository,
    withdraw,
)
from tests.custodian.segmented import keep_numbers


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_numbers(monkeypatch)


@pytest.fixture
def listed(keeper: Keeper) -> Keeper:
    """A custodian with an on-device epoch of 40 entries, numbered from 1."""
    publish(keeper)
    return keeper


def test_the_root_key_is_not_needed_to_publish(listed: Keeper) -> None:
    (listed.settings.data_dir / "root.key").unlink()
    withdraw(listed, 1)
    publish_more(listed)
    publish(listed)
    read(listed)


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
def test_a_key_that_others_can_read_or_that_is_not_the_roots_is_refused(
    listed: Keeper, role: str
) -> None:
    path = listed.settings.data_dir / "list-keys" / f"{role}.key"
    path.chmod(0o644)
    with pytest.raises(ListKeysUnusable, match="others"):
        publish_more(listed)
    path.unlink()
    with pytest.raises(ListKeysUnusable, match="read"):
        publish_more(listed)
    shutil.copyfile(listed.settings.data_dir / "root.key", path)
    path.chmod(0o600)
    with pytest.raises(ListKeysUnusable, match="root names"):
        publish_more(listed)
    read(listed)


def test_a_lost_root_is_never_replaced_by_one_that_no_device_knows(listed: Keeper) -> None:
    data_dir = listed.settings.data_dir
    (data_dir / "root.key").unlink()  # offline, as it should be
    saved = root_path(data_dir, 1).read_bytes()
    root_path(data_dir, 1).unlink()
    withdraw(listed, 1)
    with pytest.raises(ListKeysUnusable, match="missing"):
        publish_more(listed)
    assert not (data_dir / "root.key").exists()
    root_path(data_dir, 1).write_bytes(saved)
    publish_more(listed)
    read(listed)


@pytest.mark.parametrize("stops_after", range(5))
def test_keys_whose_making_was_cut_off_are_made_the_next_time(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, stops_after: int
) -> None:
    left, real = [stops_after], list_keys.write_private_key

    class CutOff(BaseException):
        pass

    def write(path: Path, key: Ed25519PrivateKey) -> None:
        if left[0] == 0:
            raise CutOff
        left[0] -= 1
        real(path, key)

    with monkeypatch.context() as patch, contextlib.suppress(CutOff):
        patch.setattr(list_keys, "write_private_key", write)
        list_keys.make_list_keys(keeper.settings.data_dir, keeper.clocks.wall_ms)
    publish(keeper)
    assert read(keeper)


@pytest.mark.parametrize(
    "roles", [["timestamp"], ["snapshot"], ["targets"], ["root"],
              ["root", "targets", "snapshot", "timestamp"], []],
)  # fmt: skip
def test_clients_follow_a_rotation_of_keys_and_refuse_the_old_ones(
    listed: Keeper, roles: list[str]
) -> None:
    data_dir = listed.settings.data_dir
    read(listed)
    old = {role: list_keys.key_path(data_dir, role).read_bytes() for role in roles}
    assert repository(listed).rotate(roles, data_dir / "root.key") == 2
    read(listed)
    read(listed, "one who begins with the first root")
    for role, content in old.items():
        assert list_keys.key_path(data_dir, role).read_bytes() != content
        assert list_keys.key_path(data_dir, role).stat().st_mode & 0o077 == 0
    changed(listed)
    publish_more(listed)
    assert "on_device/1/1.segment" in read(listed)
    assert repository(listed).rotate([], data_dir / "root.key") == 3  # the new root key signs
    read(listed)


def test_old_keys_cannot_sign_once_they_are_replaced(listed: Keeper) -> None:
    data_dir = listed.settings.data_dir
    stolen = listed.folder / "stolen"
    shutil.copytree(data_dir, stolen)
    repository(listed).rotate(["targets", "snapshot", "timestamp"], data_dir / "root.key")
    read(listed)
    thief = Distribution(stolen, lambda: listed.clocks.wall_ms + HOUR_MS, TERM_MS)
    thief.publish({}, listed.clocks.wall_ms + 100 * TERM_MS)
    shutil.copyfile(root_path(data_dir, 2), root_path(stolen, 2))
    with pytest.raises(RepositoryError):
        read_list(stolen, listed.folder / "client")


def test_another_root_key_rotates_nothing(listed: Keeper) -> None:
    data_dir = listed.settings.data_dir
    with pytest.raises(ListKeysUnusable, match="devices know"):
        repository(listed).rotate(["targets"], data_dir / "list-keys/targets.key")
    assert not root_path(data_dir, 2).exists()


@pytest.mark.parametrize("stops_after", range(8))
def test_a_rotation_cut_off_anywhere_leaves_a_list_that_clients_accept(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch, stops_after: int
) -> None:
    data_dir = listed.settings.data_dir
    read(listed)
    roles = ["root", "targets", "snapshot", "timestamp"]
    left, real = [stops_after], store.write_whole

    class CutOff(BaseException):
        pass

    def write(path: Path, content: bytes) -> None:
        if left[0] == 0:
            raise CutOff
        left[0] -= 1
        real(path, content)

    with monkeypatch.context() as patch:
        for module in (distribution, list_keys):
            patch.setattr(module, "write_whole", write)
        with contextlib.suppress(CutOff):
            repository(listed).rotate(roles, data_dir / "root.key")
    read(listed)
    read(listed, "a new client")
    changed(listed)
    publish_more(listed)
    assert "on_device/1/1.segment" in read(listed)
    repository(listed).rotate(roles, data_dir / "root.key")
    assert "on_device/1/1.segment" in read(listed)
