"""A live stream for `softfall video watch`: real footage through a pipe, at the pace that it plays.

The times between writing a frame and reading the line that reports it are what is measured: pipe,
container, decoder, hash, search and print in one.
"""

import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import av

from softfall.config import MediaLimits
from softfall.media.stream import PERIOD_MS
from softfall.media.video import hash_video

NEAR_MS = 60.0  # a report names a frame by its time; a transport stream counts in 1/90 ms
LEAD_SECONDS = 3.0  # for the process to start and to read its list
EVERY = 2  # of the frames that are hashed, so many are one whose hash is listed


def latencies_ms(clip: Path) -> tuple[list[float], int]:
    """From writing a frame to its match, of each that is reported; and how many should be."""
    pieces = _pieces(clip)
    whole = io.BytesIO(b"".join(piece for _, piece in pieces))
    frames = hash_video(whole, MediaLimits(), period_ms=PERIOD_MS).frames
    hashes = {frame.hex for frame in frames[::EVERY]}
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "list.txt"
        listed.write_text("\n".join(sorted(hashes)) + "\n", "utf-8")
        words = ["-m", "softfall", "video", "watch", "-", "--list", str(listed), "--json"]
        watch = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        lines: list[tuple[float, dict[str, Any]]] = []
        reader = threading.Thread(target=_read, args=(watch, lines))
        reader.start()
        time.sleep(LEAD_SECONDS)
        written_s = _write(watch, pieces)
        reader.join()
        watch.wait()
    found = [(at, line) for at, line in lines if line["event"] == "match" and not line["again"]]
    return [_late_ms(at, line, written_s) for at, line in found], len(hashes)


def _pieces(clip: Path) -> list[tuple[float, bytes]]:
    """The clip as a transport stream: when each frame is shown, in ms, and its bytes."""
    out, made = io.BytesIO(), []
    with av.open(str(clip)) as given, av.open(out, "w", format="mpegts") as target:
        stream, sent = target.add_stream_from_template(given.streams.video[0]), 0
        for packet in given.demux(video=0):
            if packet.pts is None or packet.time_base is None:
                continue
            at_ms = float(packet.pts * packet.time_base * 1000)
            packet.stream = stream
            target.mux(packet)
            made.append((at_ms, out.getvalue()[sent:]))
            sent = len(out.getvalue())
    made[-1] = (made[-1][0], made[-1][1] + out.getvalue()[sent:])
    return made


def _write(
    watch: "subprocess.Popen[bytes]", pieces: list[tuple[float, bytes]]
) -> dict[float, float]:
    """Feeds the stream as it plays; when each frame was written, by its time in the stream."""
    assert watch.stdin is not None
    written_s: dict[float, float] = {}
    start_s = time.monotonic()
    for at_ms, piece in pieces:
        time.sleep(max(0.0, start_s + at_ms / 1000 - time.monotonic()))
        watch.stdin.write(piece)
        watch.stdin.flush()
        written_s[at_ms] = time.monotonic()
    watch.stdin.close()
    return written_s


def _read(watch: "subprocess.Popen[bytes]", lines: list[tuple[float, dict[str, Any]]]) -> None:
    assert watch.stdout is not None
    for line in watch.stdout:
        lines.append((time.monotonic(), json.loads(line)))


def _late_ms(read_s: float, line: dict[str, Any], written_s: dict[float, float]) -> float:
    nearest = min(written_s, key=lambda at_ms: abs(at_ms - line["shown_at_ms"]))
    assert abs(nearest - line["shown_at_ms"]) < NEAR_MS
    return (read_s - written_s[nearest]) * 1000
