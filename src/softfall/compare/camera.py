"""A camera, played by a clip: the same pictures encoded anew, with key frames as a stream has them.

Guarantees: every picture of the clip, in order, at its own pace; a key frame where each part is to
begin; mirrored where asked, which no perceptual hash of the clip survives.
Leaves out sound. Raises what `open_video` raises, and NoEncoder.
"""

import io
from fractions import Fraction
from typing import Final

import av
import numpy as np

from softfall.config import MediaLimits
from softfall.errors import OperatorError
from softfall.media.video_reading import open_video

_ENCODERS: Final = ("libx264", "mpeg4")
_RATE: Final = 25
_BITS_A_SECOND: Final = 4_000_000


class NoEncoder(OperatorError):
    """No encoder is here by which a clip could be played as a camera."""

    remedy = "Install PyAV from its own wheels, which bring one."


def record(data: bytes, limits: MediaLimits, key_every_ms: float, *, mirrored: bool) -> bytes:
    """The clip as MP4. key_every_ms: from one key frame to the next."""
    encoder = next((name for name in _ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        raise NoEncoder("neither libx264 nor mpeg4 can be used")
    out = io.BytesIO()
    with open_video(io.BytesIO(data), limits) as reading:
        rate = Fraction(reading.track.frame_rate or _RATE).limit_denominator(1001)
    keys = max(1, round(float(rate) * key_every_ms / 1000))
    options = {"g": str(keys), "keyint_min": str(keys), "sc_threshold": "0", "bf": "0"}
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mp4") as target:
        track = target.add_stream(encoder, rate=rate, options=options)
        track.bit_rate, track.pix_fmt = _BITS_A_SECOND, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            if not number:
                track.width, track.height = frame.width & ~1, frame.height & ~1
            whole = frame.to_ndarray(format="rgb24").astype(np.uint8)
            pixels = whole[: track.height, : track.width]
            shown = np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels)
            picture = av.VideoFrame.from_ndarray(shown, format="rgb24")
            picture.pts, picture.time_base = number, 1 / rate
            target.mux(track.encode(picture))
        target.mux(track.encode(None))
    return out.getvalue()
