"""The hasher's template: one process started and loaded once, then forked for each picture.

Guarantees: as for a process started afresh (`edge/confined.py`): no environment, no descriptor and
no folder of the service's is inherited, each picture has a process of its own, and that very
process (by its pidfd, never by a number that another may have by now) is ended in time. A template
that is gone is replaced at the next picture; after a picture that broke its process, and after
`PICTURES_EACH`, a new one with its memory laid out anew takes over.
Refuses: what does not start in time, as OSError.
See `hasher/template.py` for the other end.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from typing import IO, Final

from softfall.compiled import kept

TEMPLATE: Final = (sys.executable, "-I", "-m", "softfall.hasher", "template")
PICTURES_EACH: Final = 1000
_STATUS: Final = struct.Struct(">i")
_UNKNOWN_STATUS: Final = -1
_END_SECONDS: Final = 5

# No secret of ours: how the libraries in it allocate, so that its bound on memory means something.
ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


class Template:
    """Starts processes by forking. `start` may be called by several threads."""

    def __init__(self, program: tuple[str, ...] = TEMPLATE) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def start(self, arguments: tuple[str, ...], within_seconds: float) -> "Forked":
        """A process for one picture. arguments: the program's name, and its own. Raises OSError."""
        with self._lock:
            running = self._running
            if running is None or running.is_spent:
                running = self._running = _Running(self._program)
            running.pictures += 1
        return running.fork(arguments, within_seconds)

    def distrust(self) -> None:
        """Take a new template for the next picture; those under way come to their end."""
        with self._lock:
            self._running = None


class Forked:
    """One picture's process: where the picture goes, where the answer comes from."""

    def __init__(
        self, stdin: IO[bytes], stdout: IO[bytes], life: socket.socket, handle: int, kept: object
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self._life = life
        self._handle = handle
        self._kept = kept  # the template, which tells of this one's end

    def kill(self) -> None:
        """End it now, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self) -> int:
        """Its status, after `kill`: negative for a signal's."""
        with self._life:
            os.close(self._handle)
            self._life.settimeout(_END_SECONDS)
            try:
                told = self._life.recv(_STATUS.size)
            except OSError:
                told = b""
        return _STATUS.unpack(told)[0] if len(told) == _STATUS.size else _UNKNOWN_STATUS


class _Running:
    """One template's process."""

    def __init__(self, program: tuple[str, ...]) -> None:
        self.pictures = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
                (*program, str(kept.folder() or "")),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._control, self._process)

    @property
    def is_spent(self) -> bool:
        return self.pictures >= PICTURES_EACH or self._process.poll() is not None

    def fork(self, arguments: tuple[str, ...], within_seconds: float) -> Forked:
        until = time.monotonic() + within_seconds
        with contextlib.ExitStack() as ours:  # all that is open so far, if anything fails
            with contextlib.ExitStack() as theirs:
                picture_out, picture_in = os.pipe()
                theirs.callback(os.close, picture_out)
                stdin = ours.enter_context(os.fdopen(picture_in, "wb"))
                answer_out, answer_in = os.pipe()
                theirs.callback(os.close, answer_in)
                stdout = ours.enter_context(os.fdopen(answer_out, "rb"))
                life, its_life = socket.socketpair()
                ours.enter_context(life)
                theirs.enter_context(its_life)
                self._send(arguments, [picture_out, answer_in, its_life.fileno()], within_seconds)
            life.settimeout(max(0.001, until - time.monotonic()))
            told, handles, _, _ = socket.recv_fds(life, 1, 1)
            if not told or not handles:
                raise BrokenPipeError(0, "its template is gone")
            ours.pop_all()
        return Forked(stdin, stdout, life, handles[0], self)

    def _send(self, arguments: tuple[str, ...], handed: list[int], within_seconds: float) -> None:
        self._control.settimeout(within_seconds)
        socket.send_fds(self._control, [json.dumps(arguments).encode()], handed)


def _end(control: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    """Let a template go: without its control it ends by itself, or is ended."""
    control.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
