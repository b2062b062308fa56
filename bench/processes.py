"""Contenders side by side, each in a fresh process with one thread: what one loads, allocates or
fragments is none of another's business. The parent says when each works, turn about.

A contender is a class that is named as `module:Class`, made with the folder of the data, and has
what `Contender` asks for. `python -m bench.processes NAME FOLDER` is its process: it reads one line
of JSON a command, and answers each with one.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from bench.memory import growth

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
ROOT = Path(__file__).parents[1]


class Contender(Protocol):
    """What has queries, and finds what is near each of them. Queries are known by their place."""

    def build(self) -> None:
        """Make ready to search."""

    def one(self, query: int) -> Iterable[int]:
        """The numbers of the entries near one query, which is asked alone."""

    def many(self, first: int, count: int) -> Iterable[Iterable[int]]:
        """The same for several queries, asked together."""


class Process:
    """A contender in a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.processes", name, str(folder)],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()

    def ask(self, command: str, *arguments: int) -> Any:
        """Have it do one thing, and wait for its answer."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        print(json.dumps([command, *arguments]), file=self._child.stdin, flush=True)
        answer = self._child.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended while it was asked to {command}")
        return json.loads(answer)


class Worker:
    """The commands that a contender's process knows."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender

    def build(self) -> dict[str, float | None]:
        """Seconds, and what it adds to the process at its peak, in bytes."""
        start = time.perf_counter()
        _, peak_bytes = growth(self._contender.build)
        return {"seconds": time.perf_counter() - start, "peak_bytes": peak_bytes}

    def one(self, first: int, count: int) -> list[float]:
        """Microseconds of each query alone."""
        times_us = []
        for query in range(first, first + count):
            start_ns = time.perf_counter_ns()
            self._contender.one(query)
            times_us.append((time.perf_counter_ns() - start_ns) / 1000)
        return times_us

    def many(self, first: int, count: int, at_once: int) -> list[float]:
        """Microseconds a query, of some that are asked together; then of the next."""
        times_us = []
        for begin in range(first, first + count, at_once):
            asked = min(at_once, first + count - begin)
            start_ns = time.perf_counter_ns()
            self._contender.many(begin, asked)
            times_us.append((time.perf_counter_ns() - start_ns) / 1000 / asked)
        return times_us

    def threads(self, count: int, threads: int) -> float:
        """Microseconds a query, where each of some threads asks the same number of them."""
        pool = [
            threading.Thread(target=self._contender.many, args=(thread * count, count))
            for thread in range(threads)
        ]
        start = time.perf_counter()
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        return (time.perf_counter() - start) * 1e6 / (count * threads)

    def answers(self, first: int, count: int) -> dict[str, Any]:
        """What is found for the queries: how many pairs, and their digest."""
        found = [sorted(map(int, each)) for each in self._contender.many(first, count)]
        alone = [
            sorted(map(int, self._contender.one(first + row))) for row in range(min(20, count))
        ]
        if alone != found[: len(alone)]:
            return {"pairs": -1, "digest": "alone and together don't agree"}
        digest = hashlib.sha256(json.dumps(found).encode()).hexdigest()
        return {"pairs": sum(map(len, found)), "digest": digest}


def work(name: str, folder: Path) -> None:
    """Do what standard input asks for, until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    module, _, kind = name.partition(":")
    worker = Worker(getattr(importlib.import_module(module), kind)(folder))
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(worker, command)(*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]))
