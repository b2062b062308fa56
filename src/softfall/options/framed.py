"""A video's submission: that of each of its frames, in one; and what a receipt binds of it.

Guarantees: a picture's body and a video's can't be taken for each other (a picture's begins with a
number, a video's with the word `frames`), so a single picture's bytes are what they always were.
The digest of a video is one over its frames' digests, each made as if the frame were a picture: a
recipient who recomputes each frame's digest, and has no body, recomputes the video's.
Refuses: anything else, as MalformedMessage.
Limit, printed: the provider sees that a message holds a video, how many frames were submitted, and
whether it is part of a live stream.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from softfall.wire import Bytes, Field, ListOf, MalformedMessage, Message, Party, Text, Uint

KIND: Final = "frames"
MAX_FRAMES: Final = 32  # so that the openings of any option fit beside the message
MAX_FRAME_BYTES: Final = 65_536
MAX_BODY_BYTES: Final = 1_900_000
_HEAD: Final = bytes((0x83, 0x66)) + KIND.encode()  # a CBOR array of three, and the word

SUBMISSION = Message(
    "frames_submission",
    Party.PROVIDER,
    (
        Field("kind", Text(len(KIND)), f"`{KIND}`"),
        Field("is_live", Uint(1), "1: part of a live stream, which stops where a part is held"),
        Field(
            "frames",
            ListOf(Bytes(1, MAX_FRAME_BYTES), 1, MAX_FRAMES),
            "of each distinct frame, in order, the body that the option makes of a picture",
        ),
    ),
    max_bytes=MAX_BODY_BYTES,
)


@dataclass(frozen=True, slots=True)
class Frames:
    """A video's submission taken apart. bodies: each as a picture's. is_live: of a stream."""

    bodies: tuple[bytes, ...] = field(repr=False)
    is_live: bool

    def encode(self) -> bytes:
        """The body of the whole. Raises MalformedMessage for none, too many or too large."""
        frames = list(self.bodies)
        return SUBMISSION.encode({"kind": KIND, "is_live": int(self.is_live), "frames": [*frames]})


def is_framed(body: bytes) -> bool:
    """Whether a body claims to be a video's; no option's own body begins so."""
    return body.startswith(_HEAD)


def read_frames(body: bytes) -> Frames | None:
    """The frames of a video's body; None for a picture's. Raises MalformedMessage."""
    if not is_framed(body):
        return None
    values = SUBMISSION.decode(body)
    frames = values["frames"]
    if values["kind"] != KIND or not isinstance(frames, list):
        raise MalformedMessage("frames_submission.kind is another")
    bodies = tuple(each for each in frames if isinstance(each, bytes))
    return Frames(bodies, is_live=values["is_live"] == 1)


def is_live(body: bytes) -> bool:
    """Whether a body of the right form is part of a live stream."""
    return body.startswith(_HEAD + b"\x01")


def digest_of(option: str, epoch: int, body: bytes) -> bytes:
    """SHA-256 that a receipt binds: of a picture over all, of a video over its frames' own."""
    try:
        frames = read_frames(body)
    except MalformedMessage:
        frames = None  # refused before it is judged; it is still told apart by its bytes
    if frames is None:
        return _picture_digest(option, epoch, body)
    digests = [_picture_digest(option, epoch, each) for each in frames.bodies]
    return joined_digest(option, epoch, digests, is_live=frames.is_live)


def joined_digest(option: str, epoch: int, digests: Sequence[bytes], *, is_live: bool) -> bytes:
    """A video's digest from its frames', 32 bytes each, in order."""
    head = f"softfall frames v1|{option}|{epoch}|{int(is_live)}|{len(digests)}|".encode()
    return hashlib.sha256(head + b"".join(digests)).digest()


def _picture_digest(option: str, epoch: int, body: bytes) -> bytes:
    head = f"softfall submission v1|{option}|{epoch}|".encode()
    return hashlib.sha256(head + body).digest()
