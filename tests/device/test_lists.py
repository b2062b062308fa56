"""How a device lives with its list: fetched, resumed, switched, outlived."""

import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.device.list_errors import (
    ListGone,
    ListIncomplete,
    ListNotKept,
    ListOutdated,
    ListReplaced,
    ListRolledBack,
    ListRootUnusable,
)
from softfall.device.lists import ListKeeper
from softfall.lists.manifest import read as read_manifest
from softfall.options.contract import ListNotHere
from tests.custodian.keeping import HOUR_MS
from tests.custodian.segmented import NumbersHalf, keep_numbers

from .list_mirror import Shop, breaking, read

LARGE_BYTES = 50_000


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    keep_numbers(monkeypatch)
    monkeypatch.setattr(NumbersHalf, "padding_bytes", LARGE_BYTES)
    return Shop(tmp_path)


def test_the_first_update_brings_the_base_and_says_how_far_it_is(shop: Shop) -> None:
    told: list[tuple[int, int]] = []
    device = shop.device(progress=lambda here, total: told.append((here, total)))
    with pytest.raises(ListNotHere):
        device.segments()
    segments = device.update()
    assert (segments.epoch, segments.version) == (1, 0)
    assert read(segments)[0].startswith(b"base 1 [1, 2, 3")
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] == len(read(segments)[0])
    assert told == sorted(told)
    assert device.status.checked_at_ms == shop.keeper.clocks.wall_ms


def test_a_day_of_changes_costs_one_small_segment(shop: Shop) -> None:
    device = shop.device()
    device.update()
    before = device.segments()
    shop.change()
    shop.mirror.asked.clear()
    after = device.update()
    assert (after.epoch, after.version) == (1, 1)
    assert after.paths[0] == before.paths[0]
    assert read(after)[1] == b"delta 1 1 +[9] -[]"
    assert [start for _, start in shop.mirror.segments_asked()] == [0]
    assert after.digest != before.digest == device.segments(1, 0).digest


def test_where_nothing_is_new_no_segment_is_asked_for(shop: Shop) -> None:
    switches: list[int] = []
    device = shop.device(on_switch=lambda segments: switches.append(segments.version))
    device.update()
    shop.mirror.asked.clear()
    assert device.update() == device.segments()
    assert shop.mirror.segments_asked() == []
    shop.change()
    device.update()
    assert switches == [0, 1]


def test_one_who_was_away_for_long_catches_up_at_once(shop: Shop) -> None:
    device = shop.device()
    device.update()
    for _ in range(5):
        shop.change()
    assert device.update().version == 5
    shop.new_epoch()
    shop.change()
    segments = device.update()
    assert (segments.epoch, segments.version) == (2, 1)


def test_the_epoch_before_can_be_checked_by_for_a_stated_time(shop: Shop) -> None:
    device = shop.device(old_list_hours=5)
    device.update()
    shop.change()
    device.update()
    old = device.segments(1)
    shop.new_epoch()
    device.update()
    assert device.segments(1) == old
    assert device.segments(1, 0).paths == old.paths[:1]
    shop.keeper.clocks.pass_ms(4 * HOUR_MS)
    shop.renew()
    device.update()
    assert read(device.segments(1)) == read(old)
    shop.keeper.clocks.pass_ms(2 * HOUR_MS)
    with pytest.raises(ListGone):
        device.segments(1)
    device.update()
    assert not any(path.exists() for path in old.paths)


def test_what_has_not_come_yet_is_told_from_what_is_gone(shop: Shop) -> None:
    device = shop.device()
    shop.new_epoch()
    device.update()
    for epoch, version in ((2, 1), (3, None), (3, 0)):
        with pytest.raises(ListNotHere):
            device.segments(epoch, version)
    with pytest.raises(ListGone):
        device.segments(1)


