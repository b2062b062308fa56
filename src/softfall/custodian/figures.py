"""The custodian's own Prometheus figures: how much of the quotas is used, and how fast.

Guarantees: sums over everybody; nothing tells one caller from another.
"""

from prometheus_client import Counter, Gauge

from softfall.custodian.quota import Quota
from softfall.custodian.tokens import TokenBook
from softfall.edge.metrics import Metrics


class Figures:
    """What the custodian counts beside its requests."""

    def __init__(self, quota: Quota, tokens: TokenBook) -> None:
        self.metrics = Metrics()
        registry = self.metrics.registry
        self.evaluations = Counter(
            "softfall_evaluations_total", "OPRF evaluations answered.", registry=registry
        )
        used = Gauge(
            "softfall_quota_used_evaluations",
            "Evaluations that count against the hourly quota at present.",
            registry=registry,
        )
        used.set_function(quota.used)
        self.tokens = Counter("softfall_tokens_total", "Tokens minted.", registry=registry)
        minted = Gauge(
            "softfall_tokens_minted_today",
            "Tokens that count against the daily limit at present.",
            registry=registry,
        )
        minted.set_function(tokens.minted)
