"""What the search was asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure, ratio

_PYTHON = "A hash alone is searched in less time than Python takes to ask for it."
_MEMORY = "Nearly all of the time is spent waiting for memory, which other programs slow down."


def _faster(size: str, bound: float, missed: str) -> Goal:
    return Goal(
        "search",
        f"a hash alone among {size} entries, beside threatexchange's PDQIndex",
        bound,
        "x",
        ratio(f"a hash alone among {size} entries, PDQIndex"),
        at_most=False,
        missed=missed,
    )


GOALS: tuple[Goal, ...] = (
    _faster("100k", 6, _PYTHON),
    _faster("1M", 15, _PYTHON),
    _faster("10M", 40, _MEMORY),
    Goal(
        "search",
        "memory among 10M entries, at the peak of building",
        150,
        "B a hash",
        figure("search.bytes_a_hash"),
        missed="Build on a machine with more memory: a finished index is mapped from its file.",
    ),
    Goal(
        "search",
        "building an index of 10M entries",
        15,
        "s",
        figure("search.build"),
        missed="It is built in the background; what changes meanwhile is found without it.",
    ),
    Goal(
        "search",
        "a hash alone among 10M entries, 99 of 100",
        1,
        "ms",
        figure("search.p99"),
        missed=_MEMORY,
    ),
    Goal(
        "search",
        "hashes together, of the time of each alone",
        1,
        "times",
        figure("search.together"),
        missed=_MEMORY,
    ),
    Goal(
        "search",
        "two threads over one",
        1.7,
        "times",
        figure("search.threads"),
        at_most=False,
        missed="The threads share one path to memory, and this machine's other programs use it.",
    ),
    Goal(
        "search",
        "time of a search among 10M entries, of that among 1M",
        3,
        "times",
        figure("search.growth_alone", "search.growth_together"),
        missed=(
            "Of 1M entries, the signatures nearly fit into the processor's third cache; of 10M, "
            "each bucket is fetched from memory."
        ),
    ),
    Goal(
        "search",
        "the worst list, of a plain pass over it",
        1.5,
        "times",
        figure(
            "search.worst.a tenth the same",
            "search.worst.a tenth just beyond the radius",
            "search.worst.all share pieces",
        ),
        missed=_MEMORY,
    ),
)
