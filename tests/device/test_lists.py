"""How a device lives with its list: fetched, resumed, switched, outlived."""

import contextlib
import errno
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softfall.device import list_fetch
from softfall.device.list_errors import (
    ListGone,
    ListIncomplete,
    ListNotKept,
    ListOutdated,
    ListReplaced,
    ListRolledBack,
    ListRootUnusable,
    ListTooSlow,
)
from softfall.device.lists import ListKeeper
from softfall.device.transport import ServiceUnreachable
from softfall.lists.manifest import read as read_manifest
from softfall.options.contract import ListNotHere
from tests.custodian.keeping import HOUR_MS
from tests.custodian.segmented import NumbersHalf, keep_numbers

from .list_mirror import PIECE_BYTES, Shop, read

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


class Killed(BaseException):
    """The process ends here."""


def breaking(after_bytes: int) -> Any:
    """Lets that much of each segment through, then the network breaks."""

    def tamper(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        count = 0
        for piece in pieces:
            yield piece
            count += len(piece)
            if path.endswith(".segment") and count >= after_bytes:
                raise ServiceUnreachable("the network broke")

    return tamper


def test_a_broken_connection_goes_on_from_where_it_broke(shop: Shop) -> None:
    shop.mirror.tamper = breaking(20 * PIECE_BYTES)
    device = shop.device()
    segments = device.update()
    assert [start for _, start in shop.mirror.segments_asked()] == [0, 20_000, 40_000]
    assert len(read(segments)[0]) > LARGE_BYTES


def test_a_download_goes_on_after_a_restart_and_repeats_nothing(shop: Shop) -> None:
    def fail_then(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        if not path.endswith(".segment"):
            yield from pieces
            return
        yield next(pieces)
        raise Killed

    shop.mirror.tamper = fail_then
    for times in range(3):
        with pytest.raises(Killed):
            shop.device().update()
        assert shop.mirror.segments_asked()[-1][1] == times * PIECE_BYTES
    shop.mirror.tamper = breaking(10**9)
    shop.mirror.asked.clear()
    told: list[tuple[int, int]] = []
    shop.device(progress=lambda here, total: told.append((here, total))).update()
    assert shop.mirror.segments_asked()[0][1] == told[0][0] == 3 * PIECE_BYTES


def test_a_file_that_ends_early_is_taken_up_again(shop: Shop) -> None:
    def short(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        yield from (piece for n, piece in enumerate(pieces)
                    if n < 7 or not path.endswith(".segment"))  # fmt: skip

    shop.mirror.tamper = short
    device = shop.device()
    starts = []
    for _ in range(20):
        shop.mirror.asked.clear()
        try:
            device.update()
        except ListIncomplete:
            starts += [start for _, start in shop.mirror.segments_asked()]
            continue
        break
    assert starts == [7000 * n for n in range(len(starts))]
    assert device.segments().version == 0
    assert isinstance(device.status.trouble, type(None))


def test_what_was_begun_and_is_not_wanted_any_more_is_dropped(shop: Shop, tmp_path: Path) -> None:
    shop.mirror.tamper = breaking(PIECE_BYTES)
    device = shop.device()
    shop.mirror.tamper = lambda path, pieces: iter(()) if path.endswith(".segment") else pieces
    with pytest.raises(ListIncomplete):
        device.update()
    parts = tmp_path / "device/parts"
    (parts / ("00" * 32)).write_bytes(b"of an epoch that has passed")
    shop.mirror.tamper = lambda path, pieces: pieces
    device.update()
    assert list(parts.iterdir()) == []


def drip(shop: Shop, kind: str, pause_ms: int) -> None:
    """One byte at a time, with a pause before each."""

    def tamper(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if not path.endswith(kind):
                yield piece
                continue
            for byte in piece:
                shop.keeper.clocks.steady_ms += pause_ms
                yield bytes([byte])

    shop.mirror.tamper = tamper


@pytest.mark.parametrize("kind", [".segment", "timestamp.json", "targets.json", ".manifest"])
def test_a_server_that_drips_is_given_up_in_bounded_time(shop: Shop, kind: str) -> None:
    drip(shop, kind, 14_000)
    device = shop.device()
    before_ms = shop.keeper.clocks.steady_ms
    with pytest.raises(ListTooSlow):
        device.update()
    spent_seconds = (shop.keeper.clocks.steady_ms - before_ms) / 1000
    longest = max(list_fetch.METADATA_SECONDS, list_fetch.PACE_SECONDS)
    assert spent_seconds <= longest + 2 * 14


def test_one_that_breaks_off_after_every_byte_is_given_up_too(shop: Shop) -> None:
    def one_byte(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if path.endswith(".segment"):
                shop.keeper.clocks.steady_ms += 100
                yield piece[:1]
                raise ServiceUnreachable("again")
            yield piece

    shop.mirror.tamper = one_byte
    with pytest.raises((ListTooSlow, ServiceUnreachable)):
        shop.device().update()
    assert len(shop.mirror.segments_asked()) <= 10 * list_fetch.PACE_SECONDS + 1


def test_a_slow_but_honest_network_is_waited_for(shop: Shop) -> None:
    drip(shop, ".segment", 0)

    def slow(path: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            shop.keeper.clocks.steady_ms += 400  # a second mobile generation: 2.5 kB a second
            yield piece

    shop.mirror.tamper = slow
    assert shop.device().update().version == 0


def test_on_a_full_disk_the_list_in_use_stays_whatever_step_fails(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = shop.device()
    before = device.update()
    content = read(before)
    failed = 0
    for fails_at in range(1, 12):
        shop.change()
        left, real = [fails_at], os.fsync

        def fsync(descriptor: int, left: list[int] = left, real: Any = real) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(descriptor)

        with monkeypatch.context() as patch:
            shop.renew()
            patch.setattr(os, "fsync", fsync)
            with contextlib.suppress(ListNotKept):
                device.update()
                failed -= 1
            failed += 1
        again = shop.device()
        for one in (device, again):
            assert read(one.segments())[: len(content)] == content
        assert again.update().version == fails_at
        device = again
        content = read(device.segments())
    assert failed >= 4


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_on_a_disk_that_is_truly_full_nothing_is_left_that_fills_it(
    shop: Shop, tmp_path: Path
) -> None:
    mounted = tmp_path / "device"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(mounted)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        device = shop.device()
        before = device.update()
        shop.new_epoch()
        with pytest.raises(ListNotKept, match="No space"):
            device.update()
        assert read(device.segments()) == read(before)
        assert list((mounted / "parts").iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


# Updates for ever from a folder, in the process that the test kills.
UPDATER = """
import sys
from pathlib import Path
from softfall.config import DeviceSettings
from softfall.device.lists import ListKeeper
from softfall.device.surroundings import REAL
from softfall.errors import SoftfallError
from tests.device.list_mirror import Mirror
from dataclasses import replace

home, folder, root, key, now_ms = sys.argv[1:]
around = replace(REAL, now_ms=lambda: int(now_ms))
device = ListKeeper(Path(home), Mirror(Path(folder)), Path(root).read_bytes(),
                    bytes.fromhex(key), DeviceSettings(), around)
print("ready", flush=True)
while True:
    try:
        device.update()
    except SoftfallError as error:
        print(error, file=sys.stderr)
"""


def test_a_device_killed_at_any_moment_has_one_whole_version(shop: Shop, tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(shop.root)
    newest = (0, 0)
    for round_number in range(8):
        arguments = [
            str(tmp_path / "device"), str(shop.data_dir / "distribution"), str(root),
            shop.keeper.public_key.hex(), str(shop.keeper.clocks.wall_ms + HOUR_MS),
        ]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", UPDATER, *arguments], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (shop.new_epoch if round_number % 3 == 2 else shop.change)()
        time.sleep(0.005 * round_number)
        process.send_signal(signal.SIGKILL)
        process.wait()
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
    shop.device().update()


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
