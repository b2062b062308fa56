"""Everyday edits: what phones, messengers and photo apps do to a picture by themselves or at a tap.

Guarantees: each edit is a plain operation with its size in its name, and gives a JPEG file, as a
phone would save it (quality 95, except where the quality is the edit). None is aimed at a hash.
A picture over `LONGEST_SIDE_PIXELS` is first scaled down to it, as messengers do.
Source: Pillow; the same edits as docs/experiments/multi_probe.md.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from softfall.media.pdq_oracle import PixelArray

SAVED_QUALITY: Final = 95
LONGEST_SIDE_PIXELS: Final = 2048
SCREEN_PIXELS: Final = (1080, 2400)
BLUR_RADIUS_PIXELS: Final = 2
BORDER_SHARE: Final = 0.02
BAR_SHARE: Final = 0.04  # of the picture's height
BAR_COLOUR: Final = (32, 33, 36)
TILES_A_SIDE: Final = 2


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: a stable name, and how its picture is made."""

    name: str
    make: Callable[[Image.Image], Image.Image]
    quality: int = SAVED_QUALITY

    def apply(self, pixels: PixelArray) -> bytes:
        """The edited picture as a JPEG file. pixels: (H, W, 3) uint8 RGB."""
        return to_jpeg(self.make(_for_sending(pixels)), self.quality)


def to_jpeg(picture: Image.Image, quality: int = SAVED_QUALITY) -> bytes:
    """The bytes of a JPEG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def tiles(pixels: PixelArray) -> list[bytes]:
    """The picture's quarters, none overlapping another, as JPEG files: pictures of their own.

    None of a picture that is a single pixel high or wide.
    """
    picture = _for_sending(pixels)
    width, height = (side // TILES_A_SIDE for side in picture.size)
    if not width or not height:
        return []
    return [
        to_jpeg(picture.crop((left, top, left + width, top + height)))
        for top in (0, height)
        for left in (0, width)
    ]


def _for_sending(pixels: PixelArray) -> Image.Image:
    picture = Image.fromarray(pixels)
    share = LONGEST_SIDE_PIXELS / max(picture.size)
    return _resize(picture, share) if share < 1 else picture


def _same(picture: Image.Image) -> Image.Image:
    return picture


def _resize(picture: Image.Image, share: float) -> Image.Image:
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _brightness(picture: Image.Image, share: float) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(share)


def _contrast(picture: Image.Image, share: float) -> Image.Image:
    return ImageEnhance.Contrast(picture).enhance(share)


def _blur(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(BLUR_RADIUS_PIXELS))


def _crop(picture: Image.Image, share: float) -> Image.Image:
    """Cut `share` of width and height away, half of it at each side."""
    across, down = round(picture.width * share / 2), round(picture.height * share / 2)
    return picture.crop((across, down, picture.width - across, picture.height - down))


def _border(picture: Image.Image) -> Image.Image:
    return ImageOps.expand(picture, max(1, round(max(picture.size) * BORDER_SHARE)), "white")


def _on_screen(picture: Image.Image) -> Image.Image:
    return _resize(picture, min(s / p for s, p in zip(SCREEN_PIXELS, picture.size, strict=True)))


def _screenshot(picture: Image.Image) -> Image.Image:
    """Shown on a phone, taken off its screen, trimmed by hand to a pixel or two."""
    shown = _on_screen(picture)
    return shown.crop((0, 2, shown.width, shown.height - 1))


def _screenshot_with_bar(picture: Image.Image) -> Image.Image:
    """The same, with the dark caption bar above the picture left on."""
    shown = _on_screen(picture)
    bar_pixels = round(shown.height * BAR_SHARE)
    whole = Image.new("RGB", (shown.width, shown.height + bar_pixels), BAR_COLOUR)
    whole.paste(shown, (0, bar_pixels))
    return whole


EDITS: Final = (
    Edit("JPEG 90", _same, quality=90),
    Edit("JPEG 60", _same, quality=60),
    Edit("JPEG 30", _same, quality=30),
    Edit("resize 50 %", partial(_resize, share=0.5)),
    Edit("resize 200 %", partial(_resize, share=2.0)),
    Edit("brightness +20 %", partial(_brightness, share=1.2)),
    Edit("brightness -20 %", partial(_brightness, share=0.8)),
    Edit("contrast +20 %", partial(_contrast, share=1.2)),
    Edit("contrast -20 %", partial(_contrast, share=0.8)),
    Edit("blur", _blur),
    Edit("crop 1 %", partial(_crop, share=0.01)),
    Edit("crop 2 %", partial(_crop, share=0.02)),
    Edit("crop 5 %", partial(_crop, share=0.05)),
    Edit("border 2 %", _border),
    Edit("re-screenshot", _screenshot),
    Edit("re-screenshot with bar", _screenshot_with_bar),
)
