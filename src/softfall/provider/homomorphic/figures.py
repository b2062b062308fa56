"""What Prometheus is told of `homomorphic` at the provider.

Guarantees: counts and times by a bounded set of labels; nothing of who, what, or which list entry,
and not how many pictures matched.
"""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.06, 0.1, 0.3, 1, 3, 10)


class HomomorphicFigures:
    """The figures of one provider."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "softfall_homomorphic_pictures_total",
            "Encrypted pictures: judged, begun anew with fresh material, or not judged now.",
            ["end"],
            registry=registry,
        )
        self.seconds = Histogram(
            "softfall_homomorphic_seconds",
            "How long each step of a run took, for all its pictures together.",
            ["step"],
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )
        self.stock = Gauge(
            "softfall_homomorphic_stock",
            "Dealt serials left for the scarcest list in use.",
            registry=registry,
        )
        self.list_version = Gauge(
            "softfall_homomorphic_list_version",
            "The version of the newest epoch's list that is judged by; -1 while there is none.",
            registry=registry,
        )

    def watch(self, stock: Callable[[], int], list_version: Callable[[], int]) -> None:
        """Read both gauges from there."""
        self.stock.set_function(stock)
        self.list_version.set_function(list_version)
