"""How much memory one piece of work adds at its peak, measured in a process of its own.

The child is a fork, so that everything is loaded and warm; the kernel's record of its peak
(VmHWM) is set back before the work starts. Only Linux keeps such a record: elsewhere, None.
"""

import ctypes
import os
import re
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")
RESET_PEAK = Path("/proc/self/clear_refs")


def peak_bytes(work: Callable[[], object]) -> int | None:
    """What `work` adds to the resident memory at its peak, or None where that can't be told."""
    if not RESET_PEAK.exists():
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(_grown_bytes(work)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return int(answer) if answer else None


def _grown_bytes(work: Callable[[], object]) -> int:
    # What earlier work has freed but the allocator has kept would hide what this work takes.
    ctypes.CDLL(None).malloc_trim(0)
    RESET_PEAK.write_text("5")
    before = _status_bytes("VmRSS")
    answer = work()
    grown = _status_bytes("VmHWM") - before
    del answer
    return max(grown, 0)


def _status_bytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024
