"""A video's opening: each submitted frame's own, its place, and its submission's digest.

Guarantees: the digests named yield the digest that was stamped (`framed.joined_digest`), so that
each frame's opening is checked like a picture's. `evidence` makes of an option's checks of reported
pictures those of reported videos: from bytes alone, every frame.
Refuses: any other form, frames out of order, and digests that are not the stamped one's.
Limits, printed: from bytes alone nobody can tell a frame that was left out; a recipient, who has
the video, can. A provider that is shown a reported video does not look at its frames.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import SCAN_KEY_BYTES, Claim, Evidence, Mismatch
from softfall.options.framed import KIND, MAX_FRAMES, joined_digest
from softfall.wire import (
    Bytes,
    Field,
    ListOf,
    MalformedMessage,
    Message,
    Nested,
    Party,
    Text,
    Uint,
    Value,
)

MAX_OPENING_BYTES: Final = 180_000
MAX_FRAME_OPENING_BYTES: Final = 32_768
MAX_NUMBER: Final = 2**31
_HEAD: Final = bytes((0x83, 0x66)) + KIND.encode()

NOT_THESE_FRAMES: Final = Mismatch("not these frames")
MALFORMED: Final = Mismatch("malformed frames")
NO_PICTURE: Final = Mismatch("a video's frames for a picture")

FRAME = Message(
    "frames_opened",
    Party.DEVICE,
    (
        Field("number", Uint(MAX_NUMBER), "the frame's place among all of the video, from 0"),
        Field("digest", Bytes(32, 32), "of this frame's submission"),
        Field("opening", Bytes(1, MAX_FRAME_OPENING_BYTES), "the option's own, as of a picture"),
    ),
    max_bytes=MAX_FRAME_OPENING_BYTES + 64,
)

OPENING = Message(
    "frames_opening",
    Party.DEVICE,
    (
        Field("kind", Text(len(KIND)), f"`{KIND}`"),
        Field("is_live", Uint(1), "as in the submission"),
        Field("frames", ListOf(Nested(FRAME), 1, MAX_FRAMES), "those submitted, in order"),
    ),
    max_bytes=MAX_OPENING_BYTES,
)


@dataclass(frozen=True, slots=True)
class OpenedFrame:
    """One submitted frame. number: its place in the video. digest: of its submission."""

    number: int
    digest: bytes
    opening: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedFrames:
    """A video's opening, read."""

    frames: tuple[OpenedFrame, ...]
    is_live: bool

    def encode(self) -> bytes:
        """The opening's bytes. Raises MalformedMessage where they are too many."""
        frames: list[Value] = [
            {"number": each.number, "digest": each.digest, "opening": each.opening}
            for each in self.frames
        ]
        return OPENING.encode({"kind": KIND, "is_live": int(self.is_live), "frames": frames})

    def unlike(self, option: str, epoch: int, submission_digest: bytes) -> Mismatch | None:
        """Why the stamped submission is not of these frames; None if it is."""
        digests = [each.digest for each in self.frames]
        joined = joined_digest(option, epoch, digests, is_live=self.is_live)
        return None if hmac.compare_digest(joined, submission_digest) else NOT_THESE_FRAMES


def is_framed(opening: bytes) -> bool:
    """Whether an opening claims to be a video's; no option's own begins so."""
    return opening.startswith(_HEAD)


def decode(body: bytes) -> OpenedFrames | Mismatch:
    """A video's opening, or why it is not one that an unpatched client makes."""
    try:
        values = OPENING.decode(body)
    except MalformedMessage:
        return MALFORMED
    told = values["frames"]
    assert isinstance(told, list), "by its kind"
    frames = tuple(OpenedFrame(**each) for each in told if isinstance(each, Mapping))  # type: ignore[arg-type]  # by FRAME's kinds
    numbers = [each.number for each in frames]
    if values["kind"] != KIND or numbers != sorted(set(numbers)):
        return MALFORMED
    return OpenedFrames(frames, is_live=values["is_live"] == 1)


def frame_key(attachment_key: bytes, number: int) -> bytes:
    """The 32 bytes that stand for the attachment's key in the scan secret of one frame."""
    info = b"softfall frame key v1|" + str(number).encode()
    return HKDF(SHA256(), SCAN_KEY_BYTES, None, info).derive(attachment_key)


def evidence(of_pictures: Evidence) -> Evidence:
    """An option's checks of reported openings, of videos as of pictures."""

    def disprove(claim: Claim) -> Mismatch | None:
        return _disproved(of_pictures, claim)

    def differs(media: PdqHash | Unhashable, claim: Claim) -> Mismatch | None:
        if is_framed(claim.opening):
            return NO_PICTURE
        return of_pictures.differs(media, claim)

    return Evidence(disprove, differs)


def _disproved(of_pictures: Evidence, claim: Claim) -> Mismatch | None:
    if not is_framed(claim.opening):
        return of_pictures.disprove(claim)
    opened = decode(claim.opening)
    if isinstance(opened, Mismatch):
        return opened
    manifest = claim.manifest
    unlike = opened.unlike(manifest.option, manifest.epoch, claim.submission_digest)
    if unlike is not None:
        return unlike
    found = (of_pictures.disprove(each) for each in _claims(claim, opened.frames))
    return next((mismatch for mismatch in found if mismatch is not None), None)


def _claims(claim: Claim, frames: Sequence[OpenedFrame]) -> list[Claim]:
    """What the sender committed to about each frame, as if it were a picture."""
    return [
        replace(
            claim,
            opening=each.opening,
            attachment_key=frame_key(claim.attachment_key, each.number),
            submission_digest=each.digest,
        )
        for each in frames
    ]
