"""Reasons that staff give: every deed that changes what becomes of somebody has one on record.

Guarantees: a reason has at least `MIN_REASON` characters and fits the record.
"""

from softfall.errors import InputError

MIN_REASON, MAX_REASON = 3, 1_000


class ReasonMissing(InputError):
    """A deed without a reason, or with one that is too long."""

    remedy = f"Say why, in {MIN_REASON} to {MAX_REASON} characters."


def check_reason(reason: str) -> None:
    """Raises ReasonMissing."""
    if len(reason.strip()) < MIN_REASON or len(reason) > MAX_REASON:
        raise ReasonMissing("there is no reason, or it is too long")
