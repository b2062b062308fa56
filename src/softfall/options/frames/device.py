"""The device's half of any option, taught videos: a submission for each distinct frame, in one.

Guarantees: each frame is submitted by the option's own half under a scan secret of its own (the
attachment's key and the frame's number), so no randomness serves two frames. `check` is Honest only
if the stamped submission is the one of this very video: every frame that is distinct was submitted,
each as the option demands, and nothing else was. It asks nobody.
Refuses: what `choosing.distinct` refuses.
Limits, printed: two colluding patched clients escape. Which frames are looked at is one a second;
what is in sight between two of them only is not matched, and nobody finds out. Inside the decoder
tolerance a patched sender may leave out a frame within `LEFT_OUT_BITS` of one that it submits.
"""

from collections.abc import Sequence
from typing import Final

from softfall.media.pdq import MIN_QUALITY, PdqHash, Unhashable
from softfall.options.contract import DeviceHalf, Honest, Mismatch, ScanSecret, Submission
from softfall.options.decoders import BITS, QUALITY
from softfall.options.framed import Frames
from softfall.options.frames.choosing import REPEAT_BITS, SeenFrame, nearest_bits
from softfall.options.frames.opening import OpenedFrame, OpenedFrames, decode, frame_key, is_framed

# Two decoders may each move BITS of either hash, and so what one of them drops as a repeat.
LEFT_OUT_BITS: Final = REPEAT_BITS + 2 * BITS

Made = tuple[SeenFrame, Submission, bytes]

A_PICTURE: Final = Mismatch("submitted as a picture")
NO_SUCH_FRAME: Final = Mismatch("no such frame")
LEFT_OUT: Final = Mismatch("a frame was left out")


def secret_of(secret: ScanSecret, number: int) -> ScanSecret:
    """The scan secret of one frame. secret: the whole video's."""
    return ScanSecret(frame_key(secret.attachment_key, number), secret.option, secret.epoch)


def join(made: Sequence[Made], *, is_live: bool) -> tuple[Submission, bytes]:
    """The video's submission and opening, from its frames' own; at least one, in order.

    Raises MalformedMessage where an option's openings of so many frames are too large.
    """
    _, first, _ = made[0]
    bodies = tuple(submission.body for _, submission, _ in made)
    frames = tuple(
        OpenedFrame(frame.number, submission.digest, opening) for frame, submission, opening in made
    )
    body = Frames(bodies, is_live).encode()
    return Submission(first.option, first.epoch, body), OpenedFrames(frames, is_live).encode()


def check(
    half: DeviceHalf,
    seen: Sequence[SeenFrame],
    secret: ScanSecret,
    opening: bytes,
    submission_digest: bytes,
) -> Honest | Mismatch:
    """Is the stamped submission the one that this video, as received, yields?

    seen: every frame of the recipient's own look at it, at least one. Raises what the half raises.
    """
    if not is_framed(opening):
        return A_PICTURE
    opened = decode(opening)
    if isinstance(opened, Mismatch):
        return opened
    unlike = opened.unlike(secret.option, secret.epoch, submission_digest)
    if unlike is not None:
        return unlike
    own = {frame.number: frame for frame in seen}
    for frame in opened.frames:
        if frame.number not in own:
            return NO_SUCH_FRAME
        media, scan = own[frame.number].media, secret_of(secret, frame.number)
        verdict = half.check(media, scan, frame.opening, frame.digest)
        if isinstance(verdict, Mismatch):
            return verdict
    return _left_out(seen, {frame.number for frame in opened.frames}) or Honest()


def _left_out(seen: Sequence[SeenFrame], submitted: set[int]) -> Mismatch | None:
    """A frame that is surely hashable, and surely no repeat, must have been submitted."""
    bits = [
        frame.media.bits
        for frame in seen
        if frame.number in submitted and isinstance(frame.media, PdqHash)
    ]
    for frame in seen:
        media = frame.media
        if frame.number in submitted or isinstance(media, Unhashable):
            continue
        surely_hashable = media.quality >= MIN_QUALITY + QUALITY
        if surely_hashable and nearest_bits(media.bits, bits) > LEFT_OUT_BITS:
            return LEFT_OUT
    return None
