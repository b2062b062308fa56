"""The dealer's own Prometheus figures: how much each party fetched, and how much waits.

Guarantees: counts of serials alone; there is nothing else to count.
"""

from prometheus_client import Counter, Gauge

from softfall.dealer.stock import Stock
from softfall.edge.metrics import Metrics


class Figures:
    """What the dealer counts beside its requests."""

    def __init__(self, stock: Stock) -> None:
        self.metrics = Metrics()
        registry = self.metrics.registry
        self.handed_out = Counter(
            "softfall_dealt_total", "Halves handed out.", ["party"], registry=registry
        )
        waiting = Gauge("softfall_dealt_waiting", "Halves that wait.", ["party"], registry=registry)
        waiting.labels("provider").set_function(lambda: stock.backlog()["provider"])
        waiting.labels("custodian").set_function(lambda: stock.backlog()["custodian"])
