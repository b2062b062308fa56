"""The demo is the real thing, and a restart keeps everything."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from softfall.compare.demo import run
from softfall.compare.demo_place import DemoOptionUnusable

pytest.importorskip("skimage", reason="the demo's photographs are in scikit-image")

# Each run starts five services: a minute when the machine is idle, many when it is not.
pytestmark = pytest.mark.timeout(1500)
PATIENCE_SECONDS = 600

COMMAND = [sys.executable, "-m", "softfall", "demo", "--data"]


def play(folder: Path, *more: str) -> str:
    ran = subprocess.run(
        [*COMMAND, str(folder), *more, "--exit"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def services_of(folder: Path) -> list[int]:
    """By where they run: each works in the demo's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == folder and (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all of these tests: setting a demo up takes longer than playing it."""
    return tmp_path_factory.mktemp("demo")


def test_a_restart_keeps_accounts_messages_and_holds_and_leaves_no_process(folder: Path) -> None:
    first = play(folder)
    assert "[photograph, 112,525 bytes] (checked)" in first
    assert "for a person to decide: 1" in first
    assert "(confirmed)" in first
    assert "proved by franking" in first
    assert "picture: matched, name: matched" in first
    assert "in the console's queue: 4" in first
    assert "child safety report, bob: reported for child safety" in first
    assert "known picture, alice: a confirmed match with a list" in first
    assert services_of(folder) == []

    second = play(folder)
    assert "messages kept from before: alice 2, bob 2, carol 2" in second
    assert "for a person to decide: 2" in second
    assert "in the console's queue: 4" in second  # what came again joined the open cases
    assert services_of(folder) == []


def test_a_demo_of_homomorphic_matching_has_a_keyholder_and_holds_the_same(tmp_path: Path) -> None:
    told = play(tmp_path, "--option", "homomorphic")
    assert "$ softfall serve keyholder" in told
    assert "[photograph, 112,525 bytes] (checked)" in told
    assert "for a person to decide: 1" in told
    assert "from alice: match (confirmed)" in told
    assert services_of(tmp_path) == []


@pytest.mark.parametrize(("asked", "said"), [
    ("homomorphic", "was set up for split"),
    ("enclave", "was set up for split"),
])  # fmt: skip
def test_a_folder_keeps_the_option_that_it_was_set_up_for(
    folder: Path, asked: str, said: str
) -> None:
    with pytest.raises(DemoOptionUnusable, match=said):
        run(folder, lambda line: None, stay=False, option=asked)


def test_an_option_that_the_demo_does_not_play_is_refused_before_anything_is_made(
    tmp_path: Path,
) -> None:
    with pytest.raises(DemoOptionUnusable, match="does not play 'on_device'"):
        run(tmp_path / "new", lambda line: None, stay=False, option="on_device")
    assert not (tmp_path / "new" / "softfall.toml").exists()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_services_stay_up_until_the_demo_is_told_to_stop(
    folder: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    output = tmp_path / "output.txt"
    with output.open("wb") as out:
        running = subprocess.Popen([*COMMAND, str(folder)], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"Ctrl-C stops them" not in output.read_bytes():
            assert running.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        assert len(services_of(folder)) == 5
        running.send_signal(sign)
        assert running.wait(60) == 0
        assert services_of(folder) == []
    finally:
        running.kill()
        for pid in services_of(folder):
            os.kill(pid, signal.SIGKILL)
