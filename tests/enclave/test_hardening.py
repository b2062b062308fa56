"""The enclave's hardening, looked at from inside a real process, and from outside."""

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.enclave.confined import attempts

REPO = Path(__file__).parents[2]
REFUSED = "Operation not permitted"
ALLOWED = {"read a file", "start a thread", "take memory"}
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


def confined(folder: Path, stderr: Any = subprocess.PIPE, **more: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.enclave.confined", str(folder)],
        stdout=subprocess.PIPE, stderr=stderr, cwd=REPO, timeout=120, check=False, **more,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return confined(tmp_path_factory.mktemp("confined"))


@pytest.mark.parametrize("what", sorted(attempts(Path())))
@pytest.mark.parametrize("where", ["tried", "in a thread"])
def test_the_process_can_do_its_work_and_nothing_else(
    told: dict[str, Any], what: str, where: str
) -> None:
    if what in ALLOWED:
        assert told[where][what] == "done"
    elif what == "raise a limit":
        assert told[where][what] == "ValueError"  # Python's word for the same refusal
    else:
        assert told[where][what] == REFUSED


def test_every_attempt_would_succeed_or_fail_otherwise_without_the_filter(tmp_path: Path) -> None:
    """The refusals above come from the filter: unconfined, most of these simply work."""
    harmless = {
        "start a program", "make a file", "write to a file that exists", "append to a file",
        "empty a file", "link a file", "make a folder", "change a mode", "make a socket",
        "make a pipe in the file system", "make a file in memory", "signal another process",
    }  # fmt: skip
    (tmp_path / "there").write_text("something")
    for name, attempt in attempts(tmp_path).items():
        if name in harmless:
            attempt()


def test_no_core_is_dumped_and_nobody_else_may_look_in(told: dict[str, Any]) -> None:
    assert told["core limit"] == [0, 0]
    assert told["dumpable"] == 0
    assert told["status"]["NoNewPrivs"] == "1"


def test_the_kernel_confirms_the_filters(told: dict[str, Any]) -> None:
    assert told["status"]["Seccomp"] == "2"
    assert told["status"]["Seccomp_filters"].strip() == "2"


def test_sockets_can_be_made_until_it_listens_and_not_after(told: dict[str, Any]) -> None:
    assert told["before"]["make a socket"] == "done"
    assert told["tried"]["make a socket"] == REFUSED


def test_no_file_grows_even_through_a_descriptor_from_before(told: dict[str, Any]) -> None:
    assert told["facts"]["file_writing"] == "off"
    assert told["file limit"] == [0, 0]
    assert told["tried"]["grow a file that is open already"] == "File too large"


def test_where_the_log_goes_to_a_file_the_report_says_so(tmp_path: Path) -> None:
    with (tmp_path / "errors").open("wb") as log:
        told = confined(tmp_path, stderr=log)
    assert told["facts"]["file_writing"] == "off but for the log, which goes to a file"
    assert told["tried"]["make a file"] == REFUSED


def test_memory_is_locked_or_the_report_says_why_not(told: dict[str, Any], tmp_path: Path) -> None:
    if told["facts"]["memory"] == "locked":
        assert int(told["status"]["VmLck"].split()[0]) > 0
    else:
        assert told["facts"]["memory"].startswith("not locked: ")
    cramped = confined(tmp_path, preexec_fn=_lock_little)
    assert cramped["facts"]["memory"] == "not locked: RLIMIT_MEMLOCK is 64 KiB"
    assert cramped["status"]["VmLck"].split()[0] == "0"


def _lock_little() -> None:
    """A service without the privilege to lock memory, under the usual kind of limit."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (64 * 1024, 64 * 1024))


def test_a_kernel_without_filters_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from seccompy import Filter, UnsupportedError

    from softfall.enclave.system_calls import HardeningFailed, confine

    refused: Callable[[Filter], None] = _unsupported
    monkeypatch.setattr(Filter, "load", refused)
    assert issubclass(UnsupportedError, OSError)
    with pytest.raises(HardeningFailed, match="was refused"):
        confine()


def _unsupported(_: object) -> None:
    from seccompy import UnsupportedError

    raise UnsupportedError(38, "Function not implemented")
