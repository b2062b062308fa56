"""What dealing for `homomorphic` was asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure

_MORE = "What is dealt grows with the rows alone: 6.1 bytes each, or 1.1 in the permuted mode."

GOALS: tuple[Goal, ...] = (
    Goal(
        "homomorphic",
        "dealt material a picture, one bit, a million entries",
        20,
        "MB",
        figure("dealing.one_bit.1M.bytes", scale=1e-6),
        missed=_MORE,
    ),
    Goal(
        "homomorphic",
        "dealt material a picture, one bit, 100,000 entries",
        2,
        "MB",
        figure("dealing.one_bit.100k.bytes", scale=1e-6),
        missed=_MORE,
    ),
    Goal(
        "homomorphic",
        "dealing for one picture, one bit, a million entries",
        60,
        "ms",
        figure("dealing.one_bit.1M.dealer"),
        missed="Most of it is the cipher that expands the seeds, and the writing of the half.",
    ),
)
