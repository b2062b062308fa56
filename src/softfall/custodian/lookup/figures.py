"""The lookup service's figures: summed over all its workers for Prometheus, by tool for the log.

Guarantees: counts alone; no hash, no answer, and in what Prometheus reads no tool's name. Once in
`LOG_SECONDS` a log line says what each tool did meanwhile: a record of who asked how much.
What was answered is added up in plain numbers, and handed on to Prometheus every `FLUSH_SECONDS`
and before this worker shows its figures. Limit: a worker that is killed takes so much with it.
Source: Prometheus' client library, multiprocess mode (files that all workers map).
"""

from collections import Counter as Tally
from collections import defaultdict
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from softfall.edge.logs import Logger
from softfall.edge.metrics import Metrics

LOG_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 0.1
_BUCKETS_SECONDS: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class SummedMetrics(Metrics):
    """Figures of one worker of several; shown are those of all. folder: that all workers share."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def exposition(self) -> bytes:
        """All workers' figures in Prometheus' text format."""
        summed = CollectorRegistry()
        MultiProcessCollector(summed, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(summed)


class LookupFigures:
    """What is counted of lookups; not for several threads."""

    def __init__(self, metrics: Metrics, log: Logger) -> None:
        self._log = log
        self._tools: defaultdict[str, Tally[str]] = defaultdict(Tally)
        self._new_lookups = self._new_hashes = 0
        registry = metrics.registry
        self._lookups = Counter(
            "softfall_tool_lookups_total", "Lookups by tools.", ["status"], registry=registry
        )
        self._answered = self._lookups.labels("200")
        self._hashes = Counter(
            "softfall_tool_hashes_total", "Hashes that tools looked up.", registry=registry
        )
        self._seconds = Histogram(
            "softfall_tool_lookup_seconds",
            "From a lookup's headers to its answer.",
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )

    def answered(self, tool: str, hashes: int, entries: int, is_picture: bool) -> None:
        """One lookup, and the entries that it was told of."""
        tally = self._tools[tool]
        tally["lookups"] += 1
        tally["hashes"] += hashes
        tally["entries"] += entries
        tally["pictures"] += is_picture
        self._new_lookups += 1
        self._new_hashes += hashes

    def refused(self, tool: str, error: str, status: int) -> None:
        """One that was not answered. tool: empty where it showed no token."""
        self._tools[tool][error] += 1
        self._lookups.labels(str(status)).inc()

    def took(self, seconds: float) -> None:
        """How long one took, answered or not."""
        self._seconds.observe(seconds)

    def flush(self) -> None:
        """Hand on what was added up."""
        if self._new_lookups:
            self._answered.inc(self._new_lookups)
            self._hashes.inc(self._new_hashes)
            self._new_lookups = self._new_hashes = 0

    def tell(self) -> None:
        """A log line for each tool that asked since the last."""
        tallies, self._tools = self._tools, defaultdict(Tally)
        for tool, tally in sorted(tallies.items()):
            self._log.info("lookups", tool=tool or "(no token)", **dict(sorted(tally.items())))
