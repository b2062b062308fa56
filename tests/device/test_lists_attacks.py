"""Attacks on the list's way to the device: a custodian's real repository, and a hostile mirror.

The attacks are those that The Update Framework names (section 1.5.2), and the custodian's own.
Each is refused by name, and the list in use stays in use.
"""

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from softfall.custodian.keys import load_identity
from softfall.custodian.list_keys import ROOT_DAYS
from softfall.device.epochs import Epochs
from softfall.device.list_errors import (
    ListAltered,
    ListFrozen,
    ListIncomplete,
    ListMixed,
    ListReplaced,
    ListRolledBack,
    ListUnsigned,
)
from softfall.device.list_fetch import METADATA_SECONDS
from softfall.device.lists import ListKeeper
from softfall.device.options import HalfPorts, make_half
from softfall.errors import PeerError, SoftfallError
from softfall.lists.distribution import (
    MAX_METADATA_BYTES,
    TIMESTAMP,
)
from softfall.lists.manifest import ManifestRolledBack
from tests.custodian.keeping import DAY_MS, HOUR_MS
from tests.custodian.segmented import NumbersHalf, keep_numbers
from tests.messaging.drawers import Drawers

from .list_mirror import Mirror, Shop, read


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    keep_numbers(monkeypatch)
    monkeypatch.setattr(NumbersHalf, "padding_bytes", 3000)
    return Shop(tmp_path)


@pytest.fixture
def device(shop: Shop) -> ListKeeper:
    """A device that has version 1 of epoch 1."""
    made = shop.device()
    shop.change()
    made.update()
    return made


def refused(device: ListKeeper, by: type[SoftfallError]) -> None:
    """The update is refused by this name, with advice, and the list in use stays."""
    before = device.segments(1)
    content = read(before)
    with pytest.raises(by) as caught:
        device.update()
    assert caught.value.remedy
    assert "tuf" not in caught.value.what.lower()
    assert isinstance(device.status.trouble, by)
    after = device.segments(1)
    assert (after, read(after)) == (before, content)


def name_of(shop: Shop, end: str) -> str:
    """The newest metadata file of a role."""
    names = [path for path in shop.files() if path.endswith(end)]
    return max(names, key=lambda path: int(Path(path).name.split(".")[0]))


# Rollback and freeze


def test_an_old_timestamp_is_a_rollback(shop: Shop, device: ListKeeper) -> None:
    old = shop.files()[TIMESTAMP]
    shop.change()
    device.update()
    shop.mirror.overlay[TIMESTAMP] = old
    refused(device, ListRolledBack)


def test_a_whole_old_repository_is_a_rollback(shop: Shop, device: ListKeeper) -> None:
    old = shop.folder / "old"
    shutil.copytree(shop.data_dir / "distribution", old)
    shop.new_epoch()
    device.update()
    shop.mirror.folder = old
    with pytest.raises(ListRolledBack):
        device.update()
    assert device.segments().epoch == 2


def test_a_custodian_put_back_from_a_backup_is_a_rollback_too(
    shop: Shop, device: ListKeeper
) -> None:
    backup = shop.folder / "backup"
    shutil.copytree(shop.data_dir, backup)
    shop.change()
    shop.change()
    device.update()
    shutil.rmtree(shop.data_dir)
    shutil.copytree(backup, shop.data_dir)
    shop.keeper.clocks.pass_ms(HOUR_MS)
    for _ in range(2):  # its version numbers catch up; what they stand for has changed
        with pytest.raises((ListRolledBack, ListMixed, ListReplaced)):
            device.update()
        shop.change()
    assert device.segments().version == 3
    shop.new_epoch()
    for _ in range(4):
        shop.change()
    assert device.update().epoch == 2, "a new epoch mends it"


def test_a_rollback_is_seen_also_where_the_update_clients_memory_is_lost(
    shop: Shop, device: ListKeeper
) -> None:
    old = shop.folder / "old"
    shutil.copytree(shop.data_dir / "distribution", old)
    shop.change()
    device.update()
    for path in (shop.folder / "device/metadata").glob("*.json"):
        path.unlink()
    shop.mirror.folder = old
    refused(device, ListRolledBack)


