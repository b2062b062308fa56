"""What hashing pictures was asked to reach, on one thread.

No figure stands here but the bounds.
"""

from bench.goals import Goal, Measure, Record, ratio

_LEAST = {
    "exact": {"0.3 MP": 3, "2 MP": 5, "12 MP": 4.5},
    "fast": {"0.3 MP": 5, "2 MP": 13, "12 MP": 11},
}
_MISSED = {
    "exact": "Opening the JPEG takes most of it, by the library that decodes it for most browsers.",
    "fast": "Undoing the JPEG's own coding takes most of it, which no mode can spare.",
}


def _times_longer(work: str) -> Measure:
    """Our median over the peer's."""
    quicker = ratio(work)

    def measure(record: Record) -> float | None:
        found = quicker(record)
        return None if found is None else 1 / found

    return measure


GOALS: tuple[Goal, ...] = (
    *(
        Goal(
            "pictures",
            f"JPEG bytes to PDQ, {mode}, {size}, against threatexchange",
            bound,
            "x",
            ratio(f"JPEG bytes to PDQ, {mode}, {size}"),
            at_most=False,
            missed=_MISSED[mode],
        )
        for mode, bounds in _LEAST.items()
        for size, bound in bounds.items()
    ),
    Goal(
        "pictures",
        "fast, beside decoding the luminance alone, 2 MP",
        1.3,
        "x",
        _times_longer("JPEG bytes to PDQ, fast, beside decoding luminance alone, 2 MP"),
        missed="What is not decoding is reading the header and cutting the hash.",
    ),
)
