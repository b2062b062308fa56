"""Prometheus figures of one service: how many requests, how long, how many bytes.

Guarantees: labels are method, route template and status: a bounded set, and nothing of who asked.
Each application has a registry of its own, to which its service may add figures.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


class Metrics:
    """The figures of one application; `registry` is its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._requests = Counter(
            "softfall_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "softfall_request_seconds",
            "From the first byte asked to the last byte answered.",
            ["method", "route"],
            buckets=_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._bytes = Counter(
            "softfall_body_bytes_total",
            "Bytes of bodies, `in` and `out`.",
            ["direction", "route"],
            registry=self.registry,
        )

    def count(
        self,
        method: str,
        route: str,
        status: int | str,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """One answered request. status: HTTP's, or a word where a service tells less."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        self._bytes.labels("in", route).inc(bytes_in)
        self._bytes.labels("out", route).inc(bytes_out)

    def exposition(self) -> bytes:
        """The figures in Prometheus' text format."""
        return generate_latest(self.registry)
