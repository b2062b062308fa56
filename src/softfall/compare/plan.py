"""The conversation that every option is sent: who says what, in which order. Pure.

Guarantees: the same photographs, list and seed give the same conversation, byte for byte. What is
listed and what is not is what plain PDQ says; who is chosen is chosen by the seed, not by hand.
Refuses: photographs of which none is listed, or none unlisted, by name.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from softfall.compare.edits import EDITS, TILES_A_SIDE, tiles
from softfall.compare.known import KnownList, make_list
from softfall.compare.photographs import Photograph
from softfall.config import MediaLimits
from softfall.errors import InputError
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, Unhashable, pdq

AS_IT_IS: Final = "as it is"
MAX_PLANTED: Final = 6
MAX_EDITED: Final = 6
MAX_UNLISTED: Final = 40
MAX_CHEATED: Final = 1
MAX_COLLUDED: Final = 2

LINES: Final = (
    "Hello! Did the two of you get home well?",
    "We did. I'll send you the pictures of the trip now.",
    "Lovely. Shall we meet on Saturday, by the fountain?",
    "Saturday is good. At three?",
    "At three. See you then!",
)

Progress = Callable[[int, int], None]


class NothingListed(InputError):
    """None of the photographs is on the list, so nothing can be stopped."""

    remedy = "Leave --list out to have some put on a list, or send a photograph that is on it."


class NothingUnlisted(InputError):
    """Every photograph is on the list, so nobody innocent is sent."""

    remedy = "Send at least one photograph more that is not on the list."


class Kind(Enum):
    """Why a message is sent."""

    TEXT = "text"
    AS_IS = "listed, as it is"
    EDITED = "listed, edited"
    UNLISTED = "unlisted"
    CHEAT = "patched sender"
    COLLUDING = "colluding pair"


class Cheat(Enum):
    """What a patched sender hands over for matching, in place of the listed picture's own."""

    OTHER = "another picture's tags"
    WHOLE = "another picture altogether"
    JUNK = "junk"
    OLD = "old tags"
    NOTHING = "nothing"
    TEXT = "nothing, as if it were text"
    OUTAGE = "a made-up outage"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One file to send. edit: what was done to the photograph. distance_bits: to the nearest entry.

    distance_bits is None beyond the match radius, and for pictures without a hash.
    """

    photograph: str
    edit: str
    data: bytes = field(repr=False)
    format: str
    hashed: PdqHash | Unhashable
    distance_bits: int | None

    @property
    def listed(self) -> bool:
        """Whether plain PDQ matches it."""
        return self.distance_bits is not None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. picture: a row of the conversation's pictures; None for text alone."""

    kind: Kind
    picture: int | None = None
    cheat: Cheat | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is sent, in order; and the list that it is sent past."""

    known: KnownList
    pictures: tuple[Picture, ...]
    turns: tuple[Turn, ...]


def plant(photographs: Sequence[Photograph], random_count: int, seed: int) -> KnownList:
    """A list of some of the photographs, drawn by the seed, among random hashes.

    Half of the hashable ones, at most MAX_PLANTED. Raises NothingListed, NothingUnlisted.
    """
    hashable = [each.hash for each in photographs if isinstance(each.hash, PdqHash)]
    if not hashable:
        raise NothingListed("none of the photographs has a dependable hash")
    if len(photographs) < 2:
        raise NothingUnlisted("there is one photograph only")
    count = min(MAX_PLANTED, max(1, len(hashable) // 2))
    chosen = random.Random(seed).sample(hashable, count)  # noqa: S311 - a repeatable draw
    origin = f"{count} of the photographs, and {random_count:,} random balanced hashes"
    return make_list([value.bits for value in chosen], random_count, seed, origin)


def plan(
    photographs: Sequence[Photograph],
    known: KnownList,
    seed: int,
    limits: MediaLimits,
    progress: Progress,
) -> Conversation:
    """The conversation. Raises NothingListed, NothingUnlisted."""
    distances = known.distances_bits([each.hash for each in photographs])
    whole = [
        Picture(each.name, AS_IT_IS, each.data, each.format, each.hash, bits)
        for each, bits in zip(photographs, distances, strict=True)
    ]
    if not any(picture.listed for picture in whole):
        raise NothingListed("no photograph is within the match radius of an entry")
    if all(picture.listed for picture in whole):
        raise NothingUnlisted("every photograph is within the match radius of an entry")
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    listed = [row for row, picture in enumerate(whole) if picture.listed]
    edited_rows = sorted(draw.sample(listed, min(MAX_EDITED, len(listed))))
    unlisted = [row for row, picture in enumerate(whole) if not picture.listed]
    quarters = [(row, at) for row in unlisted for at in range(TILES_A_SIDE**2)]
    wanted = min(len(quarters), max(0, MAX_UNLISTED - len(unlisted)))
    chosen = sorted(draw.sample(quarters, wanted))
    derived = _derived(photographs, edited_rows, chosen, limits, progress)
    bits_of = known.distances_bits([hashed for *_, hashed in derived])
    made = [Picture(*each, bits) for each, bits in zip(derived, bits_of, strict=True)]
    pictures = (*whole, *(each for each in made if each.edit in _EDIT_NAMES or not each.listed))
    return Conversation(known, pictures, _turns(pictures, edited_rows, draw))


_EDIT_NAMES: Final = frozenset(edit.name for edit in EDITS)
_Made = tuple[str, str, bytes, str, PdqHash | Unhashable]


def _derived(
    photographs: Sequence[Photograph],
    edited_rows: Sequence[int],
    quarters: Sequence[tuple[int, int]],
    limits: MediaLimits,
    progress: Progress,
) -> list[_Made]:
    """Edited copies of listed photographs, and quarters of unlisted ones, with their hashes."""
    total, made = len(edited_rows) * len(EDITS) + len(quarters), list[_Made]()

    def add(row: int, edit: str, data: bytes) -> None:
        hashed = pdq(decode(data, limits).pixels)
        made.append((photographs[row].name, edit, data, "jpeg", hashed))
        progress(len(made), total)

    for row in edited_rows:
        for edit in EDITS:
            add(row, edit.name, edit.apply(photographs[row].pixels))
    for row, at in quarters:
        for data in tiles(photographs[row].pixels)[at : at + 1]:
            add(row, f"quarter {at + 1}", data)
    return made


def _turns(
    pictures: Sequence[Picture], edited_rows: Sequence[int], draw: random.Random
) -> tuple[Turn, ...]:
    """Words, the honest pictures in an order drawn by the seed, the cheats, words."""
    honest = []
    for row, picture in enumerate(pictures):
        if picture.edit in _EDIT_NAMES:
            honest.append(Turn(Kind.EDITED, row))
        else:
            honest.append(Turn(Kind.AS_IS if picture.listed else Kind.UNLISTED, row))
    draw.shuffle(honest)
    cheated = edited_rows[:MAX_CHEATED]
    cheats = [Turn(Kind.CHEAT, row, cheat) for cheat in Cheat for row in cheated]
    colluded = [Turn(Kind.COLLUDING, row) for row in edited_rows[:MAX_COLLUDED]]
    words = [Turn(Kind.TEXT, text=line) for line in LINES]
    middle = len(honest) // 2
    return (
        *words[:2],
        *honest[:middle],
        words[2],
        *honest[middle:],
        *cheats,
        *colluded,
        *words[3:],
    )
