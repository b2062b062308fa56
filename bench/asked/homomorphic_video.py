"""What encrypted video was asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure

GOALS: tuple[Goal, ...] = (
    Goal(
        "homomorphic",
        "video at a frame a second against 1M entries, in real time",
        10,
        "streams",
        figure("homomorphic.video.one_bit.streams"),
        at_most=False,
        missed="The list is read from memory once a lot of frames: larger lots, or more memory "
        "channels, carry more.",
    ),
)
