"""One process a party: started, asked, measured, and always stopped.

Guarantees: every process started here is ended when the stage is left, whatever the reason (a
failure, Ctrl-C); a process whose witness is killed sees the end of its standard input and stops by
itself. Each has its own process group, so that a terminal's Ctrl-C reaches the witness alone.
Commands and answers are JSON lines over standard input and output; logs go to a file.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from softfall.errors import UnavailableError

START_SECONDS: Final = 120.0
ANSWER_SECONDS: Final = 120.0
STOP_SECONDS: Final = 5.0
LOG_LINES_SHOWN: Final = 3

Progress = Callable[[int, int], None]


class PartyFailed(UnavailableError):
    """A party's process ended, or did not answer."""

    remedy = "Read the reason; run again with --keep to look at the party's own log."


class PartyProcess:
    """One running party. `answer` of a command is a mapping; a party's error is PartyFailed."""

    def __init__(self, role: str, kind: str, task: Mapping[str, Any], log: Path) -> None:
        self.role = role
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules, by this interpreter
                [sys.executable, "-m", "softfall.compare.party", kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True, name=f"{role} output").start()
        self._write(task)

    @property
    def pid(self) -> int:
        """The operating system's number of the process."""
        return self._process.pid

    def ready(self, progress: Progress = lambda done, total: None) -> dict[str, Any]:
        """Wait until the party says `ready`; everything that it told until then.

        Raises PartyFailed where it says nothing at all for `START_SECONDS`.
        """
        told: dict[str, Any] = {}
        while "ready" not in told:
            line = self._next(START_SECONDS, "did not start")
            if "progress" in line:
                progress(*line["progress"])
            else:
                told |= line
        return told

    def ask(self, command: str, **values: Any) -> dict[str, Any]:
        """One command's answer. Raises PartyFailed."""
        self.tell(command, **values)
        return self.answer()

    def tell(self, command: str, **values: Any) -> None:
        """Send one command; `answer` waits for what comes of it. Raises PartyFailed."""
        self._write({"do": command, **values})

    def answer(self) -> dict[str, Any]:
        """The answer to the last command. Raises PartyFailed."""
        return self._next(ANSWER_SECONDS, "did not answer")

    def cpu_ms(self) -> float:
        """Processor time that the process has used, all threads, in milliseconds."""
        # Linux: the clock of another process, as clock_getcpuclockid(3) makes its number.
        return time.clock_gettime_ns((~self.pid << 3) | 2) / 1e6

    def stop(self) -> None:
        """End the process and all that it started; wait until it is gone."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self._process.stdin.close()  # the party's own sign to stop in good order
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._signal(signal.SIGKILL)  # what it may have left behind in its group

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise PartyFailed(f"{self.role} ended: {self._last_words()}") from None

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _next(self, timeout_seconds: float, failure: str) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=timeout_seconds)
        except queue.Empty:
            raise PartyFailed(f"{self.role} {failure} in {timeout_seconds:.0f} s") from None
        if line is None:
            self._lines.put(None)
            raise PartyFailed(f"{self.role} ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise PartyFailed(f"{self.role}: {answer['failed']}")
        return answer

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return " | ".join(said[-LOG_LINES_SHOWN:]) or "it said nothing"


class Stage:
    """The processes of a run; leaving it stops every one, last started first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parties: list[PartyProcess] = []
        self._lock = threading.Lock()
        self._left = False

    def start(self, role: str, kind: str, task: Mapping[str, Any]) -> PartyProcess:
        """A new process; its log is `folder/role.log`. `ready` waits for it.

        Threads may share the stage. Raises PartyFailed once it was left.
        """
        log = self.folder / f"{role.replace(' ', '-')}.log"
        with self._lock:
            if self._left:
                raise PartyFailed(f"{role} was not started: the run is over")
            party = PartyProcess(role, kind, task, log)
            self._parties.append(party)
        return party

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all, even if the terminal's Ctrl-C is pressed again meanwhile."""
        with self._lock:
            self._left = True
        previous = None
        if threading.current_thread() is threading.main_thread():
            previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            stopping = [threading.Thread(target=party.stop) for party in reversed(self._parties)]
            for thread in stopping:
                thread.start()
            for thread in stopping:
                thread.join()
        finally:
            if previous is not None:
                signal.signal(signal.SIGINT, previous)
