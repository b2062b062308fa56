"""What live updates of the search index were asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure

_MISSED = (
    "A change waits for the store's own commit, for the next look (`custodian.index_poll_seconds`) "
    "and for a core."
)

GOALS: tuple[Goal, ...] = tuple(
    Goal(
        "live",
        f"a change counts in another process, the slowest, {name} entries",
        1,
        "s",
        figure(f"live.slowest.{name}"),
        missed=_MISSED,
    )
    for name in ("1M", "10M")
)
