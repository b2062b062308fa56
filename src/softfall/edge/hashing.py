"""The way to the hasher: a process of its own for each picture, started and ended here.

Guarantees: nothing here opens a picture; what a picture does to its process costs that process
alone. The process inherits no environment, no descriptor and no folder of the service's; it is
ended when its time is up, and what it answers is read up to its largest size and decoded strictly.
Never raises for a picture: what can't be hashed is `Refused`, with the reason.
Limit: a process that a picture took over may lie about that one picture's hash.
"""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, Final, Protocol

from softfall.media.hashed import HASHED, Hashed, Refused, decode
from softfall.messaging.envelope import MAX_PICTURE_BYTES
from softfall.wire import MalformedMessage

PROGRAM: Final = (sys.executable, "-I", "-m", "softfall.hasher")
AT_ONCE: Final = 2
WAITING_AT_MOST: Final = 8  # each keeps a thread of the service busy
_CPU_SECONDS: Final = 20
# No secret of ours: how the libraries in it allocate, so that its bound on memory means something.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


class Hasher(Protocol):
    """Whoever hashes pictures for the provider."""

    def hash(self, picture: bytes, within_seconds: float) -> Hashed:
        """The picture's hash, or why there is none; an answer comes within about that time."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What one picture may cost its process."""

    max_pixels: int
    memory_bytes: int


class HasherProcess:
    """One process for each picture, `AT_ONCE` of them at a time; a few more may wait."""

    def __init__(self, limits: PictureLimits, program: tuple[str, ...] = PROGRAM) -> None:
        bounds = (MAX_PICTURE_BYTES, limits.max_pixels, limits.memory_bytes, _CPU_SECONDS)
        self._command = [*program, *map(str, bounds)]
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._queue = threading.BoundedSemaphore(AT_ONCE + WAITING_AT_MOST)

    def hash(self, picture: bytes, within_seconds: float) -> Hashed:
        """As the port says."""
        if not self._queue.acquire(blocking=False):
            return Refused("too many pictures wait already")
        until = time.monotonic() + within_seconds
        try:
            if within_seconds <= 0 or not self._room.acquire(timeout=within_seconds):
                return Refused("there was no time left")
            try:
                return self._ask(picture, max(0.0, until - time.monotonic()))
            finally:
                self._room.release()
        finally:
            self._queue.release()

    def _ask(self, picture: bytes, within_seconds: float) -> Hashed:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter, numbers as arguments
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            return Refused(f"the hasher does not start: {error.strerror}")
        ended = threading.Event()
        timer = threading.Timer(within_seconds, _end, (process, ended))
        timer.start()
        try:
            body = _exchange(process, picture)
        finally:
            timer.cancel()
            process.kill()
            status = process.wait()
        if ended.is_set():
            return Refused("the hasher did not come to an end")
        try:
            return decode(body)
        except MalformedMessage:
            return Refused(f"the hasher broke down over it (status {status})")


def _end(process: "subprocess.Popen[bytes]", ended: threading.Event) -> None:
    ended.set()
    process.kill()


def _exchange(process: "subprocess.Popen[bytes]", picture: bytes) -> bytes:
    """Hand the picture over and read the answer; whatever a dead process leaves of it."""
    stdin: IO[bytes] | None = process.stdin
    stdout: IO[bytes] | None = process.stdout
    assert stdin is not None
    assert stdout is not None
    with stdout:
        try:
            with stdin:
                stdin.write(picture)
        except BrokenPipeError:
            pass  # it needs no more, or it is dead: its answer tells
        return stdout.read(HASHED.max_bytes + 1)
