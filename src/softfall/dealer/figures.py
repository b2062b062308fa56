"""The dealer's own Prometheus figures: how much each party fetched, and how much waits.

Guarantees: counts of serials alone; there is nothing else to count.
"""

from functools import partial

from prometheus_client import Counter, Gauge

from softfall.dealer.homomorphic_stock import HomomorphicStock
from softfall.dealer.stock import Stock
from softfall.edge.dealer_tokens import ConfirmParty, HomomorphicParty
from softfall.edge.metrics import Metrics


class Figures:
    """What the dealer counts beside its requests."""

    def __init__(self, stock: Stock, seeds: HomomorphicStock) -> None:
        self.metrics = Metrics()
        registry = self.metrics.registry
        self.handed_out = Counter(
            "softfall_dealt_total", "Halves handed out.", ["party"], registry=registry
        )
        waiting = Gauge("softfall_dealt_waiting", "Halves that wait.", ["party"], registry=registry)
        of_confirm: tuple[ConfirmParty, ...] = ("provider", "custodian")
        for each in of_confirm:
            waiting.labels(each).set_function(partial(_of_confirm, stock, each))
        seeds_waiting = Gauge(
            "softfall_dealt_homomorphic_waiting",
            "Serials for homomorphic matching that wait for a party.",
            ["party"],
            registry=registry,
        )
        of_homomorphic: tuple[HomomorphicParty, ...] = ("provider", "keyholder")
        for one in of_homomorphic:
            seeds_waiting.labels(one).set_function(partial(_of_homomorphic, seeds, one))


def _of_confirm(stock: Stock, party: ConfirmParty) -> int:
    return stock.backlog()[party]


def _of_homomorphic(seeds: HomomorphicStock, party: HomomorphicParty) -> int:
    return seeds.waiting()[party].serials
