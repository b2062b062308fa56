"""What keys that were stolen can do to the list, what they can't, and how they end."""

import hashlib
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Timestamp

from softfall.custodian.distribution import Distribution, Target
from softfall.custodian.list_keys import root_path
from softfall.device.list_errors import (
    ListAltered,
    ListIncomplete,
    ListReplaced,
    ListRolledBack,
    ListUnsigned,
)
from softfall.device.list_fetch import newest
from softfall.device.lists import ListKeeper
from softfall.errors import PeerError, SoftfallError
from softfall.lists.distribution import (
    TIMESTAMP,
    manifest_name,
    segment_name,
)
from softfall.lists.manifest import BadManifest, sign
from softfall.lists.manifest import read as read_manifest
from tests.custodian.keeping import DAY_MS
from tests.custodian.segmented import NumbersHalf, keep_numbers

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


class Thief:
    """Has a copy of the custodian's folder as it was, less the keys named."""

    def __init__(self, shop: Shop, without: tuple[str, ...]) -> None:
        self.data_dir = shop.folder / "stolen"
        shutil.copytree(shop.data_dir, self.data_dir)
        for name in without:
            (self.data_dir / name).unlink()
        self.clocks = shop.keeper.clocks
        self.mirror = Mirror(self.data_dir / "distribution")
        self.distribution = Distribution(self.data_dir, lambda: self.clocks.wall_ms, 365 * DAY_MS)

    def show(self, files: dict[str, bytes], more: dict[str, Target] | None = None) -> None:
        """Publish these targets, well signed by the online keys."""
        targets = dict(more or {})
        for number, (name, body) in enumerate(files.items()):
            path = self.data_dir / f"forged-{number}"
            path.write_bytes(body)
            targets[name] = target(path)
        self.distribution.publish(targets, self.clocks.wall_ms + 365 * DAY_MS)


def target(path: Path) -> Target:
    body = path.read_bytes()
    return Target(path, hashlib.sha256(body).hexdigest(), len(body), {})


KEPT_APART = ("root.key", "identity.key")


def honest_files(shop: Shop) -> dict[str, bytes]:
    """Epoch 1's manifest and segments by their target names."""
    files = {}
    for path, body in shop.files().items():
        if path.startswith("targets/"):
            folder, _, last = path.removeprefix("targets/").rpartition("/")
            files[f"{folder}/{last.split('.', 1)[1]}"] = body
    return files


def test_a_stolen_timestamp_key_alone_can_freeze_the_list_but_not_change_it(
    shop: Shop, device: ListKeeper
) -> None:
    key = load_pem_private_key((shop.data_dir / "list-keys/timestamp.key").read_bytes(), None)
    thief = CryptoSigner(key)
    frozen = Metadata[Timestamp].from_bytes(shop.files()[TIMESTAMP])
    frozen.signed.version += 100
    frozen.signed.expires += timedelta(days=365)
    frozen.sign(thief)
    shop.mirror.overlay[TIMESTAMP] = frozen.to_bytes()
    for _ in range(3):
        shop.change()
        shop.keeper.clocks.pass_ms(DAY_MS)
        assert device.update().version == 1, "frozen, and it does not show"

    named = Metadata[Snapshot].from_bytes(shop.files()[name_of(shop, ".snapshot.json")])
    named.signed.version += 100
    named.sign(thief)
    frozen.signed.version += 1
    frozen.signed.snapshot_meta = MetaFile.from_data(
        named.signed.version, named.to_bytes(), ["sha256"]
    )
    frozen.sign(thief)
    shop.mirror.overlay[TIMESTAMP] = frozen.to_bytes()
    shop.mirror.overlay[f"metadata/{named.signed.version}.snapshot.json"] = named.to_bytes()
    refused(device, ListUnsigned)

    shop.rotate("timestamp")
    shop.mirror.overlay.clear()
    assert device.update().version == 4


def test_stolen_online_keys_make_no_new_epoch(shop: Shop, device: ListKeeper) -> None:
    thief = Thief(shop, KEPT_APART)
    files = honest_files(shop)
    true = read_manifest(files[manifest_name(1)])
    object.__setattr__(true, "epoch", 2)
    forged = sign(true, Ed25519PrivateKey.generate().sign)
    base = files[segment_name(1, 0)]
    thief.show({**files, manifest_name(2): forged, segment_name(2, 0): base})
    shop.mirror.folder = thief.mirror.folder
    refused(device, BadManifest)


def test_stolen_online_keys_put_no_other_base_under_the_custodians_manifest(shop: Shop) -> None:
    thief = Thief(shop, KEPT_APART)
    files = honest_files(shop)
    thief.show({**files, segment_name(1, 0): b"another base"})
    with pytest.raises(ListAltered, match="base"):
        shop.device("new", thief.mirror).update()


