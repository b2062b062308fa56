"""A table's cells, and figures as people read them.

Guarantees: a tone (good, mixed, bad, plain) says how a cell reads; nothing here computes a finding.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Tone(Enum):
    """How a cell reads."""

    GOOD = "good"
    MIXED = "mixed"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer: a few words, and a note where they need one.

    brief: what stands for a note that is too long for a terminal.
    """

    text: str
    note: str = ""
    tone: Tone = Tone.PLAIN
    brief: str = ""


TAKES_NO_PART: Final = Cell("-", "takes no part")


@dataclass(frozen=True, slots=True)
class Row:
    """One question. detail: what exactly is counted."""

    question: str
    detail: str
    cells: tuple[Cell, ...]
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one kind. long_notes: too long for a terminal, which has `brief`."""

    title: str
    rows: tuple[Row, ...]
    long_notes: bool = False


def size(size_bytes: float | None) -> str:
    """Bytes for people: 1 kB is 1,000 bytes."""
    if size_bytes is None:
        return "-"
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size_bytes) >= step:
            return f"{size_bytes / step:,.1f} {unit}"
    return f"{size_bytes:,.0f} B"


def duration(value_ms: float | None) -> str:
    """Milliseconds for people."""
    if value_ms is None:
        return "-"
    return f"{value_ms:,.0f} ms" if value_ms >= 10 else f"{value_ms:,.1f} ms"


def percent(value: float | None, digits: int = 0) -> str:
    """A share for people."""
    return "-" if value is None else f"{value * 100:.{digits}f} %"
