"""The demo is the real thing, and a restart keeps everything."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="the demo's photographs are in scikit-image")

COMMAND = [sys.executable, "-m", "softfall", "demo", "--data"]


def play(folder: Path) -> str:
    ran = subprocess.run(
        [*COMMAND, str(folder), "--exit"], capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def services_of(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"serve" in words and any(os.fsencode(folder) in word for word in words):
                found.append(int(entry.name))
    return found


def test_a_restart_keeps_accounts_messages_and_holds_and_leaves_no_process(tmp_path: Path) -> None:
    first = play(tmp_path)
    assert "[photograph, 112,525 bytes] (checked)" in first
    assert "for a person to decide: 1" in first
    assert "(confirmed)" in first
    assert services_of(tmp_path) == []

    second = play(tmp_path)
    assert "messages kept from before: alice 2, bob 2, carol 1" in second
    assert "for a person to decide: 2" in second
    assert services_of(tmp_path) == []


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_services_stay_up_until_the_demo_is_told_to_stop(
    tmp_path: Path, sign: signal.Signals
) -> None:
    output = tmp_path / "output.txt"
    with output.open("wb") as out:
        running = subprocess.Popen([*COMMAND, str(tmp_path)], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 240
        while b"Ctrl-C stops them" not in output.read_bytes():
            assert running.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        assert len(services_of(tmp_path)) == 3
        running.send_signal(sign)
        assert running.wait(60) == 0
        assert services_of(tmp_path) == []
    finally:
        running.kill()
        for pid in services_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
