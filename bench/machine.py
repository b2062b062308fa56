"""What the figures were taken on, and how much of it other programs had meanwhile."""

import os
import platform
import time
from pathlib import Path

import psutil

IDLE = ("idle", "iowait")
OWN_ALREADY = ("guest", "guest_nice")  # Linux counts these in user and nice as well


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


class Others:
    """From now on, the cores that programs other than this one and its children keep busy."""

    def __init__(self) -> None:
        self._start = (time.monotonic(), _busy_s(), _own_s())

    def cores(self) -> float:
        """On average until now: 0 on an idle machine."""
        now = (time.monotonic(), _busy_s(), _own_s())
        took_s, busy_s, own_s = (b - a for a, b in zip(self._start, now, strict=True))
        return max(0.0, (busy_s - own_s) / max(took_s, 1e-9))


def _busy_s() -> float:
    times = psutil.cpu_times()._asdict()
    return sum(each for name, each in times.items() if name not in (*IDLE, *OWN_ALREADY))


def _own_s() -> float:
    ended = os.times()
    own_s = ended.user + ended.system + ended.children_user + ended.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        own_s += times.user + times.system
    return own_s
