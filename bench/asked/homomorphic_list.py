"""What changing a list under `homomorphic` was asked to reach.

No figure stands here but the bound.
"""

from bench.goals import Goal, figure

GOALS: tuple[Goal, ...] = (
    Goal(
        "homomorphic",
        "1,000 entries added or withdrawn at 1M: effective at the provider, the slowest of some",
        5,
        "s",
        figure("homomorphic.list.change"),
        missed="The store's commits, the files on their way and a core for the blocks take it.",
    ),
)
