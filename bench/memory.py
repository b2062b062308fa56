"""How much memory one piece of work adds at its peak, measured in a process of its own.

The child is a fork, so that everything is loaded and warm; the kernel's record of its peak
(VmHWM) is set back before the work starts. Only Linux keeps such a record: elsewhere, None.
"""

import ctypes
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

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
            os.write(writing, str(growth(work)[1]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return int(answer) if answer else None


def growth(work: Callable[[], Answer]) -> tuple[Answer, int | None]:
    """The answer of `work`, done here, and what it adds to the resident memory at its peak."""
    if not RESET_PEAK.exists():
        return work(), None
    # What earlier work has freed but the allocator has kept would hide what this work takes.
    ctypes.CDLL(None).malloc_trim(0)
    RESET_PEAK.write_text("5")
    before = _status_bytes("VmRSS")
    answer = work()
    return answer, max(_status_bytes("VmHWM") - before, 0)


def _status_bytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024
