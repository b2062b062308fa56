"""Looking over an audit log, line by line: what was changed, removed, moved, added or cut off.

Guarantees: a log passes only if each line's hash fits its fields, each line is chained to the one
before, the first to the log's name, and each checkpoint fits; every finding names the line. The
log's own order is what is checked, so memory does not grow with the log.
Limit: lines after the newest checkpoint can be rewritten or cut off unseen by whoever holds the
database; lines before it only by whoever also holds the key and every copy of the checkpoints.
Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from softfall.audit.chain import HASH_BYTES, Line, genesis, line_hash
from softfall.audit.checkpoints import Checkpoint

FINDINGS_KEPT: Final = 100
_MOVED_WITHIN = 500  # how far from its place a line's old number is looked for
_MOVES_LOOKED_FOR = 50
_GAPS_KEPT = 1_000


class Fault(StrEnum):
    """What can be wrong with a log."""

    CHANGED = "changed"  # the line's hash does not fit its fields
    REPLACED = "replaced"  # the next line was chained to another
    MISSING = "missing"
    MOVED = "moved"
    REPEATED = "repeated"
    UNREADABLE = "unreadable"
    CUT_OFF = "cut off"  # a checkpoint knows of lines beyond the end
    REWRITTEN = "rewritten"  # a checkpoint knows the line with another hash
    FALSE_CHECKPOINT = "false checkpoint"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and at which line."""

    fault: Fault
    number: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and what was found.

    checkpoints: how many held; covered: up to which line they vouch (0: none).
    findings: the first FINDINGS_KEPT of `found`.
    """

    log: str
    lines: int
    checkpoints: int
    covered: int
    found: int
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.found == 0


@dataclass(slots=True)
class Verifier:
    """Takes a log's lines in their order, then says what it found.

    checkpoints: all that are at hand, from wherever; keys: whose signatures count, 32 bytes each.
    """

    log: str
    checkpoints: Iterable[Checkpoint] = ()
    keys: frozenset[bytes] = frozenset()
    _lines: int = 0
    _found: int = 0
    _findings: list[Finding] = field(default_factory=list)
    _awaited: dict[int, set[bytes]] = field(default_factory=dict)
    _held: int = 0
    _covered: int = 0
    _gaps: list[range] = field(default_factory=list)
    _last: Line | None = None
    _last_is_sound: bool = True
    _highest: int = 0
    _moves_looked_for: int = 0

    def __post_init__(self) -> None:
        for checkpoint in dict.fromkeys(self.checkpoints):
            if problem := self._problem_of(checkpoint):
                self.false_checkpoint(checkpoint.number, problem)
            else:
                self._awaited.setdefault(checkpoint.number, set()).add(checkpoint.hash)

    def take(self, line: Line) -> None:
        """Look at the next line."""
        self._lines += 1
        sound = _is_readable(line) and line.intact
        if not sound:
            self._find(*self._how_unsound(line))
        if self._is_in_place(line.number):
            self._check_link(line, sound)
            self._check_signed(line)
            self._last, self._last_is_sound = line, sound
            self._highest = line.number

    def false_checkpoint(self, number: int, sentence: str) -> None:
        """Note a checkpoint that says nothing: damaged, or signed by nobody known."""
        self._find(Fault.FALSE_CHECKPOINT, number, sentence)

    def unreadable(self, what: str) -> None:
        """Note a line, after the last one taken, that could not be read at all."""
        number = self._highest + 1
        self._find(Fault.UNREADABLE, number, f"line {number} can't be read: {what}")
        if number > 0:
            self._highest, self._last = number, None
            self._awaited.pop(number, None)

    def finish(self) -> Verdict:
        """What was found, once every line was taken."""
        for gap in self._gaps:
            self._find(Fault.MISSING, gap.start, f"{_span(gap)} missing")
        if beyond := [number for number in self._awaited if number > self._highest]:
            lost = range(self._highest + 1, max(beyond) + 1)
            self._find(
                Fault.CUT_OFF,
                lost.start,
                f"the log was cut off after line {self._highest}: a signed checkpoint knows of "
                f"line {lost.stop - 1}, so {_span(lost)} missing",
            )
        return Verdict(
            self.log, self._lines, self._held, self._covered, self._found, tuple(self._findings)
        )

    def _find(self, fault: Fault, number: int, sentence: str) -> None:
        self._found += 1
        if len(self._findings) < FINDINGS_KEPT:
            self._findings.append(Finding(fault, number, sentence))

    def _problem_of(self, checkpoint: Checkpoint) -> str:
        about = f"the checkpoint of line {checkpoint.number}"
        if not checkpoint.signature_holds:
            return f"{about} was changed: its signature does not hold"
        if checkpoint.public_key not in self.keys:
            return f"{about} is signed by another key, {checkpoint.public_key.hex()[:16]}..."
        if checkpoint.log != self.log:
            return f"{about} is of another log, or this log's name was changed"
        return ""

    def _how_unsound(self, line: Line) -> tuple[Fault, int, str]:
        was = self._written_as(line)
        if was is None:
            told = f"line {line.number} was changed: its hash does not fit what it says"
            return (Fault.CHANGED, line.number, told)
        told = f"line {line.number} was written as line {was}: lines were removed, added or moved"
        return (Fault.MOVED, line.number, told)

    def _written_as(self, line: Line) -> int | None:
        """The number under which the line's hash would fit, if it is near."""
        if not _is_readable(line) or self._moves_looked_for >= _MOVES_LOOKED_FOR:
            return None
        self._moves_looked_for += 1
        near = range(max(1, line.number - _MOVED_WITHIN), line.number + _MOVED_WITHIN)
        return next((n for n in near if line_hash(replace(line, number=n)) == line.hash), None)

    def _is_in_place(self, number: int) -> bool:
        """Whether a line of this number may come now; notes what it skips, or where it belongs."""
        if number <= self._highest:
            gap = next((gap for gap in self._gaps if number in gap), None)
            if gap is None:
                told = f"a line numbered {number} stands after line {self._highest}: it was added"
                self._find(Fault.REPEATED, number, told)
            else:
                self._gaps.remove(gap)
                parts = (range(gap.start, number), range(number + 1, gap.stop))
                self._gaps += [part for part in parts if part]
                told = f"line {number} was moved: it stands after line {self._highest}"
                self._find(Fault.MOVED, number, told)
            return False
        if number > self._highest + 1:
            gap = range(self._highest + 1, number)
            if len(self._gaps) < _GAPS_KEPT:  # its lines may still come, out of their order
                self._gaps.append(gap)
            else:
                self._find(Fault.MISSING, gap.start, f"{_span(gap)} missing")
            self._last = None
        return True

    def _check_link(self, line: Line, sound: bool) -> None:
        """Whether it is chained to the one before; what is found already is not told twice."""
        if not sound:
            return
        if line.number == 1:
            if line.previous != genesis(self.log):
                told = "line 1 was replaced, or the log's name: they do not belong together"
                self._find(Fault.REPLACED, 1, told)
        elif self._last and self._last_is_sound and line.previous != self._last.hash:
            told = (
                f"line {self._last.number} was replaced, or line {line.number} added: the one is "
                "not chained to the other"
            )
            self._find(Fault.REPLACED, self._last.number, told)

    def _check_signed(self, line: Line) -> None:
        signed = self._awaited.pop(line.number, set())
        if not signed:
            return
        if signed == {line.hash}:
            self._held += 1
            self._covered = line.number
            return
        first = self._covered + 1
        told = (
            f"line {line.number} is not the one that was signed: "
            f"lines from {first} to {line.number} were rewritten, one of them at least"
        )
        self._find(Fault.REWRITTEN, line.number, told)


def _is_readable(line: Line) -> bool:
    """Whether each field is what its column should hold; a database may hold anything."""
    texts = (line.who, line.action, line.subject, line.details)
    return (
        all(isinstance(text, str) for text in texts)
        and type(line.number) is int
        and type(line.at_ms) is int
        and len(line.previous) == HASH_BYTES
    )


def _span(numbers: range) -> str:
    if len(numbers) == 1:
        return f"line {numbers.start} is"
    return f"lines {numbers.start} to {numbers.stop - 1} are"
