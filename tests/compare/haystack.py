"""Everything that a running service holds: its files, what it has open, its whole memory.

Guarantees: every byte of every file below its folder; every regular file that one of its processes
has open, deleted or not; every readable page of every process of its session, while they all stand
still. What could not be read is told, never passed over.
Leaves out: the kernel's own pages ([vvar] and the like) and pages that the process itself can't
read (guards, and address space that was only reserved).
Source: proc(5).
"""

import errno
import os
import signal
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 4 * 1024 * 1024
_KERNELS_OWN: Final = (["[vvar]"], ["[vvar_vclock]"], ["[vsyscall]"], ["[vdso]"])
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes, and where they were.

    repeated_bytes: how many of them the piece before had, too.
    unread: why there are none, where they can't be read.
    """

    place: str
    body: bytes
    repeated_bytes: int = 0
    unread: str = ""


def files_below(folder: Path, overlap_bytes: int, besides: Sequence[Path] = ()) -> Iterator[Piece]:
    """Every regular file; each piece begins with the last `overlap_bytes` of the one before."""
    for path in sorted(folder.rglob("*")):
        if path not in besides and stat.S_ISREG(path.lstat().st_mode):
            yield from file(path, str(path.relative_to(folder)), overlap_bytes)


def file(path: Path, place: str, overlap_bytes: int) -> Iterator[Piece]:
    """One file, which the reader calls `place`."""
    with path.open("rb") as source:
        size_bytes = os.fstat(source.fileno()).st_size
        yield from _span(source.fileno(), 0, size_bytes, place, overlap_bytes)


def open_files(pids: Sequence[int], besides: Path, overlap_bytes: int) -> Iterator[Piece]:
    """Regular files that these processes have open, deleted ones too, not below `besides`."""
    for pid in pids:
        for link in sorted((_PROC / str(pid) / "fd").iterdir()):
            name = str(link.readlink())
            inside = name.startswith(f"{besides}/") and not name.endswith(" (deleted)")
            if not inside and stat.S_ISREG(link.stat().st_mode):
                yield from file(link, f"open: {name}", overlap_bytes)


def memory(pid: int, overlap_bytes: int) -> Iterator[Piece]:
    """Each readable mapping of one process."""
    source = os.open(_PROC / str(pid) / "mem", os.O_RDONLY)
    try:
        for line in (_PROC / str(pid) / "maps").read_text().splitlines():
            span, rights, _, _, _, *names = line.split(maxsplit=5)
            if not rights.startswith("r") or names[:1] in _KERNELS_OWN:
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            place = " ".join((f"process {pid}", rights, *names))
            yield from _span(source, start, end, place, overlap_bytes)
    finally:
        os.close(source)


def why_unreadable(pid: int) -> str:
    """Why this process's memory may not be read, or nothing if it may."""
    try:
        os.close(os.open(_PROC / str(pid) / "mem", os.O_RDONLY))
    except OSError as error:
        return f"the memory of process {pid} may not be read: {error.strerror}"
    return ""


def session(leader: int) -> list[int]:
    """The process that began a session, and all that came of it."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text()
            except OSError:
                continue  # it has just ended
            if int(told.rpartition(")")[2].split()[3]) == leader:
                found.append(int(entry.name))
    return sorted(found)


@contextmanager
def standing_still(pids: Sequence[int]) -> Iterator[None]:
    """Stop these processes where they are, and let them go on afterwards."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        while any(not _is_stopped(pid) for pid in pids):
            time.sleep(0.005)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _is_stopped(pid: int) -> bool:
    """Whether every thread of the process has stopped."""
    tasks = (_PROC / str(pid) / "task").iterdir()
    return all((t / "stat").read_text().rpartition(")")[2].split()[0] in "Tt" for t in tasks)


def _span(source: int, start: int, end: int, place: str, overlap_bytes: int) -> Iterator[Piece]:
    at, last = start, b""
    while at < end:
        size_bytes = min(CHUNK_BYTES, end - at)
        try:
            body = os.pread(source, size_bytes, at)
        except OSError as error:
            body, why = b"", errno.errorcode.get(error.errno or 0, "unknown")
        else:
            why = "it ended early"
        if not body:
            yield Piece(place, b"", 0, f"{why} at {at:#x} of {start:#x}-{end:#x}")
            return
        yield Piece(place, last + body, len(last))
        at += len(body)
        last = (last + body)[-overlap_bytes:]
