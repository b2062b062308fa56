"""What was asked of `softfall hash FOLDER`.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure

_AREA = "folder"

GOALS: tuple[Goal, ...] = (
    Goal(
        _AREA,
        "a folder by a process for each core, against one",
        1.8,
        "x",
        figure("folder.speedup"),
        at_most=False,
        missed="The start of the command, and of its processes, is not shared; other programs' "
        "share of the cores counts as well.",
    ),
    Goal(
        _AREA,
        "more memory for 100,000 files than for 10,000",
        4,
        "MiB",
        figure("folder.growth"),
        missed="Memory should not depend on the number of files: a fault.",
    ),
)