def test_a_list_that_nobody_renews_serves_for_a_stated_time(shop: Shop) -> None:
    device = shop.device(old_list_hours=48)
    device.update()
    shop.keeper.clocks.pass_ms(47 * HOUR_MS)
    assert device.segments().epoch == 1
    shop.keeper.clocks.pass_ms(2 * HOUR_MS)
    with pytest.raises(ListOutdated):
        device.segments()
    assert device.segments(1).version == 0, "what was sent meanwhile can still be checked"
    shop.renew()
    assert device.update() == device.segments()


def test_readers_keep_the_version_that_they_have_opened(shop: Shop) -> None:
    device = shop.device(old_list_hours=0.001)
    device.update()
    with device.reading() as old, old.paths[0].open("rb") as file:
        content = read(old)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        shop.new_epoch()
        device.update()
        shop.keeper.clocks.pass_ms(HOUR_MS)
        device.update()
        assert device.segments().epoch == 2
        assert read(old) == content, "not removed under a reader's hands"
    assert not old.paths[0].exists()
    assert mapped[:] == content[0], "what is mapped stays readable"
    mapped.close()


def test_another_manifest_of_the_same_epoch_is_told(shop: Shop) -> None:
    device = shop.device()
    manifest = read_manifest(device.update().manifest)
    device.require_same(manifest)
    object.__setattr__(manifest, "entries", 7)
    with pytest.raises(ListReplaced):
        device.require_same(manifest)


