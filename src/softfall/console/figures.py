"""The console's figures for Prometheus: none of them tells how people work.

Guarantees: every page counts as one route, `pages`, whatever it is and whatever was asked of it;
its status is `answered` or `failed`. So nobody can read off how often, or how fast, evidence is
opened or cases are decided; with one moderator on shift that would be a table of their speed. What
programs ask (the intake API, health, the figures themselves) is counted by route.
"""

from typing import Final

from softfall.edge.metrics import Metrics

PAGES: Final = "pages"
_SERVICE = frozenset({"/metrics", "/openapi.json", "unrouted"})


class ConsoleMetrics(Metrics):
    """Figures in which all pages are one."""

    def count(
        self,
        method: str,
        route: str,
        status: int | str,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """One answered request."""
        if route in _SERVICE or route.startswith("/v1/"):
            super().count(method, route, status, seconds, bytes_in, bytes_out)
            return
        told = "failed" if isinstance(status, int) and status >= 500 else "answered"
        super().count("any", PAGES, told, seconds, bytes_in, bytes_out)
