"""How often a list finds an edited copy again: with views and without, borders stripped or not.

For each photograph: the hashes that a keeper would list (the whole picture, its views), and for
each everyday edit the hashes that somebody would ask for (the copy as it is, and without borders).
Every copy goes through a JPEG file and the product's own decoder and hash.

Guarantees: a copy is found if any hash asked for lies within the radius of any hash listed of *its
own* picture; the four columns come from the same hashes. A copy without a dependable hash counts as
missed. Photographs that have no hash themselves are left out, and counted.
Limits: one edit at a time; what is unlike these photographs may do better or worse.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, TypeVar

import numpy as np
from PIL import Image

from softfall.compare.everyday import EVERYDAY, for_study
from softfall.compare.statistics import Share
from softfall.config import MediaLimits
from softfall.errors import OperatorError
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
from softfall.media.pdq_oracle import PixelArray
from softfall.media.query import pixels_hashes
from softfall.media.views import STRIPPED, WHOLE, View, ViewSet, view_hashes

NEVER: Final = 257
"""The distance to a hash that there is not."""

_ITEMS_AT_ONCE: Final = 32

Item = TypeVar("Item")
Made = TypeVar("Made")


class StudyCrashed(OperatorError):
    """A process of a study came to an end in the middle, so there are no figures of it."""

    remedy = (
        "See to it that memory suffices (fewer --processes), then try with half of the pictures."
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """One photograph's part of the study.

    listed: each view's hash as a whole number, by the view's name, "whole" first; views without a
    dependable hash are not in it. asked: for each edit in order, the hashes asked for by how the
    copy was seen ("whole", "stripped").
    """

    name: str
    listed: dict[str, int]
    without_hash: tuple[str, ...]
    asked: tuple[dict[str, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Of one edit's copies, how many were found by each way of listing and asking."""

    family: str
    size: str
    plain: Share
    stripped: Share
    views: Share
    both: Share


@dataclass(frozen=True, slots=True)
class Growth:
    """The list's size in entries: hashes that are listed, of so many pictures."""

    pictures: int
    entries: int
    without_hash: int

    @property
    def factor(self) -> float:
        """Entries a picture."""
        return self.entries / self.pictures if self.pictures else 0.0


def look(
    name_and_pixels: tuple[str, PixelArray, int],
    chosen: ViewSet = ViewSet.DEFAULT,
    more: Sequence[View] = (),
) -> Seen:
    """Hash one photograph's views, and all its edited copies. `more`: views besides the set's."""
    name, pixels, place = name_and_pixels
    picture = for_study(Image.fromarray(pixels))
    original = np.asarray(picture)
    listed: dict[str, int] = {}
    without = []
    for seen in view_hashes(original, chosen):
        if isinstance(seen.found, PdqHash):
            listed[seen.view] = int.from_bytes(seen.found.bits)
        else:
            without.append(seen.view)
    for view in more:
        found = pdq(np.ascontiguousarray(view.make(original)))
        if isinstance(found, PdqHash):
            listed[view.name] = int.from_bytes(found.bits)
    asked = tuple(_asked(edit.apply(picture, place)) for edit in EVERYDAY)
    return Seen(name, listed, tuple(without), asked)


def look_at_all(
    photographs: Iterable[tuple[str, PixelArray]],
    processes: int,
    chosen: ViewSet = ViewSet.DEFAULT,
    more: Sequence[View] = (),
) -> Iterator[Seen]:
    """`look` at (name, pixels) after (name, pixels), in order, on several cores."""
    work = ((name, pixels, place) for place, (name, pixels) in enumerate(photographs))
    look_at = partial(look, chosen=chosen, more=more)
    yield from in_parallel(look_at, work, processes)


def in_parallel(
    made: Callable[[Item], Made], work: Iterable[Item], processes: int
) -> Iterator[Made]:
    """As `map`, on several cores; memory for a few items at once, however many there are.

    Raises StudyCrashed.
    """
    if processes == 1:
        yield from map(made, work)
        return
    rest = iter(work)
    with ProcessPoolExecutor(processes) as pool:
        while some := list(islice(rest, _ITEMS_AT_ONCE)):
            try:
                yield from pool.map(made, some)
            except BrokenProcessPool:
                raise StudyCrashed("a process that edits and hashes pictures ended") from None


def recall(seen: Sequence[Seen], views: Sequence[str] | None = None) -> list[Found]:
    """The table: a row an edit, in the order of EVERYDAY.

    views: the names of those that count as listed besides the whole picture; all, if not given.
    """
    usable = [each for each in seen if WHOLE in each.listed]
    rows = []
    for place, edit in enumerate(EVERYDAY):
        counts = np.zeros(4, np.int64)
        for each in usable:
            counts += _ways(each, place, views)
        shares = (Share(int(count), len(usable)) for count in counts)
        rows.append(Found(edit.family, edit.size, *shares))
    return rows


def distance(seen: Seen, place: int, view: str, how: str) -> int:
    """In bits, from one listed view to a copy as it was asked for; NEVER if either has no hash."""
    listed, asked = seen.listed.get(view), seen.asked[place].get(how)
    return NEVER if listed is None or asked is None else (listed ^ asked).bit_count()


def growth(seen: Sequence[Seen], views: Sequence[str] | None = None) -> Growth:
    """How many entries the pictures make, each hash once a picture; views: as for `recall`."""
    usable = [each for each in seen if WHOLE in each.listed]
    counted = {WHOLE, *views} if views is not None else None
    entries = without = 0
    for each in usable:
        listed = {h for name, h in each.listed.items() if counted is None or name in counted}
        entries += len(listed)
        without += sum(counted is None or name in counted for name in each.without_hash)
    return Growth(len(usable), entries, without)


def _asked(data: bytes) -> dict[str, int]:
    pixels = decode(data, MediaLimits()).pixels
    return {
        each.view: int.from_bytes(each.found.bits)
        for each in pixels_hashes(pixels)
        if isinstance(each.found, PdqHash)
    }


def _ways(seen: Seen, place: int, views: Sequence[str] | None) -> tuple[bool, bool, bool, bool]:
    names = [*seen.listed] if views is None else [WHOLE, *views]
    asked = (WHOLE, STRIPPED)
    near = {
        (view, how): distance(seen, place, view, how) <= MATCH_RADIUS_BITS
        for view in names
        for how in asked
    }
    return (
        near[WHOLE, WHOLE],
        any(near[WHOLE, how] for how in asked),
        any(near[view, WHOLE] for view in names),
        any(near.values()),
    )
