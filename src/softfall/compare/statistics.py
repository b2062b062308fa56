"""Counts with their honest uncertainty.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
Journal of the American Statistical Association 22, 1927 (`wilson`); C. J. Clopper and E. S.
Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26, 1934 (exact, hence never too small for independent draws).
"""

import math
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
_TWO_SIDED: Final = 1.959964  # standard deviations that hold 95 %


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


def wilson(share: Share) -> tuple[float, float]:
    """The two-sided 95 % Wilson interval, 0 to 1; all of it where nothing was drawn."""
    if not share.total:
        return 0.0, 1.0
    rate, spread = share.count / share.total, _TWO_SIDED**2 / share.total
    middle = rate + spread / 2
    half = math.sqrt(rate * (1 - rate) * spread + spread**2 / 4)
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def upper_bound(share: Share, confidence: float = CONFIDENCE) -> float:
    """The one-sided Clopper-Pearson bound: the true rate is below it with `confidence`.

    0 to 1; 1.0 where nothing was drawn. It holds for independent draws.
    """
    from scipy.stats import beta  # half a second to load: only where a bound is asked for

    if share.count >= share.total:
        return 1.0
    return float(beta.ppf(confidence, share.count + 1, share.total - share.count))
