"""The cache folder: only what is whole, of these sources, and nobody else's is ever executed."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from softfall.cli.doctor import check_kernels
from softfall.compiled import kept
from softfall.compiled.exported import Exported
from softfall.compiled.sources import closure, kernels
from softfall.config import Settings
from tests.compiled.test_native import MODULE, answer, cache, doubled_sum

__all__ = ["cache"]
DAY_S = 24 * 3600


def kept_file(folder: Path) -> Path:
    (found,) = folder.glob(f"{MODULE}.doubled_sum.*")
    return found


@pytest.fixture
def filled(cache: Path) -> Path:
    assert doubled_sum().ready()
    assert not doubled_sum().ready()
    return cache


def with_facts(data: bytes, **changed: object) -> bytes:
    """The same file with other facts in its head, and the right digest of them."""
    head, _, code = data[32:].partition(b"\n")
    body = json.dumps({**json.loads(head), **changed}).encode() + b"\n" + code
    return hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:10],
        lambda _: b"",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda _: b"something else altogether\n" * 9,
        lambda _: hashlib.sha256(b"[]\n").digest() + b"[]\n",
        lambda data: with_facts(data, machine="of another processor"),
        lambda data: with_facts(data, sources={}),
        lambda data: with_facts(data, sources={MODULE: "0" * 64}),
        lambda data: with_facts(data, symbol=None, more=1),
    ],
)
def test_a_spoilt_or_foreign_file_is_ignored_and_written_anew(
    filled: Path, spoilt: Callable[[bytes], bytes]
) -> None:
    path = kept_file(filled)
    path.write_bytes(spoilt(path.read_bytes()))
    kernel = doubled_sum()
    assert kernel.ready()
    assert answer(kernel) == 25
    assert not doubled_sum().ready()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_executed(filled: Path, mode: int) -> None:
    kept_file(filled).chmod(mode)
    assert kept.read(MODULE, "doubled_sum") is None
    assert answer(doubled_sum()) == 25


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_is_neither_read_nor_written(
    filled: Path, mode: int
) -> None:
    filled.chmod(mode)
    before = kept_file(filled).stat()
    assert kept.read(MODULE, "doubled_sum") is None
    kernel = doubled_sum()
    assert kernel.ready()
    assert answer(kernel) == 25
    assert kept_file(filled).stat().st_mtime_ns == before.st_mtime_ns
    assert "may be written by others" in kept.trouble()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_and_folder_are_not_executed(filled: Path) -> None:
    os.chown(kept_file(filled), 12345, -1)
    assert kept.read(MODULE, "doubled_sum") is None
    os.chown(kept_file(filled), 0, -1)
    assert kept.read(MODULE, "doubled_sum") is not None
    os.chown(filled, 12345, -1)
    assert kept.read(MODULE, "doubled_sum") is None


def test_a_link_is_not_followed(filled: Path) -> None:
    path = kept_file(filled)
    path.rename(filled / "elsewhere")
    path.symlink_to(filled / "elsewhere")
    assert kept.read(MODULE, "doubled_sum") is None


@pytest.mark.parametrize("place", ["/proc/nothing/here", "/dev/null/kernels", "/dev/null"])
def test_without_a_place_to_keep_it_a_kernel_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("SOFTFALL_CACHE_DIR", place)
    kernel = doubled_sum()
    assert kernel.ready()
    assert answer(kernel) == 25


def test_a_full_disk_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert answer(doubled_sum()) == 25
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("SOFTFALL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setattr(Path, "home", nowhere)
    assert kept.folder() is None
    assert kept.trouble()
    assert answer(doubled_sum()) == 25


def test_the_folder_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOFTFALL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert kept.folder() == Path("/somewhere/softfall/kernels")
    monkeypatch.setenv("SOFTFALL_CACHE_DIR", "/elsewhere")
    assert kept.folder() == Path("/elsewhere")


def test_what_nothing_has_used_for_a_month_goes_when_something_is_written(cache: Path) -> None:
    cache.mkdir(mode=0o700)
    ages_days = {"softfall.old.version": 40, "softfall.other.install": 3, "half.123.part": 2}
    for name, age_days in ages_days.items():
        (cache / name).write_bytes(b"")
        at_s = time.time() - age_days * DAY_S
        os.utime(cache / name, (at_s, at_s))
    doubled_sum().ready()
    left = {path.name for path in cache.iterdir()} & set(ages_days)
    assert left == {"softfall.other.install"}


def test_every_kernel_of_the_house_is_known_without_loading_one() -> None:
    found = kernels()
    assert {"straus", "scan", "peel", "measure"} <= {each.name for each in found}
    for each in found:
        module = __import__(each.module, fromlist=[each.name])
        assert isinstance(getattr(module, each.name), Exported)
        declared = {name for name, value in vars(module).items() if isinstance(value, Exported)}
        assert declared == {other.name for other in found if other.module == each.module}


def test_a_kernel_is_made_of_all_that_its_module_takes_from_the_package() -> None:
    of_scan = closure("softfall.options.enclave.scan_kernel")
    assert {"softfall.options.enclave.blocks", "softfall.compiled.exported"} <= set(of_scan)
    of_example = closure(MODULE)
    assert set(of_example) >= {MODULE, "tests.compiled.example_constants"}


def test_the_doctor_says_which_kernels_are_still_to_be_compiled(cache: Path) -> None:
    (found,) = check_kernels(Settings())
    assert found.what == f"0 of {len(kernels())} kernels are compiled, in {cache}"
    assert "softfall kernels" in found.remedy
    assert not found.fatal
    assert not cache.exists(), "looking changes nothing"
    cache.mkdir()
    cache.chmod(0o777)
    (found,) = check_kernels(Settings())
    assert "may be written by others" in found.what


def test_a_folder_named_from_here_is_told_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told of it may work elsewhere: the hasher's template works in the root."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOFTFALL_CACHE_DIR", "kernels")
    assert kept.folder() == tmp_path / "kernels"


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_in_a_folder_that_others_may_write_nothing_is_waited_for(cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with kept.turn():
        assert list(cache.iterdir()) == []


def test_a_lock_that_is_a_link_is_not_followed(cache: Path, tmp_path: Path) -> None:
    cache.mkdir(mode=0o700)
    (cache / "lock").symlink_to(tmp_path / "elsewhere")
    with kept.turn():
        assert not (tmp_path / "elsewhere").exists()


def test_one_process_compiles_at_a_time(cache: Path) -> None:
    with kept.turn(), (cache / "lock").open("rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
