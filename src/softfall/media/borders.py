"""Uniform borders around a picture: found, so that it can be hashed without them.

A letterbox, a pillarbox, a coloured frame, a caption bar, and what a phone's screen puts above and
below a picture are all the same thing here: a band along one side, plain in one colour but for a
few letters or symbols. PDQ hashes a picture together with such a band, and so misses the copy.

Guarantees: the same pixels give the same box; a box never leaves the picture, and never keeps less
than `LEAST_SHARE` of either side or `LEAST_SIDE_PIXELS` of it (then that direction is kept as it
is: a dark or empty picture is not eaten). JPEG noise and soft edges are tolerated.
Limits: a picture that goes on in the border's colour (a night sky in a black frame) shows no edge,
and keeps its border; one whose own edge is plain up to an edge (a white table) loses it. So a
stripped picture is asked for beside the whole one, never instead of it, and a list that is built
with views holds both, cut by this same code.
The oracle of `content_box` is `plain_content_box`, line by line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.media.pdq_oracle import PixelArray

LEAST_SHARE: Final = 0.15
LEAST_SIDE_PIXELS: Final = 32
TOLERANCE: Final = 20
"""How far a sample may be from the band's colour, in each channel, of 255."""

PLAIN_SHARE: Final = 0.96
"""A line is plain if so many of its samples have the band's colour."""

LETTERED_SHARE: Final = 0.5
"""A line between plain ones may hold letters or symbols, if so many samples have the colour."""

LETTERED_LINES_SHARE: Final = 0.06
"""Lettered lines in a row, as a share of the side: a line of writing, not a picture."""

EDGE_LINES: Final = 4
EDGE_SHARE: Final = 0.7
"""A band ends at an edge: one of the next lines has at most this share of the colour."""

_SAMPLES: Final = 192  # of a line; a band is plain wherever one looks
_LINES_AT_ONCE: Final = 64
_MAX_ROUNDS: Final = 8

Lines = npt.NDArray[np.uint8]
"""(lines from the edge inwards, samples along each, channels) uint8."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture: rows from `top` up to `bottom`, columns from `left` up to `right`."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, pixels: PixelArray) -> PixelArray:
        """The pixels inside; a view of the same memory."""
        return pixels[self.top : self.bottom, self.left : self.right]


def whole_box(pixels: PixelArray) -> Box:
    """The whole picture."""
    return Box(0, int(pixels.shape[0]), 0, int(pixels.shape[1]))


def content_box(pixels: PixelArray) -> Box:
    """The picture without its uniform borders: the whole box where there are none.

    pixels: (H, W, 3) uint8 RGB or (H, W) uint8 grey. Most pictures are answered from their four
    outermost lines.
    """
    return _settle(pixels, _band)


def plain_content_box(pixels: PixelArray) -> Box:
    """As `content_box`, looking at one line after the other: its oracle."""
    return _settle(pixels, _plain_band)


def _settle(pixels: PixelArray, band: Callable[[Lines], int]) -> Box:
    """Take bands off all four sides until none is left (a bar above a frame above a picture)."""
    whole = pixels if pixels.ndim == 3 else pixels[:, :, None]
    box = whole_box(whole)
    for _ in range(_MAX_ROUNDS):
        inner = _without_bands(whole, box, band)
        if inner == box:
            break
        box = inner
    return box


def _without_bands(whole: PixelArray, box: Box, band: Callable[[Lines], int]) -> Box:
    top, bottom = _ends(_sampled(box.cut(whole)), band, whole.shape[0])
    box = Box(box.top + top, box.bottom - bottom, box.left, box.right)
    left, right = _ends(_sampled(box.cut(whole).swapaxes(0, 1)), band, whole.shape[1])
    return Box(box.top, box.bottom, box.left + left, box.right - right)


def _sampled(lines: PixelArray) -> Lines:
    """At most `_SAMPLES` and a few of each line, evenly spread."""
    return lines[:, :: max(1, lines.shape[1] // _SAMPLES)]


def _ends(lines: Lines, band: Callable[[Lines], int], side_pixels: int) -> tuple[int, int]:
    """How many lines to take off at either end; none at both, if too little would be left.

    side_pixels: of the picture before anything was taken off, of which a share must stay.
    """
    first, last = band(lines), band(lines[::-1])
    least = max(LEAST_SIDE_PIXELS, round(LEAST_SHARE * side_pixels))
    return (first, last) if lines.shape[0] - first - last >= least else (0, 0)


def _band(lines: Lines) -> int:
    """How many lines from the edge make a band; 0 for none."""
    colour = _colour(lines[0])
    if _like(lines[:1], colour)[0] < PLAIN_SHARE:
        return 0
    longest_gap = round(LETTERED_LINES_SHARE * lines.shape[0])
    end = gap = 0
    for start in range(0, lines.shape[0], _LINES_AT_ONCE):
        shares = _like(lines[start : start + _LINES_AT_ONCE], colour)
        for line, share in enumerate(shares.tolist(), start + 1):
            if share >= PLAIN_SHARE:
                end, gap = line, 0
                continue
            gap += 1
            if share < LETTERED_SHARE or gap > longest_gap:
                return end if _ends_at_an_edge(lines[end : end + EDGE_LINES], colour) else 0
    return 0


def _ends_at_an_edge(beyond: Lines, colour: npt.NDArray[np.uint8]) -> bool:
    return bool(_like(beyond, colour).min() <= EDGE_SHARE)


def _plain_band(lines: Lines) -> int:
    colour = np.array([sorted(c)[len(c) // 2] for c in lines[0].T.tolist()], np.int64)
    shares = []
    for line in lines.astype(np.int64):
        near = sum(1 for sample in line if max(abs(sample - colour)) <= TOLERANCE)
        shares.append(near / len(line))
    plain = [line for line, share in enumerate(shares) if share >= PLAIN_SHARE]
    if 0 not in plain:
        return 0
    longest_gap = round(LETTERED_LINES_SHARE * len(lines))
    end = 1
    for line in plain[1:]:
        between = shares[end:line]
        if len(between) > longest_gap or any(share < LETTERED_SHARE for share in between):
            break
        end = line + 1
    beyond = shares[end : end + EDGE_LINES]
    return end if any(share <= EDGE_SHARE for share in beyond) else 0


def _colour(line: Lines) -> npt.NDArray[np.uint8]:
    """(channels,): the upper median of one line's samples."""
    colour: npt.NDArray[np.uint8] = np.sort(line, axis=0)[line.shape[0] // 2]
    return colour


def _like(lines: Lines, colour: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(lines,): which share of each line's samples has the colour."""
    near = np.ones((lines.shape[0], lines.shape[1]), np.bool_)
    for channel, value in enumerate(colour.tolist()):
        least, most = max(0, value - TOLERANCE), min(255, value + TOLERANCE)
        # In bytes that wrap round, what lies below `least` comes out above the rest.
        near &= (lines[:, :, channel] - np.uint8(least)) <= np.uint8(most - least)
    shares: npt.NDArray[np.float64] = np.count_nonzero(near, axis=1) / near.shape[1]
    return shares
