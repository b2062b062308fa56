"""What two honest decoders of one file may disagree on, and nothing more.

Guarantees: an opening made by a decoder within these bounds of the recipient's own is accepted.
Refuses: another picture's hash, bits moved that do not lie at the median, a claim that a hashable
picture has no hash, and probes that are not the likeliest ones: each with its reason.
The bounds: each coefficient's signed distance from the median may differ by MARGIN, hence a bit may
differ only where the recipient's margin is at most MARGIN, and a probe's place in the order by
MARGIN for each bit that it flips. Accurate JPEG decoders agreed exactly on every picture measured;
docs/options.md has the figures, and what a patched sender gains inside the bounds.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Mismatch
from softfall.options.decoders import BITS, MARGIN, hash_disagreement
from softfall.options.tags import pieces
from softfall.options.tags.opening import Opened
from softfall.options.tags.parameters import TagParameters

__all__ = ["BITS", "MARGIN", "UNLIKELY_PROBES", "disagreement"]

UNLIKELY_PROBES: Final = Mismatch("unlikely probes")

BoolArray = npt.NDArray[np.bool_]
F64Array = npt.NDArray[np.float64]


def disagreement(
    media: PdqHash | Unhashable, opened: Opened, parameters: TagParameters
) -> Mismatch | None:
    """Why an opening is not that of `media`, the recipient's own hash; None if it may be."""
    other = hash_disagreement(media, opened.hash_bits)
    if other is not None or isinstance(media, Unhashable) or opened.hash_bits is None:
        return other
    differs = _bits(media.bits) != _bits(opened.hash_bits)
    for table, masks in zip(parameters.positions, opened.masks, strict=True):
        positions = list(table)
        margins = media.margins[positions].astype(np.float64)
        if not _likeliest(masks, differs[positions], margins, parameters.probes):
            return UNLIKELY_PROBES
    return None


def _likeliest(masks: list[int], differs: BoolArray, margins: F64Array, probes: int) -> bool:
    """May these be one table's cheapest probes, seen by a decoder within MARGIN of ours?

    A set of flips costs its summed margin. Seen from the two decoders, one set's cost differs by at
    most its `slack`: MARGIN for each bit flipped or differing. So the sender's dearest probe costs
    at most `ceiling` and at least `floor`, counted with our margins: none above the one may be
    among the probes, none below the other may be missing.
    """
    k = len(margins)
    own = _flips(pieces.cheapest_masks(margins.tolist(), probes), k)
    theirs = _flips(masks, k) ^ differs
    own_costs, own_slack = own @ margins, MARGIN * (own | differs).sum(axis=1)
    costs, slack = theirs @ margins, MARGIN * (theirs | differs).sum(axis=1)
    ceiling = own_costs.max() + own_slack.max()
    if (costs > ceiling + slack + _ROUNDING).any():
        return False
    floor = own_costs.max() - slack.max()
    needed = own[own_costs + own_slack < floor - _ROUNDING]
    present = (needed[:, None, :] == theirs[None, :, :]).all(axis=2).any(axis=1)
    return bool(present.all())


_ROUNDING: Final = 1e-3  # `cheapest_masks` rounds margins to 2^-24; float sums round too


def _bits(hash_bits: bytes) -> BoolArray:
    bits: BoolArray = np.unpackbits(np.frombuffer(hash_bits, dtype=np.uint8)).astype(bool)
    return bits


def _flips(masks: list[int], k: int) -> BoolArray:
    """(len(masks), k) bool, the first position first."""
    shifts = np.arange(k - 1, -1, -1, dtype=np.uint64)
    column = np.array(masks, dtype=np.uint64)[:, None]
    flips: BoolArray = (column >> shifts & np.uint64(1)).astype(bool)
    return flips
