"""PDQ: the perceptual hash of a picture, its quality, and each bit's margin.

Guarantees: hash and quality are bit-identical to python `pdqhash` on the same full-size pixels;
a picture without a dependable hash is `Unhashable` with its reason, never an empty value.
Refuses: arrays that are not uint8 RGB or grey, as NotPixels.
Limits: PDQ survives everyday re-encoding and resizing; not rotation, mirroring or large crops.
Most distances between hashes are even, because the median leaves 128 ones unless values tie.
Source: see `pdq_oracle`. Nothing here imports numba or a picture parser until they are needed.
"""

import sys
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from softfall.compiled import kept
from softfall.errors import InputError
from softfall.media import pdq_oracle
from softfall.media.pdq_oracle import PixelArray, Spectrum

MIN_QUALITY: Final = 50
MIN_SIDE_PIXELS: Final = 5  # below, the reference answers with zeros and quality 0

# Loading kept kernels costs a few hundredths of a second, which is what numpy takes for so many
# pixels; compiling them costs seconds. Every way gives the same bits.
_PLAIN_PIXELS_KEPT: Final = 1_000_000
_PLAIN_PIXELS_COMPILED: Final = 48_000_000
_PLAIN_SIDE_PIXELS: Final = 16_384  # numpy takes a step of Python for each pixel of a side
_KERNEL: Final = ("softfall.media.pdq_exact_kernel", "measure")


Mode = Literal["exact", "fast"]
"""How a hash was taken: bit for bit as python `pdqhash` does, or within 8 bits of it (`fast`)."""


class NotPixels(InputError):
    """An array that is not a picture."""

    remedy = "Hand over uint8 pixels of shape (height, width, 3) RGB, or (height, width) grey."


@dataclass(frozen=True, slots=True)
class PdqHash:
    """A picture's PDQ hash.

    bits: 32 bytes; bit 0 is the most significant bit of byte 0, as `pdqhash` prints it in hex.
    quality: 0 to 100; 50 or more here, always (below, the picture is Unhashable).
    margins: (256,) float32, each bit's distance of its DCT coefficient from the median, same order.
    luminance: 4,096 bytes, the 64x64 picture that PDQ measures, in whole numbers, row by row; empty
    where the hash did not come from pixels.
    mode: how it was taken; lists, and devices that check each other, take `exact` alone.
    """

    bits: bytes
    quality: int
    margins: npt.NDArray[np.float32] = field(repr=False, compare=False)
    luminance: bytes = field(default=b"", repr=False, compare=False)
    mode: Mode = "exact"

    @property
    def hex(self) -> str:
        """The 64 lower-case hex digits that lists and other tools exchange."""
        return self.bits.hex()


@dataclass(frozen=True, slots=True)
class Unhashable:
    """A picture that has no dependable hash, and why ("flat", "tiny", "low quality")."""

    reason: str
    quality: int
    mode: Mode = "exact"


def pdq(pixels: PixelArray) -> PdqHash | Unhashable:
    """The PDQ hash of full-size pixels: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.

    "tiny": a side under 5 pixels. "flat": no gradient at all. "low quality": under 50 of 100.
    Raises NotPixels for any other array. Source: `pdq_oracle`.
    """
    check_pixels(pixels)
    if min(pixels.shape[:2]) < MIN_SIDE_PIXELS:
        return Unhashable("tiny", 0)
    return from_spectrum(spectrum(pixels))


def plain_pdq(pixels: PixelArray) -> PdqHash | Unhashable:
    """As `pdq`, bit for bit, always by the numpy path: nothing is compiled, no file is touched."""
    check_pixels(pixels)
    if min(pixels.shape[:2]) < MIN_SIDE_PIXELS:
        return Unhashable("tiny", 0)
    return from_spectrum(pdq_oracle.spectrum(pixels))


def from_spectrum(measured: Spectrum, mode: Mode = "exact") -> PdqHash | Unhashable:
    """The hash of a measured picture, where its quality makes it dependable."""
    if measured.quality < MIN_QUALITY:
        return Unhashable("low quality" if measured.quality else "flat", measured.quality, mode)
    bits, margins = cut(measured)
    whole = np.rint(measured.small).astype(np.uint8)
    return PdqHash(bits, measured.quality, margins, whole.tobytes(), mode)


def spectrum(pixels: PixelArray) -> Spectrum:
    """Coefficients and quality of any picture, dependable or not.

    The first pictures of a process take the numpy path while that is quicker, all later ones the
    kernels.
    """
    if _few.take(pixels):
        return pdq_oracle.spectrum(pixels)
    from softfall.media import pdq_kernels

    return pdq_kernels.spectrum(pixels)


class _Few:
    """Whether this process has hashed so little that the kernels would not pay."""

    def __init__(self) -> None:
        self._pixels = 0

    def take(self, pixels: PixelArray) -> bool:
        """True while the numpy path is the quicker one: never once the kernels are loaded."""
        if "softfall.media.pdq_kernels" in sys.modules:
            return False
        self._pixels += pixels.shape[0] * pixels.shape[1]
        if max(pixels.shape) > _PLAIN_SIDE_PIXELS:
            return False
        if self._pixels <= _PLAIN_PIXELS_KEPT:
            return True
        return self._pixels <= _PLAIN_PIXELS_COMPILED and kept.read(*_KERNEL) is None


_few = _Few()


def cut(measured: Spectrum) -> tuple[bytes, npt.NDArray[np.float32]]:
    """The 32 bytes of bits, and the (256,) float32 margins in the same order.

    A bit is one where its coefficient is above the lower median. The reference counts bits from
    the last coefficient, hence the reversal.
    """
    rank = pdq_oracle.MEDIAN_RANK
    median = np.partition(measured.coefficients, rank)[rank]
    reversed_coefficients = measured.coefficients[::-1]
    bits = np.packbits(reversed_coefficients > median).tobytes()
    return bits, np.abs(reversed_coefficients - median)


def check_pixels(pixels: PixelArray) -> None:
    """Raises NotPixels."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise NotPixels("the picture is not an array of uint8")
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] == 3):
        raise NotPixels(f"an array of shape {pixels.shape} is neither RGB nor grey")
