"""The views of a picture that a list keeps beside it: what everyday handling makes of a picture.

PDQ knows a picture again after saving and resizing, and not after a crop of 5 %, a mirror or a
quarter turn. Whoever keeps a list has the pictures, and can list what those make of them as well.

    view                 what it is
    -------------------  ------------------------------------------------------------------
    whole                the picture as it is
    stripped             without its uniform borders (`borders`), where it has any
    crop-centre-5        5 % cut off each of the four sides
    crop-left-5          5 % of the width cut off the left side (right, top, bottom likewise)
    mirror               left and right exchanged
    turn-90              turned anticlockwise, as arrays are (180, 270)
    mirror-turn-90       mirrored, then turned

Guarantees: every view is hashed from real pixels, by the exact form. (The reference can turn and
mirror a hash itself; that agrees with hashing the turned picture only to a few bits.) Which views
are taken by default was chosen by measurement: docs/experiments/robustness.md.
Refuses: nothing; a view without a dependable hash says so (`Unhashable`).
Limits: between two crops of the table, and beyond the last, a cropped copy may be missed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

import numpy as np

from softfall.media.borders import content_box, whole_box
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.media.pdq_oracle import PixelArray

WHOLE: Final = "whole"
STRIPPED: Final = "stripped"
SIDES: Final = ("left", "right", "top", "bottom")


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at a picture: its stable name, and how its pixels are made."""

    name: str
    make: Callable[[PixelArray], PixelArray]


@dataclass(frozen=True, slots=True)
class ViewHash:
    """One view of one picture, and its hash, or why there is none."""

    view: str
    found: PdqHash | Unhashable


class ViewSet(Enum):
    """Which views a list is built with."""

    DEFAULT = "default"
    ALL = "all"
    NONE = "none"


def crop_centre(pixels: PixelArray, percent: float) -> PixelArray:
    """`percent` of the height off top and bottom each, and of the width off left and right."""
    down, across = (round(side * percent / 100) for side in pixels.shape[:2])
    return pixels[down : pixels.shape[0] - down, across : pixels.shape[1] - across]


def crop_side(pixels: PixelArray, percent: float, side: str) -> PixelArray:
    """`percent` of the height or width off one side."""
    axis = 1 if side in ("left", "right") else 0
    length = pixels.shape[axis]
    cut = round(length * percent / 100)
    kept = slice(cut, length) if side in ("left", "top") else slice(0, length - cut)
    return pixels[:, kept] if axis else pixels[kept]


def turn(pixels: PixelArray, quarters: int, mirrored: bool = False) -> PixelArray:
    """Mirrored or not, then turned by so many quarters, anticlockwise."""
    return np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters)


def centre_view(percent: float) -> View:
    """The view of a crop off all four sides."""
    return View(f"crop-centre-{percent:g}", partial(crop_centre, percent=percent))


def side_views(percent: float) -> list[View]:
    """The four views of a crop off one side."""
    return [
        View(f"crop-{side}-{percent:g}", partial(crop_side, percent=percent, side=side))
        for side in SIDES
    ]


TURNS: Final = (
    View("mirror", partial(turn, quarters=0, mirrored=True)),
    *(View(f"turn-{90 * n}", partial(turn, quarters=n)) for n in (1, 2, 3)),
)
MIRRORED_TURNS: Final = tuple(
    View(f"mirror-turn-{90 * n}", partial(turn, quarters=n, mirrored=True)) for n in (1, 2, 3)
)
_DEFAULT: Final = (
    *(centre_view(percent) for percent in (2.5, 5, 7.5, 10)),
    *side_views(5),
    *side_views(10),
    *TURNS,
)
VIEWS: Final[dict[ViewSet, tuple[View, ...]]] = {
    ViewSet.NONE: (),
    ViewSet.DEFAULT: _DEFAULT,
    ViewSet.ALL: (*_DEFAULT, *side_views(2.5), *side_views(7.5), *MIRRORED_TURNS),
}


def view_hashes(pixels: PixelArray, chosen: ViewSet = ViewSet.DEFAULT) -> Iterator[ViewHash]:
    """The hash of the whole picture, then of each view of the set.

    pixels: (H, W, 3) uint8 RGB or (H, W) grey. Raises NotPixels.
    """
    yield ViewHash(WHOLE, pdq(pixels))
    if chosen is ViewSet.NONE:
        return
    box = content_box(pixels)
    if box != whole_box(pixels):
        yield ViewHash(STRIPPED, pdq(np.ascontiguousarray(box.cut(pixels))))
    for view in VIEWS[chosen]:
        yield ViewHash(view.name, pdq(np.ascontiguousarray(view.make(pixels))))
