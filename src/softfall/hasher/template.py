"""A process that has loaded all it takes, opens nothing, and is forked once for each picture.

Guarantees: it never reads a byte of any picture: the child that does confines itself first
(sandbox.py), exactly as a hasher started afresh, holds no descriptor but its own picture, its own
answer and the null device, and ends after its one picture. What is inherited was there before any
picture came: interpreter, decoders, compiled kernels; no key, no message, no other picture.
One thread at all times, so that a fork is a whole copy.
Refuses: nothing; a request that it can't read ends it, and its service starts another.
Limit: children share the places of things in memory, so whatever crashes one learns a little of
the next: `edge/template.py` starts a new template after every picture that broke its process.
Why: loading takes hundreds of milliseconds, a fork one or two.

Its service talks over descriptor 0, a SOCK_SEQPACKET socket. A request is a JSON list of words, the
program's name first, with three descriptors: where the picture comes from, where the answer goes,
and a socket for the child's life. Over that go a descriptor of the process (pidfd), so that its
service can end this very process and no other, and when it has ended its status, 4 bytes.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from softfall.hasher import main as hashing
from softfall.hasher import rendering
from softfall.media import pdq_kernels  # wherever it is loaded, `pdq` takes these
from softfall.media.pdq import pdq

MAX_REQUEST_BYTES: Final = 4096
STATUS: Final = struct.Struct(">i")
_DESCRIPTORS: Final = 3
_CONTROL, _PICTURE, _ANSWER, _ERRORS = 0, 0, 1, 2

Program = Callable[[Sequence[str]], int]
PROGRAMS: Final[Mapping[str, Program]] = {
    "hash": partial(hashing.main, measure=pdq),
    "lookup": hashing.main_of_lookups,
    "render": rendering.main,
}


def main(arguments: Sequence[str], programs: Mapping[str, Program] = PROGRAMS) -> int:
    """Serve until the service closes its end and every child has ended. Returns 0.

    arguments: the folder of compiled kernels.
    """
    _load(*arguments)
    gc.collect()
    gc.freeze()  # what is here now is never looked through again, so its pages stay shared
    _Template(programs).serve()
    return 0


def _load(cache: str) -> None:
    """Have every kernel ready: a confined process can open no file, so compile nothing."""
    if cache:
        os.environ["SOFTFALL_CACHE_DIR"] = cache
    pdq_kernels.ready()
    os.environ.pop("SOFTFALL_CACHE_DIR", None)


class _Template:
    def __init__(self, programs: Mapping[str, Program]) -> None:
        self._programs = programs
        self._control = socket.socket(fileno=_CONTROL)
        self._lives: dict[int, socket.socket] = {}
        self._ended, wake = os.pipe()
        for descriptor in (self._ended, wake):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Take requests; tell of children that end."""
        watched = [self._control.fileno(), self._ended]
        while watched != [self._ended] or self._lives:
            ready, _, _ = select.select(watched, [], [])
            if self._ended in ready:
                os.read(self._ended, 4096)
                self._tell_of_ended()
            if _CONTROL in ready and not self._take():
                watched = [self._ended]

    def _take(self) -> bool:
        """One request; False at the service's end of it."""
        body, descriptors, _, _ = socket.recv_fds(self._control, MAX_REQUEST_BYTES, _DESCRIPTORS)
        if not body:
            return False
        picture, answer, life = descriptors
        name, *arguments = json.loads(body)
        program = self._programs[name]
        pid = os.fork()
        if pid == 0:
            _become(program, arguments, picture, answer)
        os.close(picture)
        os.close(answer)
        self._lives[pid] = socket.socket(fileno=life)
        handle = os.pidfd_open(pid)  # it is there, if only as one that has ended: reaped below
        _send(self._lives[pid], b".", [handle])
        os.close(handle)
        return True

    def _tell_of_ended(self) -> None:
        while self._lives:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._lives.pop(pid) as life:
                _send(life, STATUS.pack(os.waitstatus_to_exitcode(status)), [])


def _send(life: socket.socket, body: bytes, descriptors: list[int]) -> None:
    with contextlib.suppress(OSError):  # where nobody waits for it any more
        socket.send_fds(life, [body], descriptors)


def _become(program: Program, arguments: Sequence[str], picture: int, answer: int) -> None:
    """The child's whole life."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(picture, _PICTURE)
        os.dup2(answer, _ANSWER)
        os.closerange(_ERRORS + 1, os.sysconf("SC_OPEN_MAX"))
        status = program(arguments)
    finally:
        os._exit(status)