def test_stolen_online_keys_replace_nothing_that_a_device_has(
    shop: Shop, device: ListKeeper
) -> None:
    thief = Thief(shop, KEPT_APART)
    files = honest_files(shop)
    thief.show({**files, segment_name(1, 1): b"another delta"})
    shop.mirror.folder = thief.mirror.folder
    refused(device, ListReplaced)
    thief.show({name: body for name, body in files.items() if not name.endswith("/1.segment")})
    refused(device, ListRolledBack)
    thief.show({name: body for name, body in files.items() if not name.endswith("/0.segment")})
    refused(device, ListAltered)


def test_stolen_online_keys_can_add_a_false_delta_until_the_root_replaces_them(
    shop: Shop, device: ListKeeper
) -> None:
    """The stated limit: they may add to an epoch (false candidates, or entries taken off)."""
    thief = Thief(shop, KEPT_APART)
    thief.show({**honest_files(shop), segment_name(1, 2): b"false delta"})
    shop.mirror.folder = thief.mirror.folder
    assert read(device.update())[2] == b"false delta"

    shop.rotate("targets", "snapshot", "timestamp")
    shutil.copyfile(root_path(shop.data_dir, 2), root_path(thief.data_dir, 2))
    with pytest.raises(ListUnsigned):  # as soon as it has the new root, from whoever
        device.update()
    thief.mirror.overlay.clear()
    shop.mirror.folder = shop.data_dir / "distribution"
    with pytest.raises(ListRolledBack):
        device.update()  # the honest epoch has fewer versions than the thief made
    shop.new_epoch()
    assert device.update().epoch == 2
    assert read(device.segments())[0].startswith(b"base 2")


def test_version_numbers_run_up_by_a_thief_do_not_outlive_the_keys(
    shop: Shop, device: ListKeeper
) -> None:
    thief = Thief(shop, KEPT_APART)
    files = honest_files(shop)
    for number in range(12):
        path = thief.data_dir / f"{number}"
        path.write_bytes(b"%d" % number)
        thief.show(files, {segment_name(9, number): target(path)})
    shop.mirror.folder = thief.mirror.folder
    device.update()
    shop.mirror.folder = shop.data_dir / "distribution"
    refused(device, ListRolledBack)  # the thief's timestamp has a higher number
    shop.rotate("snapshot", "timestamp")
    assert device.update().version == 1


HEX = "ab" * 32
NAMES = st.one_of(
    st.builds(segment_name, st.integers(1, 3), st.integers(0, 3)),
    st.builds(manifest_name, st.integers(1, 3)),
    st.text(max_size=20),
)
FILES = st.builds(
    TargetFile,
    st.one_of(st.integers(0, 100), st.just(2**70)),
    st.sampled_from([{"sha256": HEX}, {"sha256": "zz"}, {"sha512": HEX}, {"sha256": HEX[:10]}]),
    NAMES,
)


@given(st.dictionaries(NAMES, FILES, max_size=8))
def test_whatever_well_signed_metadata_names_is_a_list_or_refused_by_name(
    targets: dict[str, TargetFile],
) -> None:
    try:
        offered = newest(targets)
    except (ListAltered, ListIncomplete):
        return
    assert manifest_name(offered.epoch) in targets
    for version, segment in enumerate(offered.segments):
        assert targets[segment_name(offered.epoch, version)].length == segment.size_bytes <= 100
        assert segment.sha256.hex() == HEX
    assert segment_name(offered.epoch, offered.version + 1) not in targets


def test_a_mirror_that_hides_the_new_root_can_only_stop_the_list(
    shop: Shop, device: ListKeeper
) -> None:
    shop.rotate("targets", "snapshot", "timestamp")
    hidden = shop.folder / "hidden"
    shutil.copytree(shop.data_dir / "distribution", hidden)
    (hidden / "metadata/2.root.json").unlink()
    shop.mirror.folder = hidden
    refused(device, ListUnsigned)


def test_a_root_that_the_pinned_one_did_not_sign_is_refused(
    shop: Shop, device: ListKeeper, tmp_path: Path
) -> None:
    other = Shop(tmp_path / "other")
    other.rotate("root")
    shop.mirror.overlay["metadata/2.root.json"] = root_path(other.data_dir, 2).read_bytes()
    refused(device, ListUnsigned)


def test_a_root_out_of_order_is_refused(shop: Shop, device: ListKeeper) -> None:
    shop.rotate("timestamp")
    shop.rotate("timestamp")
    shop.mirror.overlay["metadata/2.root.json"] = root_path(shop.data_dir, 3).read_bytes()
    refused(device, PeerError)
