"""One way of hashing a video, in a process of its own on one core: what one loads is none of
another's business, and each brings its own FFmpeg.

`python -m bench.peers.video_work NAME PATH`: for each line of input it does the work once, and
prints one line of JSON: processor time in ms, and the answer. The first line counts memory, too.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.memory import growth

Hashes = list[tuple[int, int, str]]
LISTED = 100_000


def softfall(path: Path) -> Hashes:
    """Ours: frame number, quality, hash."""
    from softfall.config import MediaLimits
    from softfall.media.video import hash_video

    with path.open("rb") as stream:
        found = hash_video(stream, MediaLimits())
    return [(frame.number, frame.quality, frame.hex) for frame in found.frames]


def vpdq(path: Path) -> Hashes:
    """The peer, with one thread to hash."""
    import vpdq

    found = vpdq.computeHash(str(path), seconds_per_hash=1.0, thread_count=1)
    return [(each.frame_number, each.quality, each.hex) for each in found]


def rgb(path: Path) -> Hashes:
    """The same steps in Python: every frame decoded, some turned to RGB, `pdqhash` of these."""
    import av
    import pdqhash

    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        every = int(stream.average_rate or 1)
        for number, frame in enumerate(container.decode(stream)):
            if number % every == 0:
                bits, quality = pdqhash.compute(frame.to_ndarray(format="rgb24"))
                found.append((number, int(quality), np.packbits(bits).tobytes().hex()))
    return found


def watched(path: Path) -> int:
    """Ours, as of a live stream: two frames a second, each searched for in a list."""
    from softfall.config import MediaLimits
    from softfall.lists.stream_matching import StreamMatcher
    from softfall.media.stream import PERIOD_MS, StreamHasher
    from softfall.media.video_planes import plane_of
    from softfall.media.video_reading import open_video

    matcher = StreamMatcher(_index(), time.monotonic, StreamHasher(period_ms=0))
    with (
        path.open("rb") as stream,
        open_video(stream, MediaLimits(), period_ms=PERIOD_MS, endless=True) as reading,
    ):
        for _, at_ms, frame in reading.frames():
            matcher.push(plane_of(frame), at_ms, time.monotonic())
    return matcher.hasher.seen.hashed


WORKS: dict[str, Callable[[Path], Any]] = {
    "softfall": softfall,
    "vpdq": vpdq,
    "rgb": rgb,
    "watched": watched,
}
_kept: list[Any] = []


def _index() -> Any:
    from softfall.lists.index.choose import build_index

    if not _kept:
        hashes = np.random.default_rng(7).integers(0, 2**64, (LISTED, 4), np.uint64)
        _kept.append(build_index(hashes))
    return _kept[0]


def main(name: str, path: Path) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    work, peak_bytes, warm = WORKS[name], None, False
    for _ in sys.stdin:
        if not warm:
            work(path)
            warm = True
        start = time.process_time()
        if peak_bytes is None:
            answer, peak_bytes = growth(lambda: work(path))
        else:
            answer = work(path)
        took_ms = (time.process_time() - start) * 1000
        said = {"took_ms": took_ms, "answer": answer, "peak_bytes": peak_bytes}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
