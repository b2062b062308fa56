"""A process of its own for each picture: started, fed, listened to and ended here.

Guarantees: nothing here opens a picture; what a picture does to its process costs that process
alone. The process inherits no environment, no descriptor and no folder of the service's; it is
ended when its time is up, and its answer is read up to its largest size. `AT_ONCE` of them run at a
time for one service; a few more may wait.
Never raises for a picture: what did not come to an answer is `Failed`, with the reason.
Limit: a process that a picture took over may lie about that one picture.
"""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final, Generic, Protocol, TypeVar

from softfall.edge.template import ENVIRONMENT, Template
from softfall.messaging.envelope import MAX_PICTURE_BYTES
from softfall.wire import MalformedMessage

AT_ONCE: Final = 2
WAITING_AT_MOST: Final = 8  # each keeps a thread of the service busy
_CPU_SECONDS: Final = 20
Answer = TypeVar("Answer")


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


class Process(Protocol):
    """One picture's process."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where the picture goes."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where the answer comes from."""

    def kill(self) -> None:
        """End it now, if it has not ended."""

    def wait(self) -> int:
        """Its status, after `kill`."""


class Starter(Protocol):
    """Whoever makes a process for a picture: a `Template`, or `Afresh`."""

    def start(self, arguments: tuple[str, ...], within_seconds: float) -> Process:
        """A process of the program that `arguments` name, with theirs. Raises OSError."""

    def distrust(self) -> None:
        """A picture broke its process: let the next share nothing with it."""


class Afresh:
    """Starts a program anew for each picture: slower than a template, and nothing stays."""

    def __init__(self, program: tuple[str, ...]) -> None:
        self._program = program

    def start(self, arguments: tuple[str, ...], within_seconds: float) -> Process:
        """As the port says."""
        return subprocess.Popen(  # noqa: S603 - our own interpreter, numbers as arguments
            (*self._program, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def distrust(self) -> None:
        """Nothing is shared anyway."""


class Confined(Generic[Answer]):
    """One program's processes.

    read: what its answer says; may raise MalformedMessage. max_answer_bytes: no more than one byte
    over it is ever read. starter: a template of its own unless given.
    """

    def __init__(
        self,
        read: Callable[[bytes], Answer],
        max_answer_bytes: int,
        starter: Starter | None = None,
    ) -> None:
        self._read = read
        self._max_answer_bytes = max_answer_bytes
        self._starter = starter or Template()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._queue = threading.BoundedSemaphore(AT_ONCE + WAITING_AT_MOST)

    def ask(
        self, arguments: tuple[str, ...], picture: bytes, within_seconds: float
    ) -> Answer | Failed:
        """What the program answers to the picture, within about that time."""
        if not self._queue.acquire(blocking=False):
            return Failed("too many pictures wait already")
        until = time.monotonic() + within_seconds
        try:
            if within_seconds <= 0 or not self._room.acquire(timeout=within_seconds):
                return Failed("there was no time left")
            try:
                return self._ask(arguments, picture, until)
            finally:
                self._room.release()
        finally:
            self._queue.release()

    def _ask(self, arguments: tuple[str, ...], picture: bytes, until: float) -> Answer | Failed:
        try:
            process = self._starter.start(arguments, max(0.0, until - time.monotonic()))
        except TimeoutError:
            return Failed("the hasher did not start in time")
        except OSError as error:
            self._starter.distrust()
            return Failed(f"the hasher does not start: {error.strerror}")
        ended = threading.Event()
        timer = threading.Timer(max(0.0, until - time.monotonic()), _end, (process, ended))
        timer.start()
        try:
            body = _exchange(process, picture, self._max_answer_bytes)
        finally:
            timer.cancel()
            timer.join()  # or it might end what has ended, and is somebody else by now
            process.kill()
            status = process.wait()
        if ended.is_set():
            self._starter.distrust()
            return Failed("the hasher did not come to an end")
        try:
            return self._read(body)
        except MalformedMessage:
            self._starter.distrust()
            return Failed(f"the hasher broke down over it (status {status})")


def _end(process: Process, ended: threading.Event) -> None:
    ended.set()
    process.kill()


def _exchange(process: Process, picture: bytes, max_bytes: int) -> bytes:
    """Hand the picture over and read the answer; whatever a dead process leaves of it."""
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    with stdout:
        try:
            with stdin:
                stdin.write(picture)
        except BrokenPipeError:
            pass  # it needs no more, or it is dead: its answer tells
        return stdout.read(max_bytes + 1)
