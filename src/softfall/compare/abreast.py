"""One step for several options at once: setting up, and trials, of which no time is compared.

Guarantees: results come in the order of what was given; the first failure, or Ctrl-C, is raised at
once, and what has not begun by then never does.
Leaves to the stage: ending the processes that a step in the midst still talks to, which ends it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def abreast(work: Callable[[_Given], _Made], given: Sequence[_Given], at_once: int) -> list[_Made]:
    """`work` of each, at most `at_once` at a time. Raises what `work` raises."""
    pool = ThreadPoolExecutor(max(1, at_once), thread_name_prefix="abreast")
    try:
        return [each.result() for each in [pool.submit(work, one) for one in given]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
