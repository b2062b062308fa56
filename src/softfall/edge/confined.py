"""A process of its own for each picture: started, fed, listened to and ended here.

Guarantees: nothing here opens a picture; what a picture does to its process costs that process
alone. The process inherits no environment, no descriptor and no folder of the service's; it is
ended when its time is up, and its answer is read up to its largest size. `AT_ONCE` of them run at a
time for one service; a few more may wait.
Never raises for a picture: what did not come to an answer is `Failed`, with the reason.
Limit: a process that a picture took over may lie about that one picture.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final, Generic, TypeVar

from softfall.messaging.envelope import MAX_PICTURE_BYTES
from softfall.wire import MalformedMessage

PROGRAM: Final = (sys.executable, "-I", "-m", "softfall.hasher")
AT_ONCE: Final = 2
WAITING_AT_MOST: Final = 8  # each keeps a thread of the service busy
_CPU_SECONDS: Final = 20
Answer = TypeVar("Answer")

# No secret of ours: how the libraries in it allocate, so that its bound on memory means something.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What one picture may cost its process."""

    max_pixels: int
    memory_bytes: int

    @property
    def arguments(self) -> tuple[str, ...]:
        """As the hasher's programs take them: file, pixels, memory, processor time."""
        bounds = (MAX_PICTURE_BYTES, self.max_pixels, self.memory_bytes, _CPU_SECONDS)
        return tuple(map(str, bounds))


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer, and why."""

    reason: str


class Confined(Generic[Answer]):
    """One program's processes.

    read: what its answer says; may raise MalformedMessage. max_answer_bytes: no more than one byte
    over it is ever read.
    """

    def __init__(self, read: Callable[[bytes], Answer], max_answer_bytes: int) -> None:
        self._read = read
        self._max_answer_bytes = max_answer_bytes
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._queue = threading.BoundedSemaphore(AT_ONCE + WAITING_AT_MOST)

    def ask(
        self, command: tuple[str, ...], picture: bytes, within_seconds: float
    ) -> Answer | Failed:
        """What the program answers to the picture, within about that time."""
        if not self._queue.acquire(blocking=False):
            return Failed("too many pictures wait already")
        until = time.monotonic() + within_seconds
        try:
            if within_seconds <= 0 or not self._room.acquire(timeout=within_seconds):
                return Failed("there was no time left")
            try:
                return self._ask(command, picture, max(0.0, until - time.monotonic()))
            finally:
                self._room.release()
        finally:
            self._queue.release()

    def _ask(
        self, command: tuple[str, ...], picture: bytes, within_seconds: float
    ) -> Answer | Failed:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter, numbers as arguments
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            return Failed(f"the hasher does not start: {error.strerror}")
        ended = threading.Event()
        timer = threading.Timer(within_seconds, _end, (process, ended))
        timer.start()
        try:
            body = _exchange(process, picture, self._max_answer_bytes)
        finally:
            timer.cancel()
            process.kill()
            status = process.wait()
        if ended.is_set():
            return Failed("the hasher did not come to an end")
        try:
            return self._read(body)
        except MalformedMessage:
            return Failed(f"the hasher broke down over it (status {status})")


def _end(process: "subprocess.Popen[bytes]", ended: threading.Event) -> None:
    ended.set()
    process.kill()


def _exchange(process: "subprocess.Popen[bytes]", picture: bytes, max_bytes: int) -> bytes:
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
        return stdout.read(max_bytes + 1)
