"""kill -9 of real device processes at random instants, against the real provider over TLS."""

import os
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

ROUNDS = 6
SEED = 20_210_427
SCRIPT = Path(__file__).parent / "killed_device.py"


class Devices:
    """The process that forks the devices, and the devices that now live."""

    def __init__(self) -> None:
        self.nursery = subprocess.Popen(
            [sys.executable, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, folder: Path, name: str, role: str, peer: str, run: int) -> int:
        """The device's process id, once it is open."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        print(folder / name, role, peer, folder / f"{name}.sent", run, file=self.nursery.stdin)
        self.nursery.stdin.flush()
        ready, pid = self.nursery.stdout.readline().split()
        assert ready == "ready"
        return int(pid)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)  # raises if it died by itself
        for _ in range(2000):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.01)
        raise AssertionError("a killed process lives on")

    def close(self) -> None:
        self.nursery.communicate()


def test_killed_devices_lose_nothing_and_show_nothing_twice(tmp_path):
    plenty = 1_000_000
    served = Served(tmp_path, option="none", requests_per_minute=plenty, media_per_minute=plenty)
    served.start()
    devices = Devices()
    served.wait_until_ready()
    try:
        authority = tmp_path / "tls" / "ca.crt"
        for name in ("ada", "ben"):
            Device.create(tmp_path / name, KEY, name, served.url, authority, bytes(32)).close()
        draw = random.Random(SEED)
        for run in range(ROUNDS):
            pair = [
                devices.start(tmp_path, "ada", "writer", "ben", run),
                devices.start(tmp_path, "ben", "reader", "ada", run),
            ]
            time.sleep(draw.uniform(0.1, 0.9))
            draw.shuffle(pair)
            for pid in pair:
                devices.kill(pid)
                time.sleep(draw.uniform(0, 0.2))
        noted = (tmp_path / "ada.sent").read_text().splitlines()
        with Device.open(tmp_path / "ada", KEY) as ada, Device.open(tmp_path / "ben", KEY) as ben:
            ada.sync()
            assert ada.outbox() == []
            while ben.sync(1.0):
                pass
            history = ben.history()
            shown = [a.text for a in history if isinstance(a, Shown)]
            assert len(shown) == len(history)
            ben.send_text("ada", "all is well")
            assert [a.text for a in ada.sync(5.0)] == ["all is well"]
    finally:
        devices.close()
        served.stop()
    assert len(noted) > ROUNDS
    assert [text for text, times in Counter(shown).items() if times > 1] == []
    # What the writer had noted as sent is all there; at most one more a round was cut off between
    # the sending and the noting.
    assert set(noted) <= set(shown)
    assert len(set(shown) - set(noted)) <= ROUNDS
