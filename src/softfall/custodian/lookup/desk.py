"""One lookup: who asks, what is asked, what the list says.

Guarantees: a tool is known before a byte of its body is read; nothing is searched before it is
counted, and nothing told that is not counted, not even that something was found. A picture is
opened by the hasher's confined process alone, never here. Small questions don't wait for large
ones: those are searched beside, a piece at a time, so that a dense place of the list takes bounded
memory. Where a small one took long, because many entries lie near it, all go beside for a while.
Refuses: bodies of another type (`LookupTypeUnknown`), pictures that can't be opened
(`LookupPictureRefused`), and more pictures at once than the hasher takes (`HasherBusy`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

import anyio
import anyio.to_thread

from softfall.config import LookupSettings
from softfall.custodian.lookup.allowances import Allowances
from softfall.custodian.lookup.answers import (
    Answer,
    Answering,
    LookedUpPicture,
    Numbers,
    PictureView,
    numbers_by_row,
)
from softfall.custodian.lookup.figures import LookupFigures
from softfall.custodian.lookup.questions import HEX_DIGITS, from_json, from_octets
from softfall.custodian.lookup.tools import ToolBook
from softfall.edge.confined import AT_ONCE, WAITING_AT_MOST, Failed
from softfall.errors import InputError, UnavailableError
from softfall.lists.entries import MATCH_RADIUS_BITS, PDQ_BYTES
from softfall.lists.index.hamming import Matches, U64Array, words
from softfall.media.hashed import Hashed, Refused
from softfall.media.pdq import PdqHash, Unhashable

JSON: Final = b"application/json"
OCTETS: Final = b"application/octet-stream"
PICTURES: Final = b"image/"
_AT_ONCE_HASHES: Final = 8  # so few are searched right away: starting a thread takes as long
_PIECE_HASHES: Final = 256
_LONG_SECONDS: Final = 0.005  # a search of few that takes longer is no work for the event loop
_BESIDE_SECONDS: Final = 10.0
_VIEWS: Final[tuple[Literal["whole", "stripped"], ...]] = ("whole", "stripped")
_JSON_BYTES_EACH: Final = HEX_DIGITS + 16  # a hash with its quotes, comma, and white space
_JSON_BYTES_BESIDES: Final = 256

ReadBody = Callable[[int], Awaitable[bytes]]
"""Reads the body, of at most so many bytes; raises RequestTooLarge, RequestTooSlow."""


class LookupTypeUnknown(InputError):
    """A lookup of another kind than hashes or a picture."""

    remedy = "Send application/json, application/octet-stream or image/...; see docs/lookup.md."


class LookupPictureRefused(InputError):
    """The picture could not be opened, so nothing was looked up."""

    remedy = "Send a whole picture (JPEG, PNG, WebP, GIF, HEIC, AVIF) within the limits."


class HasherBusy(UnavailableError):
    """The picture was not hashed: too many wait, or its time was up."""

    remedy = "Try again in a moment, with fewer pictures at once; or send its PDQ hash."
    retry_after_seconds = 1


class Index(Protocol):
    """Whoever searches the list: `indexing.ListIndex`."""

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """As `HammingIndex.search`; the matches by query, then by entry number."""


class PictureHasher(Protocol):
    """Whoever opens pictures: `edge.hashing.LookupHasherProcess`."""

    def ask(self, picture: bytes, within_seconds: float) -> tuple[Hashed, ...] | Failed:
        """One hash or two, the whole picture's first; one Refused where it was not opened."""


@dataclass(frozen=True, slots=True)
class LookupParts:
    """What a desk works with. seconds: a clock that never runs back. worked_seconds: one that runs
    while this thread works, so that a busy machine does not make a search look long."""

    tools: ToolBook
    allowances: Allowances
    index: Index
    answering: Answering
    hasher: PictureHasher
    figures: LookupFigures
    seconds: Callable[[], float]
    worked_seconds: Callable[[], float]


