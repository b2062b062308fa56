"""Figures without a peer: what a goal asks for, or an operator. Like rows they come of a run alone.

A bench module offers them as `figures() -> list[Figure]`. Each says what was done, and what a check
of the answers has shown; a figure whose answers are wrong fails the run, as a row does.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Figure:
    """One value. key: its name in the record, by which a goal finds it."""

    key: str
    what: str
    value: float
    unit: str
    exact: bool
    exactness: str
    peak_bytes: int | None = None


def shown(value: float, unit: str) -> str:
    """A value as tables print it: three digits, and whole numbers from a thousand on."""
    digits = f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{digits} {unit}".strip()


@dataclass(frozen=True, slots=True)
class Check:
    """What a check has shown (`shown`), if it holds."""

    holds: bool
    shown: str

    def figure(
        self, key: str, what: str, value: float, unit: str, peak_bytes: int | None = None
    ) -> Figure:
        """A figure that this check stands behind."""
        shown = self.shown if self.holds else f"not so: {self.shown}"
        return Figure(key, what, value, unit, self.holds, shown, peak_bytes)


def processor_ms(works: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each work's processor time, all of them turn about, in this one thread.

    Processor time, because each is the work of one party on one core, and other programs' share of
    the machine is none of it.
    """
    for work in works.values():
        work()
    times_ms: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        for name in list(works)[:: -1 if turn % 2 else 1]:
            start_ns = time.thread_time_ns()
            works[name]()
            times_ms[name].append((time.thread_time_ns() - start_ns) / 1e6)
    return {name: median(times) for name, times in times_ms.items()}
