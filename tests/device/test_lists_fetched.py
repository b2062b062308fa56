"""Fetching the list over bad networks, from bad servers, onto full disks."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softfall.device import list_fetch
from softfall.device.list_errors import (
    ListIncomplete,
    ListNotKept,
    ListTooSlow,
)
from softfall.device.transport import ServiceUnreachable
from tests.custodian.segmented import NumbersHalf, keep_numbers

from .list_mirror import PIECE_BYTES, Shop, breaking, read

LARGE_BYTES = 50_000


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    keep_numbers(monkeypatch)
    monkeypatch.setattr(NumbersHalf, "padding_bytes", LARGE_BYTES)
    return Shop(tmp_path)


class Killed(BaseException):
    """The process ends here."""


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