class Desk:
    """One worker's lookups."""

    def __init__(self, settings: LookupSettings, parts: LookupParts) -> None:
        self._settings = settings
        self._parts = parts
        self._json_bytes = _JSON_BYTES_BESIDES + settings.max_batch * _JSON_BYTES_EACH
        self._searching = anyio.CapacityLimiter(1)
        self._opening = anyio.CapacityLimiter(AT_ONCE + WAITING_AT_MOST)
        self._pictures = 0
        self._beside_until = 0.0

    def tool(self, headers: Mapping[bytes, bytes]) -> str:
        """Who asks. Raises LookupTokenRefused, ToolsUnusable."""
        return self._parts.tools.named(headers.get(b"authorization"), self._parts.seconds())

    async def reply(self, tool: str, headers: Mapping[bytes, bytes], read: ReadBody) -> bytes:
        """The LookupAnswer's JSON. headers: with small letters.

        Raises LookupTypeUnknown, InvalidRequest, BadHashes, TooManyHashes, LookupPictureRefused,
        HasherBusy, ToolLookupsSpent, ToolMatchesSpent, QuotaNotCounted, and what `read` raises.
        """
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind == JSON:
            asked = from_json(await read(self._json_bytes), self._settings.max_batch)
        elif kind == OCTETS:
            body = await read(self._settings.max_batch * PDQ_BYTES)
            asked = from_octets(body, self._settings.max_batch)
        elif kind.startswith(PICTURES):
            return await self._of_picture(tool, read)
        else:
            raise LookupTypeUnknown("the body is neither hashes nor a picture")
        self._parts.allowances.admit(tool, len(asked))
        return self._told(tool, len(asked), await self._search(asked))

    async def _of_picture(self, tool: str, read: ReadBody) -> bytes:
        if self._pictures >= AT_ONCE + WAITING_AT_MOST:
            raise HasherBusy("too many pictures wait already")
        self._pictures += 1  # before its body is read: so many bodies are held, and no more
        try:
            body = await read(self._settings.max_picture_bytes)
            self._parts.allowances.admit(tool, 1)
            hashed = await anyio.to_thread.run_sync(
                self._parts.hasher.ask, body, self._settings.picture_seconds, limiter=self._opening
            )
        finally:
            self._pictures -= 1
        if isinstance(hashed, Failed):
            raise HasherBusy(hashed.reason)
        picture, kept = _views(hashed)
        if len(kept) > 1:
            self._parts.allowances.admit(tool, len(kept) - 1)
        found = await self._search(words(list(kept.values()))) if kept else {}
        by_view = dict(zip(kept, range(len(kept)), strict=True))
        told = {view: found[row] for view, row in by_view.items() if row in found}
        return self._told(tool, len(kept), told, picture)

    async def _search(self, asked: U64Array) -> dict[int, Numbers]:
        if len(asked) <= _AT_ONCE_HASHES and self._parts.seconds() >= self._beside_until:
            return self._search_here(asked)
        found: dict[int, Numbers] = {}
        for start in range(0, len(asked), _PIECE_HASHES):
            piece = partial(self._parts.index.search, asked[start : start + _PIECE_HASHES])
            matches = await anyio.to_thread.run_sync(piece, limiter=self._searching)
            found |= numbers_by_row(matches, start)
        return found

    def _search_here(self, asked: U64Array) -> dict[int, Numbers]:
        start = self._parts.worked_seconds()
        found = numbers_by_row(self._parts.index.search(asked))
        if self._parts.worked_seconds() - start > _LONG_SECONDS:
            self._beside_until = self._parts.seconds() + _BESIDE_SECONDS
        return found

    def _told(
        self,
        tool: str,
        looked_up: int,
        found: Mapping[int, Numbers],
        picture: LookedUpPicture | None = None,
    ) -> bytes:
        answer: Answer = self._parts.answering.answer(looked_up, found, picture)
        self._parts.allowances.tell(tool, answer.entries)
        self._parts.figures.answered(tool, looked_up, answer.entries, picture is not None)
        return answer.body


def _views(hashed: tuple[Hashed, ...]) -> tuple[LookedUpPicture, dict[int, bytes]]:
    """What became of a picture, and its hashes by view. Raises LookupPictureRefused."""
    views, kept = list[PictureView](), dict[int, bytes]()
    for place, (view, found) in enumerate(zip(_VIEWS, hashed, strict=False)):
        match found:
            case Refused():
                raise LookupPictureRefused(f"refused: {found.reason.partition(':')[0]}")
            case Unhashable():
                outcome, reason = "unhashable", found.reason
            case PdqHash():
                outcome, reason, kept[place] = "hashed", "", found.bits
        views.append(PictureView(view=view, outcome=outcome, quality=found.quality, reason=reason))
    return LookedUpPicture(views=views), kept
