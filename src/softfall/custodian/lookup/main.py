"""Running the lookup service: one port, several workers, each started again when it dies.

Guarantees: "listening on ..." is printed once every worker answers. A worker that dies is replaced,
at once the first time, later after a growing wait; callers of the others notice nothing. SIGTERM
and SIGINT end every worker in good order; none outlives this process, even where that is killed.
Refuses to start where a worker can't (`LookupNotStarted`, with its reason and remedy).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from softfall.config import CustodianSettings, LookupSettings
from softfall.custodian.lookup.worker import FIGURES_VARIABLE, READY, WorkerOrders
from softfall.custodian.store import only_one
from softfall.edge.logs import Logger, make_logger, quiet_libraries
from softfall.edge.serve import announce, hold
from softfall.errors import OperatorError

WORKER: Final = (sys.executable, "-m", "softfall.custodian.lookup.worker")
_LOOK_SECONDS: Final = 0.1
_END_SECONDS: Final = 30.0
_WAITS_SECONDS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)  # before the first, second, ... new start
_WELL_SECONDS: Final = 30.0  # who lived so long is started again at once


class LookupNotStarted(OperatorError):
    """A worker of the lookup service could not start, so none answers."""

    remedy = "The service's log may tell more; `softfall doctor` says what is not right."

    def __init__(self, what: str, remedy: str = remedy) -> None:
        super().__init__(what)
        self.remedy = remedy


def main(custodian: CustodianSettings, settings: LookupSettings) -> None:
    """Serve until SIGTERM or SIGINT; prints "listening on ..." when ready.

    Raises DataInUse, AddressUnusable, LookupNotStarted.
    """
    log = make_logger("lookup")
    quiet_libraries(log)
    with (
        only_one(custodian.data_dir, "lookup"),
        hold(settings.host, settings.port) as held,
        tempfile.TemporaryDirectory(prefix="softfall-lookup-") as figures,
        _told_to_stop() as stop,
    ):
        port = held.getsockname()[1]
        orders = WorkerOrders(custodian=custodian, lookup=settings, port=port)
        crew = [_Post(orders, figures, log) for _ in range(settings.workers)]
        try:
            if _all_ready(crew, stop):
                shown = f"[{settings.host}]" if ":" in settings.host else settings.host
                announce(f"https://{shown}:{port}")
                while not stop.wait(_LOOK_SECONDS):
                    for post in crew:
                        post.look()
        finally:
            for post in crew:
                post.dismiss()
            for post in crew:
                post.wait()


def _all_ready(crew: list["_Post"], stop: threading.Event) -> bool:
    """Wait until all are; False if told to stop before. Raises LookupNotStarted."""
    while not stop.wait(_LOOK_SECONDS):
        for post in crew:
            if post.has_ended and not post.is_ready:
                raise post.failure
        if all(post.is_ready for post in crew):
            return True
    return False


class _Post:
    """One worker's place: whoever holds it now, and when it was taken."""

    def __init__(self, orders: WorkerOrders, figures: str, log: Logger) -> None:
        self._orders = orders
        self._figures = figures
        self._log = log
        self._deaths = 0
        self._start_at = 0.0
        self._start()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def failure(self) -> LookupNotStarted:
        """Why it never was ready, and what to do, in its own words where it had any."""
        self._reader.join(_END_SECONDS)
        if self._failure is None:
            status = self._process.poll()
            return LookupNotStarted(f"a worker ended by itself (status {status})")
        return self._failure

    def look(self) -> None:
        """Put somebody else in the place of one that died, once its wait is over."""
        if not self.has_ended:
            return
        now = time.monotonic()
        if not self._start_at:
            if now - self._started_at > _WELL_SECONDS:
                self._deaths = 0
            wait_s = _WAITS_SECONDS[min(self._deaths, len(_WAITS_SECONDS) - 1)]
            self._deaths += 1
            self._start_at = now + wait_s
            self._log.error("worker died", status=self._process.poll(), again_in_seconds=wait_s)
        if now >= self._start_at:
            self._start()

    def dismiss(self) -> None:
        """Let it finish what it is at, and end."""
        with contextlib.suppress(OSError):
            self._input.close()

    def wait(self) -> None:
        """Until it has ended; not for ever."""
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        self._start_at = 0.0
        self._started_at = time.monotonic()
        self.is_ready = False
        self._failure: LookupNotStarted | None = None
        process = self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, FIGURES_VARIABLE: self._figures},
            start_new_session=True,  # Ctrl-C is for the one who starts them
        )
        assert process.stdin is not None
        self._input = process.stdin
        with contextlib.suppress(BrokenPipeError):  # it is dead already, which is seen soon
            self._input.write(self._orders.model_dump_json() + "\n")
            self._input.flush()
        self._reader = threading.Thread(target=self._listen, args=(process,), daemon=True)
        self._reader.start()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.strip() == READY:
                    self.is_ready = True
                else:
                    told: dict[str, Any] = json.loads(line)
                    what = f"{told['error']}: {told['what']}"
                    self._failure = LookupNotStarted(what, told["remedy"])


@contextlib.contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def told(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
