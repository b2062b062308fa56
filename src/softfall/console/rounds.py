"""Work that a console does by itself, again and again: each kind in a thread of its own.

Guarantees: a round that fails is logged by type and place, and tried again at its next time; a stop
waits for the round that runs. What a round does is safe to do in several processes at once.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softfall.edge.logs import Logger, failure


@dataclass(frozen=True, slots=True)
class Round:
    """`work` is called every `seconds`, and at once again where it says True: there may be more."""

    name: str
    seconds: float
    work: Callable[[], object]


class Rounds:
    """Runs rounds between `start` and `stop`."""

    def __init__(self, rounds: Sequence[Round], log: Logger) -> None:
        self._log = log
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=each.name) for each in rounds
        ]

    def start(self) -> None:
        """Begin; the first round of each is at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the rounds that run."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, each: Round) -> None:
        while not self._stopping.is_set():
            more = False
            try:
                more = each.work() is True
            except Exception as error:  # tried again; the last line of defence of this thread
                self._log.error("round failed", round=each.name, **failure(error))
            if not more:
                self._stopping.wait(each.seconds)
