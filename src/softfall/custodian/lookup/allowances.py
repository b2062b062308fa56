"""What each tool may look up in an hour: how many hashes, and how many of them may match.

Guarantees: in any 60 minutes a tool is answered at most `hashes_per_hour` hashes, by all workers
together, over restarts and kill -9; of these about `matches_per_hour` match: once they are used up
the tool is answered nothing at all, or a refusal would tell what it asked for. Counted on disk
before an answer leaves; each worker counts a share in advance and uses it up within the same
window, so that a lookup seldom waits for the disk.
Why matches: who has altered a picture that matches can walk, by yes and no, to the entry's own
hash; each step is a lookup, and about half the steps match. Honest use matches rarely.
Limit: a share that a stopped worker had not used counts as used.
"""

from typing import Final

from sqlalchemy import Engine

from softfall.custodian.counting import Allowance, Clock, Counting
from softfall.custodian.quota import HOUR_MS, WINDOW_MS, on_disk
from softfall.custodian.quota_tables import tool_lookups
from softfall.errors import RefusedError

_SHARES: Final = 20  # of an allowance; a worker counts one in advance
_REFUSED_MS: Final = 1000  # a refusal is repeated for so long without asking the disk again


class ToolLookupsSpent(RefusedError):
    """The tool has looked up as much as it may in an hour."""

    remedy = "Wait as long as Retry-After says; the keeper sets lookup.hashes_per_hour and others."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class Allowances:
    """All tools' allowances, as one worker counts them; not for several threads."""

    def __init__(
        self, engine: Engine, hashes: int, matches: int, wall_ms: Clock, monotonic_ms: Clock
    ) -> None:
        """engine: of the quota's database. hashes, matches: an hour, each tool."""
        self._engine = engine
        self._limits = {"hashes": hashes, "matches": matches}
        self._clocks = (wall_ms, monotonic_ms)
        self._shares: dict[tuple[str, str], _Share] = {}

    def admit(self, tool: str, hashes: int) -> None:
        """Before a search: count its hashes, and see that a match could still be told.

        Raises ToolLookupsSpent, QuotaNotCounted.
        """
        self._share(tool, "matches").need(1)
        self._share(tool, "hashes").take(hashes)

    def tell(self, tool: str, matches: int) -> None:
        """After it: count what matched. Raises ToolLookupsSpent, QuotaNotCounted: tell nothing."""
        self._share(tool, "matches").take(matches)

    def _share(self, tool: str, what: str) -> "_Share":
        key = (tool, what)
        if key not in self._shares:
            limit = self._limits[what]
            allowance = Allowance(
                tool_lookups, limit, f"{what} an hour", WINDOW_MS, HOUR_MS, ToolLookupsSpent,
                {"tool": tool, "what": what},
            )  # fmt: skip
            with on_disk():
                counting = Counting(self._engine, allowance, *self._clocks)
            self._shares[key] = _Share(counting, max(1, limit // _SHARES), self._clocks[1])
        return self._shares[key]


class _Share:
    """What this worker has counted in advance; good until the window that it was counted in ends.

    So whatever is used of it is still counted 60 minutes later.
    """

    def __init__(self, counting: Counting, usual: int, monotonic_ms: Clock) -> None:
        self._counting = counting
        self._usual = usual
        self._monotonic_ms = monotonic_ms
        self._left = 0
        self._until_ms = 0
        self._refusal: ToolLookupsSpent | None = None
        self._refused_until_ms = 0

    def take(self, count: int) -> None:
        """Use some. Raises ToolLookupsSpent, QuotaNotCounted: then none is used."""
        self.need(count)
        self._left -= count

    def need(self, count: int) -> None:
        """See that there is enough. Raises ToolLookupsSpent, QuotaNotCounted."""
        if self._monotonic_ms() >= self._until_ms:
            self._left = 0
        if count <= self._left:
            return
        if self._refusal is not None and self._monotonic_ms() < self._refused_until_ms:
            raise self._refusal
        lacking = count - self._left
        until_ms = self._monotonic_ms() + self._counting.left_ms()
        try:
            self._counted(max(lacking, self._usual))
        except ToolLookupsSpent:
            self._count_the_rest(lacking)
        self._until_ms = until_ms

    def _count_the_rest(self, count: int) -> None:
        try:
            self._counted(count)
        except ToolLookupsSpent as refusal:
            self._refusal = refusal
            self._refused_until_ms = self._monotonic_ms() + _REFUSED_MS
            raise

    def _counted(self, count: int) -> None:
        with on_disk(), self._counting.counted(count):
            pass
        self._left += count
