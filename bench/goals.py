"""What was asked to be reached, and whether a run reached it; the goals themselves are in `asked`.

Guarantees: what was measured comes out of a run's record (`rows`, `figures`) alone, and what an
experiment measured out of that experiment's record.
A goal that needs what a run did not measure is left out of that run's judgement.
"""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import asked

Record = dict[str, Any]
Measure = Callable[[Record], float | None]

EXPERIMENT = Path(__file__).parents[1] / "docs" / "experiments" / "on-device.json"


@dataclass(frozen=True, slots=True)
class Goal:
    """What was asked of an area. missed: what to say, and what to do, if it is not reached.

    area: an option, or one of the works that options share.

    at_most: whether `bound` is the most or the least that will do.
    """

    area: str
    what: str
    bound: float
    unit: str
    measure: Measure
    at_most: bool = True
    missed: str = ""

    def judge(self, record: Record) -> "Judged | None":
        """None where the record lacks what it takes."""
        measured = self.measure(record)
        if measured is None:
            return None
        met = measured <= self.bound if self.at_most else measured >= self.bound
        asked = "at most" if self.at_most else "at least"
        missed = "" if met else self.missed
        return Judged(self.area, self.what, asked, self.bound, self.unit, measured, met, missed)


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal beside what was measured; missed is empty where it is met."""

    area: str
    what: str
    asked: str
    bound: float
    unit: str
    measured: float
    met: bool
    missed: str


def row(work: str, turned: Callable[[float], float] = float) -> Measure:
    """Our median of one row, in ms, turned into the goal's unit."""

    def measure(record: Record) -> float | None:
        found = [each["our_median_ms"] for each in record["rows"] if each["work"].startswith(work)]
        return turned(found[0]) if len(found) == 1 else None

    return measure


def ratio(work: str) -> Measure:
    """The peer's median over ours, of the one row whose work begins so."""

    def measure(record: Record) -> float | None:
        found = [each["ratio"] for each in record["rows"] if each["work"].startswith(work)]
        return float(found[0]) if len(found) == 1 else None

    return measure


def figure(*keys: str, scale: float = 1) -> Measure:
    """The largest of some figures, times `scale`."""

    def measure(record: Record) -> float | None:
        values = {each["key"]: each["value"] for each in record["figures"]}
        return scale * max(values[key] for key in keys) if set(keys) <= set(values) else None

    return measure


def experiment(part: str, name: str, scale: float = 1) -> Measure:
    """A value of the on-device experiment, for runs that measure the on-device list at all."""

    def measure(record: Record) -> float | None:
        if figure("on_device.download")(record) is None:
            return None
        return scale * float(json.loads(EXPERIMENT.read_text("utf-8"))[part][name])

    return measure


def judge(record: Record, goals: Iterable[Goal] | None = None) -> list[dict[str, Any]]:
    """Each goal that the record has figures for, as it goes into the record.

    goals: None for every one.
    """
    judged = (goal.judge(record) for goal in (every() if goals is None else goals))
    return [asdict(each) for each in judged if each is not None]


def every() -> list[Goal]:
    """The goals of every module of `asked`, in the order of the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(asked.__path__))
    modules = [importlib.import_module(f"{asked.__name__}.{name}") for name in names]
    return [goal for module in modules for goal in module.GOALS]
