"""Where tests write: into memory, where the system has a file system in it with room to spare.

Stores write each commit through to the disk (fsync), services and devices in processes of their own
too, and the suite commits some hundred thousand times. What tests ask is what is there after
kill -9 or a full disk, which is the same in memory; that the product asks the disk itself to keep
its word is a test of its settings (tests/store). A TMPDIR that is set already stays.
"""

import os
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30  # the whole suite writes about a tenth of it at a time


def write_into_memory() -> None:
    """Make the file system in memory the place for this process's and its children's files."""
    if "TMPDIR" not in os.environ and _is_fit(IN_MEMORY):
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None  # asked anew


def _is_fit(folder: Path) -> bool:
    """Whether tests can write there, start what they wrote, and do not fill it."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize > ROOM_BYTES and not there.f_flag & os.ST_NOEXEC
