"""Many files opened by several processes at once, a row for each, in the order of the files.

Guarantees: each file gets one row, whatever it does to the process that opens it: a file over which
its process dies is a row with `HashingCrashed`, another process takes its place, and the run goes
on. Memory doesn't grow with the number of files: at most `AHEAD` rows wait for an earlier one.
Refuses: to go on where a process does not even start (`HashingUnavailable`), and more processes
than make sense here (`TooManyProcesses`).
Limits: a file that keeps its process busy is waited for; nothing here ends it.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from softfall.cli.hash_rows import FileHashes, failed_row
from softfall.config import MediaLimits
from softfall.errors import InputError, OperatorError, SoftfallError

WORKER: Final = (sys.executable, "-P", "-m", "softfall.cli.hash_worker")
AHEAD: Final = 512
_EACH_CORE: Final = 4  # processes; more only take each other's memory and time
_FEWEST: Final = 16
_AT_HAND: Final = 2  # files that a process holds: the one it hashes, and the next
_BLOCK_BYTES: Final = 1 << 16
# One thread each: there is a process for every core already.
_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

Task = tuple[int, Path]
Row = TypeVar("Row")


class HashingCrashed(InputError):
    """A file over which the process that opened it came to an end; it has no hashes."""

    remedy = "Don't open the file elsewhere either; report it to the authors of its decoder."


class HashingUnavailable(OperatorError):
    """The processes that hash files don't start."""

    remedy = "Read what they print above; run `softfall doctor`."


class TooManyProcesses(InputError):
    """More processes asked for than this machine can have any use of."""

    remedy = "Ask for as many as there are cores, or leave the choice to the command."


@dataclass(frozen=True, slots=True)
class Work(Generic[Row]):
    """What each process is asked to make of its files.

    how: its first line, see `hash_worker`. read: a row from its answer. failed: the row of a file
    over which a process died.
    """

    how: Mapping[str, object]
    read: Callable[[dict[str, Any]], Row]
    failed: Callable[[Path, SoftfallError], Row]


def hashing(limits: MediaLimits, mode: str, *, strip_borders: bool = False) -> Work[FileHashes]:
    """The work of `softfall hash`. mode: "exact" or "fast"; strip_borders: for a second hash."""
    return Work(
        {
            "task": "hash",
            "limits": limits.model_dump(mode="json"),
            "mode": mode,
            "strip_borders": strip_borders,
        },
        lambda answer: FileHashes(**answer),
        lambda path, error: failed_row(path, mode, error),
    )


def process_count(asked: int | None) -> int:
    """How many processes to start; one for each core, unless asked. Raises TooManyProcesses."""
    cores = len(os.sched_getaffinity(0))
    most = max(_FEWEST, _EACH_CORE * cores)
    if asked is not None and asked > most:
        raise TooManyProcesses(f"{asked} processes are asked for; here {most} are the most")
    return asked or cores


class Crew(Generic[Row]):
    """Processes that open files. Use as a context: what is left of them at its end is ended.

    jobs: how many. command: what each is started by.
    """

    def __init__(self, work: Work[Row], jobs: int, command: tuple[str, ...] | None = None) -> None:
        self._work = work
        self._command = command or WORKER
        self._selector = selectors.DefaultSelector()
        self._workers = [self._started() for _ in range(jobs)]

    def __enter__(self) -> "Crew[Row]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end(at_once=kind is not None)
        self._selector.close()

    def rows(self, paths: Iterable[Path]) -> Iterator[Row]:
        """A row for each path, in their order. Raises HashingUnavailable."""
        tasks = enumerate(paths)
        again: deque[Task] = deque()  # what a dead process held, beside what it died of
        done: dict[int, Row] = {}
        following = 0
        while True:
            self._hand_out(again, tasks, AHEAD - len(done))
            if not any(worker.held for worker in self._workers):
                return
            for number, row in self._answers(again):
                done[number] = row
            while following in done:
                yield done.pop(following)
                following += 1

    def _hand_out(self, again: deque[Task], tasks: Iterator[Task], room: int) -> None:
        """Give each process something to do, the idlest first. room: for rows that are to come."""
        while True:
            worker = min(self._workers, key=lambda each: len(each.held))
            full = sum(len(each.held) for each in self._workers) >= room and not again
            if full or len(worker.held) >= _AT_HAND:
                return
            task = again.popleft() if again else next(tasks, None)
            if task is None:
                return
            worker.give(task)

    def _answers(self, again: deque[Task]) -> Iterator[tuple[int, Row]]:
        """What has come by now, or comes first."""
        for key, _ in self._selector.select():
            worker: Worker = key.data
            for number, answer in worker.answers():
                yield number, self._work.read(answer)
            if worker.is_dead:
                yield from self._replace(worker, again)

    def _replace(self, dead: "Worker", again: deque[Task]) -> Iterator[tuple[int, Row]]:
        self._selector.unregister(dead.out)
        status = dead.end(at_once=True)
        if not dead.is_ready:
            raise HashingUnavailable(f"a process that hashes files ended ({_told(status)})")
        if dead.held:
            number, path = dead.held.popleft()
            crash = HashingCrashed(f"the process that opened the file ended ({_told(status)})")
            yield number, self._work.failed(path, crash)
            again.extend(dead.held)
        self._workers[self._workers.index(dead)] = self._started()

    def _started(self) -> "Worker":
        worker = Worker(self._command, self._work.how)
        self._selector.register(worker.out, selectors.EVENT_READ, worker)
        return worker


class Worker:
    """One process. held: the tasks that it was given and has not answered, oldest first."""

    def __init__(self, command: tuple[str, ...], greeting: object) -> None:
        try:
            with _without_ctrl_c():
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **_ENVIRONMENT},
                )
        except OSError as error:
            raise HashingUnavailable(f"no process can be started: {error.strerror}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self.out = self._process.stdin, self._process.stdout
        self.held: deque[Task] = deque()
        self.is_ready = self.is_dead = False
        self._rest = b""
        self._write(greeting)

    def give(self, task: Task) -> None:
        """One more to hash, after what it holds."""
        self.held.append(task)
        self._write(str(task[1]))

    def answers(self) -> list[tuple[int, dict[str, Any]]]:
        """What it has answered since; marks it dead where nothing more can come."""
        data = os.read(self.out.fileno(), _BLOCK_BYTES)
        self.is_dead = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines and not self.is_ready:
            self.is_ready = bool(lines.pop(0))
        return [(self.held.popleft()[0], json.loads(line)) for line in lines]

    def end(self, *, at_once: bool) -> int:
        """Its exit status, as `subprocess` has it."""
        if at_once:
            self._process.kill()
        with suppress(BrokenPipeError):
            self._in.close()
        self.out.close()
        return self._process.wait()

    def _write(self, what: object) -> None:
        with suppress(BrokenPipeError):  # it is dead, which reading will tell
            self._in.write(json.dumps(what).encode() + b"\n")
            self._in.flush()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A process started in here is deaf to SIGINT from its first instruction; ours waits for it.

    Otherwise a Ctrl-C that comes while it still imports would end it with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
