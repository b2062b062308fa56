"""The keyholder's own Prometheus figures: how many runs, how much waits, what it has.

Guarantees: counts alone; nothing of a picture, and the keyholder does not know what matched.
"""

from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from softfall.edge.metrics import Metrics
from softfall.keyholder.stock import Kind


class Figures:
    """What the keyholder counts beside its requests.

    stock: how many serials of each kind lie here; waiting: how many runs wait for their second
    question; versions, missing: how many list versions and how many of their hints are not here.
    """

    def __init__(
        self,
        stock: Callable[[], Mapping[Kind, int]],
        waiting: Callable[[], int],
        versions: Callable[[], int],
        missing: Callable[[], int],
    ) -> None:
        self.metrics = Metrics()
        registry = self.metrics.registry
        self.begun = Counter(
            "softfall_keyholder_begun", "Queries answered a first time.", registry=registry
        )
        self.finished = Counter(
            "softfall_keyholder_finished", "Batches answered a second time.", registry=registry
        )
        for name, about, told in (
            ("waiting", "Runs that wait for their second question.", waiting),
            ("versions", "List versions at hand.", versions),
            ("hints_missing", "Hints that they name and that are not here.", missing),
        ):
            gauge = Gauge(f"softfall_keyholder_{name}", about, registry=registry)
            gauge.set_function(told)
        registry.register(_OfKinds(stock))


class _OfKinds(Collector):
    """The stock by mode and capacity: kinds come and go with the lists."""

    def __init__(self, stock: Callable[[], Mapping[Kind, int]]) -> None:
        self._stock = stock

    def collect(self) -> list[GaugeMetricFamily]:
        """One sample a kind."""
        family = GaugeMetricFamily(
            "softfall_keyholder_stock",
            "Dealt serials that wait.",
            labels=["mode", "capacity_rows"],
        )
        for kind, count in self._stock().items():
            family.add_metric([kind.mode.name.lower(), str(kind.capacity_rows)], count)
        return [family]
