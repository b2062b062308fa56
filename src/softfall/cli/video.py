"""`softfall video`: a video's frame hashes, two videos compared, a stream watched for a list."""

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softfall import config

if TYPE_CHECKING:
    from softfall.cli.video_watching import Line
    from softfall.config import MediaLimits
    from softfall.media.video import VideoHashes
    from softfall.media.video_reading import VideoMode
    from softfall.media.vpdq import VpdqFrame

app = typer.Typer(help="Videos and live streams.", no_args_is_help=True)

EXIT_NO_MATCH = 1

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]
FrameRate = Annotated[
    float, typer.Option(min=0.01, max=240.0, help="Frames to hash, for each second.")
]
Keyframes = Annotated[
    bool,
    typer.Option(
        "--keyframes", help="Decode key frames alone: quick, and the coverage is what it is."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, one object a line.")]
Video = Annotated[Path, typer.Argument(help="A video, or a vPDQ text file.", show_default=False)]


class Output(Enum):
    """What `softfall video hash` writes."""

    VPDQ = "vpdq"
    JSONL = "jsonl"


@app.command("hash")
def hash_frames(
    file: Annotated[Path, typer.Argument(help="The video.", show_default=False)],
    frame_rate: FrameRate = 1.0,
    keyframes: Keyframes = False,
    output: Annotated[
        Output, typer.Option("--output", help="One vPDQ text, or a JSON object a frame.")
    ] = Output.VPDQ,
    config_file: Config = None,
) -> None:
    """Print the hash of each frame that is taken; what they cover goes to standard error.

    The frames are those that vpdq takes: every one whose number is a multiple of the frame rate of
    the video times the seconds from one to the next; where the frame rate varies, time stamps
    correct the count. A frame without a dependable hash is in JSON lines alone, with its reason.
    """
    from softfall.cli.video_rows import frame_rows, hash_path

    found = hash_path(file, _limits(config_file), 1000 / frame_rate, _mode(keyframes))
    if output is Output.VPDQ:
        from softfall.media.vpdq import write

        frames = ((frame.bits, frame.quality, frame.at_ms) for frame in found.frames)
        sys.stdout.write(write(frames) + "\n")
    else:
        for row in frame_rows(found):
            sys.stdout.write(row + "\n")
    _tell(found)


@app.command("match")
def match_videos(
    query: Video,
    compared: Video,
    frame_rate: FrameRate = 1.0,
    keyframes: Keyframes = False,
    radius_bits: Annotated[
        int, typer.Option(min=0, max=31, help="Two frames match at this distance or less.")
    ] = 31,
    min_quality: Annotated[
        int, typer.Option(min=0, max=100, help="Frames of less quality are left out.")
    ] = 50,
    query_percent: Annotated[
        float, typer.Option(min=0, max=100, help="A match needs so much of QUERY in COMPARED.")
    ] = 80.0,
    compared_percent: Annotated[
        float, typer.Option(min=0, max=100, help="A match needs so much of COMPARED in QUERY.")
    ] = 0.0,
    json: Json = False,
    config_file: Config = None,
) -> None:
    """Print how much of each of two videos is in the other, and whether that is a match.

    Both percentages are printed, because tools use opposite sides. The defaults are those of
    python-threatexchange. Exit code 1: no match.
    """
    from softfall.cli.video_rows import match_row
    from softfall.media.vpdq import match

    limits = _limits(config_file)
    ours, theirs = (
        _frames(path, limits, 1000 / frame_rate, _mode(keyframes)) for path in (query, compared)
    )
    found = match(ours, theirs, radius_bits, min_quality)
    matched = found.reaches(query_percent, compared_percent)
    sys.stdout.write(match_row(found, matched, query_percent, compared_percent, json) + "\n")
    if not matched:
        raise typer.Exit(EXIT_NO_MATCH)


@app.command("watch")
def watch_stream(
    source: Annotated[
        str, typer.Argument(help="A video, or a pipe to read from; - for standard input.")
    ],
    listed: Annotated[
        str, typer.Option("--list", help="The list file to match against.", show_default=False)
    ],
    radius_bits: Annotated[int, typer.Option(min=0, max=31, help="A match's radius.")] = 31,
    json: Json = False,
    config_file: Config = None,
) -> None:
    """Match a stream against a list while it runs, and print each match at once.

    The stream is read as it comes, twice a second a frame is hashed, and it may be endless: end it
    with Ctrl-C. Through a pipe come MPEG-TS and Matroska; an MP4 only if its index stands first. An
    entry is named by its number and its hash's first digits. If the reading falls behind, it goes
    on with key frames alone until it has caught up; the coverage at the end says what that has
    missed.
    """
    from softfall.cli.list_files import guess_form_of, open_list
    from softfall.cli.video_watching import Watch, ended_by_ctrl_c, load_list, open_source

    limits = _limits(config_file)
    with open_list(listed) as stream:
        entries = load_list(stream, guess_form_of(stream))
    with open_source(source) as bytes_of_it, ended_by_ctrl_c(bytes_of_it):
        for line in Watch(entries, radius_bits).lines(bytes_of_it, limits):
            _say(line, json)


def _say(line: "Line", json: bool) -> None:
    sys.stdout.write((line.json if json else line.text) + "\n")
    sys.stdout.flush()


def _limits(file: Path | None) -> "MediaLimits":
    return config.load(file).media


def _mode(keyframes: bool) -> "VideoMode":
    return "keyframes" if keyframes else "all"


def _frames(
    path: Path, limits: "MediaLimits", period_ms: float, mode: "VideoMode"
) -> "tuple[VpdqFrame, ...]":
    """A video's frames, or those of a vPDQ text."""
    from softfall.cli.video_rows import hash_path, is_video_file
    from softfall.media.files import read_file
    from softfall.media.vpdq import VpdqFrame, read

    if not is_video_file(path):
        return read(read_file(path, limits))
    found = hash_path(path, limits, period_ms, mode)
    _tell(found)
    return tuple(VpdqFrame(frame.bits, frame.quality, frame.at_ms) for frame in found.frames)


def _tell(found: "VideoHashes") -> None:
    from softfall.cli.video_rows import summary

    sys.stderr.write(summary(found) + "\n")
