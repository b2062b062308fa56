"""Counts with their honest uncertainty.

Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in
the case of the binomial", Biometrika 26, 1934 (exact, hence never too small for independent draws).
"""

from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        """Between 0 and 1; None of nothing."""
        return self.count / self.total if self.total else None

    def __str__(self) -> str:
        return f"{self.count} of {self.total}"


def upper_bound(share: Share, confidence: float = CONFIDENCE) -> float:
    """The one-sided Clopper-Pearson bound: the true rate is below it with `confidence`.

    0 to 1; 1.0 where nothing was drawn. It holds for independent draws.
    """
    from scipy.stats import beta  # half a second to load: only where a bound is asked for

    if share.count >= share.total:
        return 1.0
    return float(beta.ppf(confidence, share.count + 1, share.total - share.count))
