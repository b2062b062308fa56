"""kill -9 of real device processes at random instants, against the real provider over TLS."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from softfall.device.device import Device
from softfall.device.outcomes import Shown
from tests.provider.process import Served

from .killed_device import KEY

ROUNDS = 5
SEED = 20_210_427
SCRIPT = Path(__file__).parent / "killed_device.py"


def start(folder: Path, name: str, role: str, peer: str, run: int) -> subprocess.Popen[str]:
    arguments = [folder / name, role, peer, folder / f"{name}.sent", run]
    return subprocess.Popen(
        [sys.executable, SCRIPT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


def until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()


def test_killed_devices_lose_nothing_and_show_nothing_twice(tmp_path):
    served = Served(
        tmp_path, option="none", requests_per_minute=1_000_000, media_per_minute=1_000_000
    )
    served.start()
    served.wait_until_ready()
    try:
        authority = tmp_path / "tls" / "ca.crt"
        for name in ("ada", "ben"):
            Device.create(tmp_path / name, KEY, name, served.url, authority, bytes(32)).close()
        draw = random.Random(SEED)
        for run in range(ROUNDS):
            pair = [
                start(tmp_path, "ada", "writer", "ben", run),
                start(tmp_path, "ben", "reader", "ada", run),
            ]
            for process in pair:
                until_ready(process)
            time.sleep(draw.uniform(0.1, 0.9))
            draw.shuffle(pair)
            for process in pair:
                kill(process)
                time.sleep(draw.uniform(0, 0.2))
        noted = (tmp_path / "ada.sent").read_text().splitlines()
        with Device.open(tmp_path / "ada", KEY) as ada, Device.open(tmp_path / "ben", KEY) as ben:
            ada.sync()
            assert ada.outbox() == []
            while ben.sync(1.0):
                pass
            shown = [a.text for a in ben.history() if isinstance(a, Shown)]
            assert len(shown) == len(ben.history())
            ben.send_text("ada", "all is well")
            assert [a.text for a in ada.sync(5.0)] == ["all is well"]
    finally:
        served.stop()
    assert len(noted) > ROUNDS
    assert [text for text, times in Counter(shown).items() if times > 1] == []
    # What the writer had noted as sent is all there; at most one more a round was cut off between
    # the sending and the noting.
    assert set(noted) <= set(shown)
    assert len(set(shown) - set(noted)) <= ROUNDS
