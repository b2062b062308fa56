"""What reading a list tells: item by item while it is read, and one report at the end.

Guarantees: a line that can't be used is reported by its number with the reason and stops nothing;
reasons never quote the line (it may hold a hash).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from softfall.lists.entries import PDQ_BITS, Statement, ones

MAX_BAD_LINES_KEPT = 100


@dataclass(frozen=True, slots=True)
class Stated:
    """A line that is a statement."""

    line: int
    statement: Statement


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that can't be used, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that is sound but not for us (an MD5, say): not kept, and why."""

    line: int
    reason: str


Item = Stated | BadLine | Skipped


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    statements = added + merged + unchanged. `withdrawn` and `relisted` count entries whose state
    changed, whichever source changed it. `unbalanced` counts hashes that have not 128 ones of 256:
    legitimate, but PDQ makes few of them; many of them hint at another kind of hash. `views` counts
    statements on a view of a picture.
    """

    statements: int = 0
    added: int = 0
    merged: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    relisted: int = 0
    unbalanced: int = 0
    views: int = 0
    bad_count: int = 0
    bad: tuple[BadLine, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether the file held nothing at all, neither good nor bad."""
        return not (self.statements or self.bad_count or self.skipped)


class Tally:
    """Counts the items of one import as they pass; whoever keeps the list adds what it did."""

    def __init__(self) -> None:
        self.statements = 0
        self.outcomes: Counter[str] = Counter()
        self._unbalanced = 0
        self._views = 0
        self._bad_count = 0
        self._bad: list[BadLine] = []
        self._skipped: Counter[str] = Counter()

    def take(self, item: Item) -> Statement | None:
        """Count one item; the statement if it is one."""
        if isinstance(item, Stated):
            self.statements += 1
            self._unbalanced += ones(item.statement.pdq) != PDQ_BITS // 2
            self._views += item.statement.view is not None
            return item.statement
        if isinstance(item, BadLine):
            self._bad_count += 1
            if len(self._bad) < MAX_BAD_LINES_KEPT:
                self._bad.append(item)
        else:
            self._skipped[item.reason] += 1
        return None

    def report(self) -> ImportReport:
        """The counts so far."""
        return ImportReport(
            statements=self.statements,
            added=self.outcomes["added"],
            merged=self.outcomes["merged"],
            unchanged=self.outcomes["unchanged"],
            withdrawn=self.outcomes["withdrawn"],
            relisted=self.outcomes["relisted"],
            unbalanced=self._unbalanced,
            views=self._views,
            bad_count=self._bad_count,
            bad=tuple(self._bad),
            skipped=dict(self._skipped),
        )
