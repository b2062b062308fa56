"""The provider's own Prometheus figures: how judging goes, and what waits.

Guarantees: counts by a bounded set of labels; nothing of who, what or which list entry.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_SECONDS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class Figures:
    """The figures of one provider."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.judge_seconds = Histogram(
            "softfall_judge_seconds",
            "One submission judged by the option, without waiting.",
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )
        self.moves = Counter(
            "softfall_moves_total",
            "Moves of envelopes along their life.",
            ["end", "who"],
            registry=registry,
        )
        self.judge_failures = Counter(
            "softfall_judge_failures_total",
            "Times that judging failed and was tried again.",
            registry=registry,
        )
        self.waiting = Gauge(
            "softfall_received_waiting", "Envelopes accepted and not yet judged.", registry=registry
        )
        self.holds = Gauge(
            "softfall_holds", "Envelopes held now, by kind of hold.", ["kind"], registry=registry
        )
        self.relayed = Counter(
            "softfall_relayed_total",
            "Questions relayed to the custodian, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.tokens = Counter(
            "softfall_tokens_issued_total",
            "Tokens that the custodian issued through the relay.",
            registry=registry,
        )
        self.epoch = Gauge(
            "softfall_epoch", "The list epoch in use; 0 while there is none.", registry=registry
        )
        self.storage_faults = Counter(
            "softfall_storage_faults_total",
            "Times that background work found the disk full or the database busy.",
            registry=registry,
        )
        self.handovers = Gauge(
            "softfall_handovers",
            "What casework does not have yet: waiting, or refused by it.",
            ["state"],
            registry=registry,
        )
