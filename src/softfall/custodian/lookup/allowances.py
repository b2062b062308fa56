"""What each tool may look up in an hour: how many hashes, and how many of them may match.

Guarantees: in any 60 minutes a tool is answered at most `hashes_per_hour` hashes, and told of at
most `matches_per_hour` entries, by all workers together, over restarts and kill -9. Counted on disk
before an answer leaves; each worker counts a little in advance, uses it within the same ten
seconds, and gives back what it did not use: so a lookup seldom waits for the disk, and whoever
stays under a limit, by a hundredth, is never refused.
Why matches: who has altered a picture that matches can walk, by yes and no, to the entry's own
hash. So a lookup that finds more than can still be told uses up all that is left, and then nothing
at all is answered, whatever it would have found: no refusal is cheaper than an answer.
Limits: what a killed worker held counts as used. The other workers look once a second whether a
tool's matches are used up: until then each may still refuse one lookup because it matched.
"""

from typing import Final

from sqlalchemy import Engine

from softfall.custodian.counting import Allowance, Clock, Counting, Held
from softfall.custodian.quota import HOUR_MS, on_disk
from softfall.custodian.quota_tables import tool_lookups
from softfall.errors import RefusedError

_WINDOW_MS: Final = 10_000
_SHARES: Final = 1000  # of an allowance; a worker holds one in advance, or less
_SEEN_MS: Final = 1000  # what the disk said is repeated for so long without asking it again


class ToolLookupsSpent(RefusedError):
    """The tool has looked up as much as it may in an hour."""

    remedy = "Wait as long as Retry-After says; the keeper sets lookup.hashes_per_hour."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class ToolMatchesSpent(RefusedError):
    """The tool has been told of as many entries as it may in an hour, so it is told nothing."""

    remedy = (
        "Wait as long as Retry-After says, and hold back what was not answered; the keeper sets "
        "lookup.matches_per_hour."
    )

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


_SPENT: Final = {"hashes": ToolLookupsSpent, "matches": ToolMatchesSpent}


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

        Raises ToolMatchesSpent, ToolLookupsSpent, QuotaNotCounted.
        """
        self._share(tool, "matches").see()
        self._share(tool, "hashes").take(hashes)

    def tell(self, tool: str, matches: int) -> None:
        """After it: count what matched, which may be nothing.

        Raises ToolMatchesSpent, QuotaNotCounted: tell nothing. What can't be paid uses up the rest.
        """
        share = self._share(tool, "matches")
        share.see()  # of much asked at once, what comes last is refused whether it matches or not
        if matches:
            share.take_or_use_up(matches)

    def settle(self) -> None:
        """Give back what is held of times gone by; once in a while. Raises QuotaNotCounted."""
        for share in self._shares.values():
            share.settle()

    def close(self) -> None:
        """Give back all that is held. Raises QuotaNotCounted."""
        for share in self._shares.values():
            share.give_back()

    def _share(self, tool: str, what: str) -> "_Share":
        key = (tool, what)
        if key not in self._shares:
            limit = self._limits[what]
            allowance = Allowance(
                tool_lookups, limit, f"{what} an hour", _WINDOW_MS, HOUR_MS, _SPENT[what],
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
        self._window_start_ms = 0
        self._until_ms = 0
        self._refusal: RefusedError | None = None
        self._refused_from = 0  # so many, and more, were refused
        self._seen_until_ms = 0

    def take(self, count: int) -> None:
        """Use some. Raises the allowance's refusal, QuotaNotCounted: then none is used."""
        now_ms = self._monotonic_ms()
        if count > self._left or now_ms >= self._until_ms:
            self._hold(count, now_ms)
        self._left -= count

    def take_or_use_up(self, count: int) -> None:
        """Use some, or all that there is. Raises its refusal, QuotaNotCounted."""
        try:
            self.take(count)
        except RefusedError:
            with on_disk():
                refusal = self._counting.use_up(self._held())
            self._left = 0
            self._keep_in_mind(refusal, 1)
            raise refusal from None

    def see(self) -> None:
        """Use nothing. Raises the allowance's refusal if nothing is left, QuotaNotCounted."""
        self.settle()
        if self._left:
            return
        if self._monotonic_ms() >= self._seen_until_ms:
            with on_disk():
                self._keep_in_mind(self._counting.see(), 1)
        if self._refusal is not None:
            raise self._refusal

    def settle(self) -> None:
        """Give back what can be used no more."""
        if self._left and self._monotonic_ms() >= self._until_ms:
            self.give_back()

    def give_back(self) -> None:
        """Give back all that is held."""
        held = self._held()
        if held is not None:
            with on_disk():
                self._counting.give_back(held)
            self._left = 0

    def _hold(self, count: int, now_ms: int) -> None:
        """Hold at least so much, of the present window, in place of what was held."""
        refusal = self._refusal if now_ms < self._seen_until_ms else None
        if refusal is not None and count >= self._refused_from:
            raise refusal
        until_ms = now_ms + self._counting.left_ms()
        try:
            with on_disk():
                held = self._counting.held(count, self._usual, self._held())
        except RefusedError as spent:
            self._keep_in_mind(spent, count)
            raise
        self._left, self._window_start_ms = held.count, held.window_start_ms
        self._until_ms = until_ms
        self._seen_until_ms = 0  # what was seen before holds no longer: this may be the last of it

    def _keep_in_mind(self, refusal: RefusedError | None, count: int) -> None:
        """What the disk said when it was asked for so many."""
        self._refusal, self._refused_from = refusal, count
        self._seen_until_ms = self._monotonic_ms() + _SEEN_MS

    def _held(self) -> Held | None:
        return Held(self._left, self._window_start_ms) if self._left else None
