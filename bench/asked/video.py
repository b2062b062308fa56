"""What video and live streams were asked to reach.

No figure stands here but the bounds.
"""

from bench.goals import Goal, figure, ratio

_DECODING = "Nearly all of it is FFmpeg's decoding of frames that others are built on."

GOALS: tuple[Goal, ...] = (
    *(
        Goal(
            "video",
            f"vpdq's time over ours at a frame a second, {what}",
            1.3,
            "x",
            ratio(f"video at a frame a second, {what}, beside vpdq"),
            at_most=False,
            missed=f"{_DECODING} Both sides decode alike.",
        )
        for what in ("720p H.264 without B-frames", "720p H.264, x264's defaults")
    ),
    Goal(
        "video",
        "distance on the same frames, the farthest",
        8,
        "bits",
        figure("video.distance"),
        missed="Another version of FFmpeg decodes or converts otherwise: a fault.",
    ),
    Goal(
        "video",
        "a real-time 720p stream, of two encodings the dearer",
        5,
        "% of a core",
        figure("video.live.published", "video.live.defaults"),
        missed=_DECODING,
    ),
    Goal(
        "video",
        "from a live frame to its match, the slowest",
        2,
        "s",
        figure("video.latency"),
        missed="The decoder holds frames back, and a busy machine adds its own.",
    ),
)
