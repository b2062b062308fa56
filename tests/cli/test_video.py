"""`softfall hash` of a video, and `softfall video`: frames, percentages, a stream that runs."""

import contextlib
import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from fractions import Fraction
from pathlib import Path
from queue import Queue
from typing import Any

import av
import pytest

from softfall.cli.main import main
from softfall.config import MediaLimits
from softfall.media import vpdq
from softfall.media.stream import PERIOD_MS
from softfall.media.video import hash_video
from tests.media.video_files import footage, scenes, shown, sound_only, video

BIKES = footage()["bikes"]


def run(*words: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a verb, in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["softfall", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    written = out.buffer.getvalue().decode()
    return code if isinstance(code, int) else 0, written, err.getvalue()


def frames_of(path: Path, period_ms: float = 1000) -> list[str]:
    with path.open("rb") as stream:
        found = hash_video(stream, MediaLimits(), period_ms=period_ms)
    return [frame.hex for frame in found.frames]


def test_a_video_is_a_row_with_all_its_frames() -> None:
    code, out, _ = run("hash", "--jsonl", BIKES)
    row = json.loads(out)
    assert code == 0
    assert (row["format"], row["width"], row["height"]) == ("mp4", 640, 272)
    assert (row["duration_ms"], row["frames_hashed"], row["coverage"]) == (10_000, 10, 1.0)
    assert row["error"] is row["damage"] is row["pdq"] is None
    assert [frame.bits.hex() for frame in vpdq.read(row["vpdq"])] == frames_of(BIKES)


def test_a_video_of_one_frame_is_told_in_the_singular(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(video(shown(scenes(3)[2:], 25)))
    _, out, _ = run("hash", clip)
    assert "vpdq 1 frame of 1.0 s" in out


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    code, _, err = run("video", "hash", tmp_path / "empty.mp4")
    assert code == 2
    assert "EmptyFile: the file is empty" in err


def test_a_damaged_and_a_silent_video_are_lines_too(tmp_path: Path) -> None:
    whole = BIKES.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "sound.mp4").write_bytes(sound_only())
    code, out, _ = run("hash", "--jsonl", tmp_path)
    cut, sound = map(json.loads, out.splitlines())
    assert code == 1
    assert cut["damage"] or cut["error"]
    assert sound["error"] == "NoVideoTrack"
    assert sound["sha256"]


def test_the_frames_are_written_as_vpdq_has_them() -> None:
    code, out, err = run("video", "hash", BIKES)
    assert code == 0
    assert [line.split(",")[0] for line in json.loads(out)] == frames_of(BIKES)
    assert "coverage 100.0 %" in err


def test_frames_as_json_lines_name_number_time_and_reason() -> None:
    _, out, err = run("video", "hash", BIKES, "--output", "jsonl", "--frame-rate", "2")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["number"] for row in rows] == list(range(0, 250, 12))
    assert all(row["pdq"] and row["unhashable"] is None for row in rows)
    assert "a frame each 500 ms of all frames" in err


def test_both_percentages_are_printed_and_the_exit_code_is_the_outcome(tmp_path: Path) -> None:
    pictures = scenes(8)
    part, whole = tmp_path / "part.mp4", tmp_path / "whole.mkv"
    part.write_bytes(video(shown(pictures[:2], 25)))
    whole.write_bytes(video(shown(pictures, 25), kind="matroska"))
    code, out, _ = run("video", "match", part, whole, "--json")
    found = json.loads(out)
    assert (code, found["match"]) == (0, True)
    assert found["query_percent"] == 100.0
    assert found["compared_percent"] == 100.0 * found["query_frames"] / found["compared_frames"]
    code, out, _ = run("video", "match", whole, part)
    assert code == 1
    assert out.startswith("no match: ")
    assert "asked: 80 %" in out


def test_a_vpdq_text_is_compared_like_its_video(tmp_path: Path) -> None:
    text = tmp_path / "bikes.json"
    text.write_text(run("video", "hash", BIKES)[1], "utf-8")
    code, out, _ = run("video", "match", text, BIKES, "--json")
    assert code == 0
    assert json.loads(out)["query_percent"] == json.loads(out)["compared_percent"] == 100.0


def test_what_is_neither_is_an_error(tmp_path: Path) -> None:
    other = tmp_path / "words.txt"
    other.write_text("words", "utf-8")
    code, _, err = run("video", "match", other, BIKES)
    assert code == 2
    assert "MalformedVpdq" in err


def test_a_file_is_watched_to_its_end(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    pdq = frames_of(BIKES, PERIOD_MS)[5]
    listed.write_text(pdq + "\n", "utf-8")
    code, out, _ = run("video", "watch", BIKES, "--list", listed)
    first, last = out.splitlines()[0], out.splitlines()[-1]
    assert code == 0
    assert "entry 0 (" in first
    assert pdq not in out
    assert "coverage 100.0 %" in last


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("# nothing\n", "utf-8")
    code, _, err = run("video", "watch", BIKES, "--list", listed)
    assert code == 2
    assert "EmptyList" in err


class Fed:
    """A process that watches a stream, which the test makes frame by frame."""

    def __init__(self, watch: "subprocess.Popen[bytes]", kind: str) -> None:
        assert watch.stdin is not None
        self.watch, self.lines = watch, Queue[dict[str, Any]]()
        at_once = {"cluster_time_limit": "40"} if kind == "matroska" else {}
        self._container = av.open(watch.stdin, "w", format=kind, options=at_once)
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": "25"}
        self._stream = self._container.add_stream("libx264", rate=25, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = 320, 240, "yuv420p"
        self._count = 0
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def show(self, picture: Any, seconds: float) -> None:
        """At the pace at which it plays."""
        for pixels in shown([picture], int(25 * seconds)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = self._count, Fraction(1, 25)
            self._container.mux(self._stream.encode(frame))
            self._count += 1
            time.sleep(1 / 25)

    def end(self) -> None:
        assert self.watch.stdin is not None
        with contextlib.suppress(OSError, av.error.FFmpegError):
            self._container.close()
            self.watch.stdin.close()
        self._reader.join()

    def _read(self) -> None:
        assert self.watch.stdout is not None
        for line in self.watch.stdout:
            self.lines.put(json.loads(line))


@contextmanager
def fed(listed: Path, kind: str) -> Iterator[Fed]:
    words = ["video", "watch", "-", "--list", str(listed), "--json"]
    program = "from softfall.cli.main import main; main()"
    watch = subprocess.Popen(
        [sys.executable, "-c", program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Fed(watch, kind)
    finally:
        watch.kill()
        watch.wait()


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of one picture: the last of the scenes that are shown."""
    with io.BytesIO(video(shown(scenes(3)[2:], 25))) as stream:
        (frame,) = hash_video(stream, MediaLimits()).frames
    path = tmp_path / "list.txt"
    path.write_text(frame.hex + "\n", "utf-8")
    return path


@pytest.mark.parametrize("kind", ["mpegts", "matroska"])
def test_a_match_is_reported_while_the_stream_still_runs(listed: Path, kind: str) -> None:
    pictures = scenes(3)
    with fed(listed, kind) as stream:
        stream.show(pictures[0], 1)
        stream.show(pictures[1], 1)
        assert stream.lines.empty()
        stream.show(pictures[2], 1)
        found = stream.lines.get(timeout=30)  # nothing has ended: the stream is open
        assert stream.watch.poll() is None
        stream.show(pictures[0], 0.4)
        stream.end()
        last = stream.lines.get(timeout=30)
    assert (found["event"], found["entry_number"]) == ("match", 0)
    assert 2000 <= found["shown_at_ms"] <= 3000
    assert last["event"] == "end"
    assert last["frames_seen"] == pytest.approx(85, abs=2)


def test_ctrl_c_ends_an_endless_stream_with_its_last_line(listed: Path) -> None:
    with fed(listed, "mpegts") as stream:
        stream.show(scenes(3)[2], 1.5)
        assert stream.lines.get(timeout=30)["event"] == "match"
        stream.watch.send_signal(signal.SIGINT)
        last = stream.lines.get(timeout=30)
        assert stream.watch.wait(timeout=30) == 0
        stream.end()
    assert last["event"] == "end"
    assert last["hashed"] >= 1
