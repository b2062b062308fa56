"""What homomorphic matching was asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure

AREA = "homomorphic"

_WHY = (
    "The provider reads its whole prepared list for each picture: memory's speed decides, and "
    "pictures judged together share one reading."
)

GOALS: tuple[Goal, ...] = (
    Goal(
        AREA,
        "one picture among 100,000: all parties' compute",
        15,
        "ms",
        figure("homomorphic.one_bit.100k.total"),
        missed=_WHY,
    ),
    Goal(
        AREA,
        "one picture among 1,000,000: all parties' compute",
        100,
        "ms",
        figure("homomorphic.one_bit.1m.total"),
        missed=_WHY,
    ),
    Goal(
        AREA,
        "upload a picture",
        64,
        "KB",
        figure("homomorphic.one_bit.1m.upload", scale=1e-3),
        missed="The query alone is 49,152 bytes; the rest is the sealed key.",
    ),
    Goal(
        AREA,
        "batch of 8 among 1,000,000: provider, each",
        30,
        "ms",
        figure("homomorphic.batch.provider"),
        missed=_WHY,
    ),
    Goal(
        AREA,
        "preparing 1,000,000 entries, once",
        30,
        "s",
        figure("homomorphic.preparing"),
        missed="A slow disk: the prepared list is written once and read back.",
    ),
    Goal(
        AREA,
        "a prepared list of 1,000,000, mapped",
        1.5,
        "GB",
        figure("homomorphic.mapped", scale=1e-9),
        missed="Three bytes a column of each row, dummies too.",
    ),
    Goal(
        AREA,
        "the quicker of two libraries' time, scaled to 1,000,000 entries, over ours",
        30,
        "times",
        figure("homomorphic.ratio"),
        at_most=False,
        missed="Both with two threads; ours does more than distances.",
    ),
    Goal(
        AREA,
        "distances that are not plain PDQ's",
        0,
        "rows",
        figure("homomorphic.differing"),
        missed="Recall and false holds are then not plain PDQ's: a fault.",
    ),
    Goal(
        AREA,
        "one bit among 100,000, all parties over loopback HTTP",
        60,
        "ms",
        figure("homomorphic.http"),
        missed="The compute is a part of it; the rest is two round trips by mutual TLS.",
    ),
)
