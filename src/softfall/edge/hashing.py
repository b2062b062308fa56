"""The way to a picture's hash: a confined process of its own for each picture.

Guarantees: what `edge.confined` does; the answer is decoded strictly.
Never raises for a picture: what can't be hashed is `Refused`, with the reason.
Limit: a process that a picture took over may lie about that one picture's hash.
"""

from typing import Protocol

from softfall.edge.confined import Confined, Failed, PictureLimits, Starter
from softfall.media.hashed import (
    ASKED_OF_PICTURE,
    HASHED,
    Hashed,
    Refused,
    decode,
    decode_asked,
)


class Hasher(Protocol):
    """Whoever hashes pictures for the provider."""

    def hash(self, picture: bytes, within_seconds: float) -> Hashed:
        """The picture's hash, or why there is none; an answer comes within about that time."""


class HasherProcess:
    """One process for each picture, few at a time; a few more may wait."""

    def __init__(self, limits: PictureLimits, starter: Starter | None = None) -> None:
        self._arguments = ("hash", *limits.arguments)
        self._confined = Confined[Hashed](decode, HASHED.max_bytes, starter)

    def hash(self, picture: bytes, within_seconds: float) -> Hashed:
        """As the port says."""
        answer = self._confined.ask(self._arguments, picture, within_seconds)
        return Refused(answer.reason) if isinstance(answer, Failed) else answer


class LookupHasherProcess:
    """As `HasherProcess`, for lookups: also of what is inside a picture's borders."""

    def __init__(self, limits: PictureLimits, starter: Starter | None = None) -> None:
        self._arguments = ("lookup", *limits.arguments)
        size_bytes = ASKED_OF_PICTURE.max_bytes
        self._confined = Confined[tuple[Hashed, ...]](decode_asked, size_bytes, starter)

    def ask(self, picture: bytes, within_seconds: float) -> tuple[Hashed, ...] | Failed:
        """One hash or two, the whole picture's first; one Refused where it was not opened.

        Failed: nobody could try; an answer comes within about that time.
        """
        return self._confined.ask(self._arguments, picture, within_seconds)