def test_a_frozen_mirror_is_noticed_when_the_timestamps_term_ends(
    shop: Shop, device: ListKeeper
) -> None:
    frozen = shop.folder / "frozen"
    shutil.copytree(shop.data_dir / "distribution", frozen)
    shop.mirror.folder = frozen
    shop.change()
    term_ms = round(shop.keeper.settings.list_timestamp_hours * HOUR_MS)
    shop.keeper.clocks.pass_ms(term_ms // 2)
    device.update()
    assert device.status.version == 1, "within the term it can't be told from no news"
    shop.keeper.clocks.pass_ms(term_ms // 2 + 1000)
    refused(device, ListFrozen)
    shop.mirror.folder = shop.data_dir / "distribution"
    shop.renew()
    assert device.update().version == 2


def test_metadata_past_its_term_is_refused_also_by_a_new_device(shop: Shop) -> None:
    shop.keeper.clocks.pass_ms(2 * DAY_MS)
    with pytest.raises(ListFrozen):
        shop.device().update()


def test_a_root_past_its_term_is_refused(shop: Shop, device: ListKeeper) -> None:
    shop.keeper.clocks.pass_ms((ROOT_DAYS + 1) * DAY_MS)
    shop.new_epoch()
    with pytest.raises(ListFrozen):
        device.update()
    shop.rotate()  # no key is replaced: the root's term begins anew
    assert device.update().epoch == 2


# Mix and match; arbitrary and endless files


@pytest.mark.parametrize("end", [".snapshot.json", ".targets.json"])
def test_metadata_of_another_version_under_this_ones_name_is_mixed(
    shop: Shop, device: ListKeeper, end: str
) -> None:
    before = shop.files()[name_of(shop, end)]
    shop.change()
    shop.mirror.overlay[name_of(shop, end)] = before
    refused(device, ListMixed)


def test_a_newer_snapshot_with_an_older_timestamp_changes_nothing(
    shop: Shop, device: ListKeeper
) -> None:
    timestamp = shop.files()[TIMESTAMP]
    shop.change()
    shop.mirror.overlay[TIMESTAMP] = timestamp
    device.update()
    assert device.status.version == 1, "a version is shown whole or not at all"


@pytest.mark.parametrize(
    "forge",
    [lambda body: body[:-1] + b"\0", lambda body: b"x" * len(body), lambda body: body + b"x"],
    ids=["one byte", "another file", "one byte more"],
)
def test_a_segment_that_is_not_the_signed_one_is_refused_and_deleted(
    shop: Shop, device: ListKeeper, forge: Callable[[bytes], bytes]
) -> None:
    shop.change()
    segment = max(path for path in shop.files() if path.endswith(".2.segment"))
    shop.mirror.overlay[segment] = forge(shop.files()[segment])
    refused(device, ListAltered)
    assert list((shop.folder / "device/parts").iterdir()) == []
    shop.mirror.overlay.clear()
    assert device.update().version == 2


def test_a_forged_beginning_that_is_resumed_is_found_at_the_end(shop: Shop) -> None:
    segment = next(path for path in shop.files() if path.endswith(".segment"))
    true = shop.files()[segment]
    shop.mirror.overlay[segment] = b"\0" * 1000
    device = shop.device()
    with pytest.raises(ListIncomplete):
        device.update()
    shop.mirror.overlay[segment] = true
    with pytest.raises(ListAltered):
        device.update()
    assert device.update().version == 0


@pytest.mark.parametrize(
    ("end", "longest_bytes"),
    [(".segment", 4000), ("timestamp.json", MAX_METADATA_BYTES), (".snapshot.json", 2000),
     (".targets.json", 4000), (".manifest", 5000), ("2.root.json", MAX_METADATA_BYTES)],
)  # fmt: skip
def test_a_file_without_an_end_is_cut_off(shop: Shop, end: str, longest_bytes: int) -> None:
    given = [0]

    def endless(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        if not path.endswith(end):
            yield from pieces
            return
        for _ in itertools.count():
            given[0] += 1000
            yield b"0" * 1000

    shop.mirror.tamper = endless
    with pytest.raises(ListAltered):
        shop.device().update()
    assert given[0] <= longest_bytes + 2000


def test_metadata_that_comes_too_slowly_is_given_up(shop: Shop) -> None:
    def slow(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            shop.keeper.clocks.steady_ms += round((METADATA_SECONDS + 1) * 1000)
            yield piece

    shop.mirror.tamper = slow
    with pytest.raises(SoftfallError) as caught:
        shop.device().update()
    assert caught.value.name == "ListTooSlow"


@pytest.mark.parametrize(
    "body", [b"", b"junk", b"{}", b"[]", b'{"signed":{},"signatures":[]}', b"\xff" * 100,
             b'{"signed":{"_type":"timestamp","version":"x"},"signatures":[]}'],
)  # fmt: skip
@pytest.mark.parametrize("path", [TIMESTAMP, "metadata/2.root.json"])
def test_junk_for_metadata_is_refused(
    shop: Shop, device: ListKeeper, path: str, body: bytes
) -> None:
    shop.mirror.overlay[path] = body
    refused(device, PeerError)


@pytest.mark.parametrize("end", [TIMESTAMP, ".snapshot.json", ".targets.json", ".2.segment"])
def test_a_mirror_that_keeps_a_file_back_gains_only_time(
    shop: Shop, device: ListKeeper, end: str
) -> None:
    shop.change()
    path = end if end == TIMESTAMP else max(p for p in shop.files() if p.endswith(end))
    path = name_of(shop, end) if end.endswith(".json") and end != TIMESTAMP else path
    missing = shop.folder / "missing"
    shutil.copytree(shop.data_dir / "distribution", missing)
    (missing / path).unlink()
    shop.mirror.folder = missing
    refused(device, ListIncomplete)


def test_another_custodians_repository_is_not_signed(
    shop: Shop, device: ListKeeper, tmp_path: Path
) -> None:
    other = Shop(tmp_path / "other")
    shop.mirror.folder = other.mirror.folder
    refused(device, ListUnsigned)


# The custodian's own: two lists for two people


def test_two_lists_shown_to_two_people_are_found_when_they_write_to_each_other(
    shop: Shop, tmp_path: Path
) -> None:
    twin_dir = shop.folder / "twin"
    shutil.copytree(shop.data_dir, twin_dir / "custodian")
    shutil.copytree(shop.keeper.settings.tls_dir, twin_dir / "tls")
    ada = shop.device("ada")
    shop.new_epoch()
    ada_segments = ada.update()

    shop.keeper.folder = twin_dir  # the same custodian, the same keys: another list for ben
    shop.keeper.add(1, seed=99)
    shop.new_epoch()
    ben_segments = shop.device("ben", Mirror(twin_dir / "custodian/distribution")).update()
    assert ada_segments.epoch == ben_segments.epoch == 2
    assert read(ada_segments) != read(ben_segments)

    key = load_identity(twin_dir / "custodian").public_key
    bens_epochs = Epochs(Drawers(), key, make_half, HalfPorts())
    bens_epochs.compare(ben_segments.manifest)  # what he sends by
    with pytest.raises(ManifestRolledBack, match="two versions"):
        bens_epochs.compare(ada_segments.manifest)  # what ada's message carries


def test_two_deltas_shown_to_two_people_give_two_digests(shop: Shop, tmp_path: Path) -> None:
    twin_dir = shop.folder / "twin"
    shutil.copytree(shop.data_dir, twin_dir / "custodian")
    shutil.copytree(shop.keeper.settings.tls_dir, twin_dir / "tls")
    shop.change()
    ada = shop.device("ada").update()
    shop.keeper.folder = twin_dir
    shop.keeper.add(1, seed=99)
    shop.change()
    ben = shop.device("ben", Mirror(twin_dir / "custodian/distribution")).update()
    assert (ada.epoch, ada.version) == (ben.epoch, ben.version) == (1, 1)
    assert ada.manifest == ben.manifest
    assert ada.digest != ben.digest


def test_a_device_that_meets_both_lists_keeps_the_first_and_names_the_second(
    shop: Shop, device: ListKeeper
) -> None:
    twin_dir = shop.folder / "twin"
    shutil.copytree(shop.data_dir, twin_dir / "custodian")
    shutil.copytree(shop.keeper.settings.tls_dir, twin_dir / "tls")
    shop.new_epoch()
    device.update()
    shop.keeper.folder = twin_dir
    shop.keeper.add(1, seed=99)
    shop.new_epoch()
    for _ in range(3):
        shop.change()
    shop.mirror.folder = twin_dir / "custodian/distribution"
    before = device.segments()
    with pytest.raises((ListReplaced, ListMixed)):
        device.update()
    assert device.segments() == before


def test_metadata_names_no_hash_and_nobody(shop: Shop) -> None:
    shop.change()
    for path, body in shop.files().items():
        if path.endswith(".json"):
            said = json.dumps(json.loads(body))
            assert "source" not in said
            assert len(body) < 4000, path