# For each line that it reads (the time), forks a child that updates for ever, until it is killed.
UPDATER = """
import ctypes, os, sys
from dataclasses import replace
from pathlib import Path
from softfall.config import DeviceSettings
from softfall.device.lists import ListKeeper
from softfall.device.surroundings import REAL
from softfall.errors import SoftfallError
from tests.device.list_mirror import Mirror

home, folder, root, key = sys.argv[1:]
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: it never outlives this process
        around = replace(REAL, now_ms=lambda: int(line))
        device = ListKeeper(Path(home), Mirror(Path(folder)), Path(root).read_bytes(),
                            bytes.fromhex(key), DeviceSettings(), around)
        while True:
            try:
                device.update()
            except SoftfallError as error:
                print(error, file=sys.stderr)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


def test_a_device_killed_at_any_moment_has_one_whole_version(shop: Shop, tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(shop.root)
    arguments = [str(tmp_path / "device"), str(shop.data_dir / "distribution"), str(root),
                 shop.keeper.public_key.hex()]  # fmt: skip
    nursery = subprocess.Popen(
        [sys.executable, "-c", UPDATER, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    try:
        live_and_be_killed(shop, nursery)
    finally:
        nursery.kill()
        nursery.wait()
    shop.device().update()


def live_and_be_killed(shop: Shop, nursery: "subprocess.Popen[str]") -> None:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    newest = (0, 0)
    for round_number in range(12):
        nursery.stdin.write(f"{shop.keeper.clocks.wall_ms + HOUR_MS}\n")
        child = int(nursery.stdout.readline())
        (shop.new_epoch if round_number % 3 == 2 else shop.change)()
        time.sleep(0.005 * round_number)
        os.kill(child, signal.SIGKILL)
        assert nursery.stdout.readline() == "gone\n"
        device = shop.device()
        status = device.status
        assert (status.epoch, status.version) >= newest
        newest = (status.epoch, status.version)
        if status.epoch:
            segments = device.segments(status.epoch)
            assert read(segments)[0].startswith(b"base %d " % segments.epoch)
            for number, delta in enumerate(read(segments)[1:], start=1):
                assert delta.startswith(b"delta %d %d " % (segments.epoch, number))
        assert device.check()
    assert newest > (0, 0), "some updates must have come through"


def wait_for(device: ListKeeper, epoch: int, version: int) -> None:
    for _ in range(1000):
        if (device.status.epoch, device.status.version) == (epoch, version):
            return
        time.sleep(0.01)
    raise AssertionError(f"it did not come: {device.status}")


def test_the_background_keeps_the_list_fresh_and_trouble_changes_nothing(shop: Shop) -> None:
    device = shop.device(list_check_minutes=0.0005)
    device.start()
    try:
        wait_for(device, 1, 0)
        shop.change()
        wait_for(device, 1, 1)
        shop.mirror.tamper = breaking(0)
        shop.mirror.overlay["metadata/timestamp.json"] = b"{}"
        for _ in range(1000):
            if device.status.trouble:
                break
            time.sleep(0.01)
        assert device.status.trouble
        assert device.segments().version == 1
        shop.mirror.overlay.clear()
        shop.mirror.tamper = lambda path, pieces: pieces
        shop.new_epoch()
        wait_for(device, 2, 0)
        assert device.status.trouble is None
    finally:
        device.stop()
    assert threading.active_count() < 50


def test_a_fault_that_nobody_foresaw_does_not_end_the_background(shop: Shop) -> None:
    device = shop.device(list_check_minutes=0.0005)
    failed = threading.Event()

    def fail(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        failed.set()
        raise RuntimeError("unforeseen")
        yield

    shop.mirror.tamper = fail
    device.start()
    try:
        assert failed.wait(30)
        for _ in range(1000):
            if device.status.trouble:
                break
            time.sleep(0.01)
        assert isinstance(device.status.trouble, ListNotKept)
        shop.mirror.tamper = lambda path, pieces: pieces
        wait_for(device, 1, 0)
    finally:
        device.stop()


def test_stopping_cuts_a_download_off_and_it_goes_on_another_day(shop: Shop) -> None:
    device = shop.device()
    began = threading.Event()

    def endless_wait(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            if path.endswith(".segment"):
                began.set()
                time.sleep(0.02)

    shop.mirror.tamper = endless_wait
    device.start()
    assert began.wait(30)
    device.stop()
    assert device.status.epoch == 0
    shop.mirror.tamper = lambda path, pieces: pieces
    shop.mirror.asked.clear()
    assert shop.device().update().version == 0
    assert shop.mirror.segments_asked()[0][1] > 0


def test_a_damaged_segment_is_found_and_fetched_again(shop: Shop) -> None:
    device = shop.device()
    segments = device.update()
    assert device.check()
    path = segments.paths[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert not device.check()
    with pytest.raises(ListNotHere):
        device.segments()
    assert read(device.update())[0].startswith(b"base 1 ")
    assert device.check()


def test_a_segment_that_vanished_is_fetched_again(shop: Shop) -> None:
    segments = shop.device().update()
    segments.paths[0].unlink()
    device = shop.device()
    with pytest.raises(ListNotHere):
        device.segments()
    assert device.update().paths[0].exists()


def test_a_state_that_cannot_be_read_counts_as_none_but_nothing_goes_back(
    shop: Shop, tmp_path: Path
) -> None:
    old = shop.files()
    shop.change()
    shop.device().update()
    (tmp_path / "device/state").write_bytes(b"\xff")
    device = shop.device()
    assert device.status.epoch == 0
    shop.mirror.overlay = {"metadata/timestamp.json": old["metadata/timestamp.json"]}
    with pytest.raises(ListRolledBack):
        device.update()
    shop.mirror.overlay.clear()
    assert device.update().version == 1


@pytest.mark.parametrize("body", [b"", b"{}", b'{"signed":{"_type":"root"},"signatures":[]}'])
def test_only_a_root_can_be_pinned(shop: Shop, body: bytes) -> None:
    shop.root = body
    with pytest.raises(ListRootUnusable):
        shop.device()


def test_only_a_root_signed_by_itself_can_be_pinned(shop: Shop) -> None:
    shop.root = shop.root.replace(b'"sig":"', b'"sig":"00', 1)
    with pytest.raises(ListRootUnusable):
        shop.device()


def test_before_the_first_epoch_the_list_is_not_there_yet(shop: Shop) -> None:
    shop.mirror.folder = shop.folder / "nowhere"
    with pytest.raises(ListIncomplete):
        shop.device().update()
