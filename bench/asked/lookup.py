"""What the lookup service was asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure

_ONE_MACHINE = (
    "Load tool and service share the cores here; on two machines the service has all of its own."
)

GOALS: tuple[Goal, ...] = (
    Goal(
        "lookup",
        "single lookups over HTTP among 10,000,000 entries, 2 cores",
        4000,
        "lookups/s",
        figure("lookup.single.10M"),
        at_most=False,
        missed=_ONE_MACHINE,
    ),
    Goal(
        "lookup",
        "batched lookups over HTTP among 10,000,000 entries, 2 cores",
        20_000,
        "lookups/s",
        figure("lookup.batched.10M"),
        at_most=False,
        missed=f"Nearly all of it is the search itself. {_ONE_MACHINE}",
    ),
    Goal(
        "lookup",
        "an entry that is added counts in every worker, among 10,000,000",
        1000,
        "ms",
        figure("lookup.change.10M"),
        missed="A shorter custodian.index_poll_seconds looks more often.",
    ),
)
