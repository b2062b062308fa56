"""The everyday edits that robustness is measured with, each in several sizes, by family.

Guarantees: each edit is what a phone, a messenger or a photo app does by itself or at a tap, with
its size in its name, and gives a JPEG file of quality 95 (unless the quality is the edit). None is
aimed at a hash, and nothing here looks for an edit that escapes.
What the sizes mean: `crop N %` cuts N % of the height off top and bottom each, and N % of the width
off left and right each; `crop one side` takes the sides in turn, one a picture; a border's width is
a share of the longer side, on every side, its colours in turn; `rotate` turns and then cuts to the
largest upright rectangle of the same shape, as phones straighten.
Source: Pillow; `edits` has what a comparison sends.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from softfall.compare.edits import BAR_COLOUR, SAVED_QUALITY, SCREEN_PIXELS, to_jpeg

LONGEST_SIDE_PIXELS: Final = 768
BORDER_COLOURS: Final = ("white", "black", (24, 60, 120), (230, 200, 210))
CAPTION: Final = "good morning everyone, have a lovely day"
_FULL_CIRCLE: Final = 360


@dataclass(frozen=True, slots=True)
class Everyday:
    """One edit in one size.

    make: the edited picture; its second argument is the picture's place among all, by which edits
    that have a side or a colour take one after the other.
    """

    family: str
    size: str
    make: Callable[[Image.Image, int], Image.Image]
    quality: int = SAVED_QUALITY

    @property
    def name(self) -> str:
        """Family and size."""
        return f"{self.family} {self.size}".strip()

    def apply(self, picture: Image.Image, place: int) -> bytes:
        """The edited picture as a JPEG file."""
        return to_jpeg(self.make(picture, place), self.quality)


def for_study(picture: Image.Image) -> Image.Image:
    """The picture in RGB, its longest side at most LONGEST_SIDE_PIXELS."""
    picture = picture.convert("RGB")
    picture.thumbnail((LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS), Image.Resampling.LANCZOS)
    return picture


def _same(picture: Image.Image, place: int) -> Image.Image:
    del place
    return picture


def _resize(picture: Image.Image, place: int, percent: int) -> Image.Image:
    del place
    sides = (max(1, round(side * percent / 100)) for side in picture.size)
    return picture.resize((next(sides), next(sides)), Image.Resampling.BICUBIC)


def _crop(picture: Image.Image, place: int, percent: float) -> Image.Image:
    del place
    across, down = (round(side * percent / 100) for side in picture.size)
    return picture.crop((across, down, picture.width - across, picture.height - down))


def _crop_sides(picture: Image.Image, place: int, percent: float, sides: int) -> Image.Image:
    """`percent` off so many neighbouring sides, the first of them by the picture's place."""
    box = [0, 0, *picture.size]
    cuts = [round(side * percent / 100) for side in picture.size * 2]
    for side in ((place + step) % 4 for step in range(sides)):
        box[side] += cuts[side] if side < 2 else -cuts[side]
    return picture.crop((box[0], box[1], box[2], box[3]))


def _border(picture: Image.Image, place: int, percent: int) -> Image.Image:
    edge = max(1, round(max(picture.size) * percent / 100))
    return ImageOps.expand(picture, edge, BORDER_COLOURS[place % len(BORDER_COLOURS)])


def _letterbox(picture: Image.Image, place: int, percent: int) -> Image.Image:
    """Black bars at top and bottom, or (every other picture) at left and right."""
    edge = max(1, round(max(picture.size) * percent / 100))
    return ImageOps.expand(picture, (0, edge) if place % 2 else (edge, 0), "black")


def _rotate(picture: Image.Image, place: int, degrees: int) -> Image.Image:
    turned = picture.rotate(
        degrees if place % 2 else -degrees, Image.Resampling.BICUBIC, expand=True
    )
    angle = math.radians(degrees)
    width, height = picture.size
    long, short = max(width, height), min(width, height)
    share = short / (long * math.sin(angle) + short * math.cos(angle))
    across, down = (math.floor(side * share / 2) for side in (width, height))
    middle = (turned.width / 2, turned.height / 2)
    return turned.crop(
        (
            math.ceil(middle[0] - across),
            math.ceil(middle[1] - down),
            math.floor(middle[0] + across),
            math.floor(middle[1] + down),
        )
    )


def _quarters(picture: Image.Image, place: int, degrees: int) -> Image.Image:
    del place
    return picture.rotate(degrees % _FULL_CIRCLE, expand=True)


def _mirror(picture: Image.Image, place: int) -> Image.Image:
    del place
    return ImageOps.mirror(picture)


def _brightness(picture: Image.Image, place: int, percent: int) -> Image.Image:
    del place
    return ImageEnhance.Brightness(picture).enhance(1 + percent / 100)


def _contrast(picture: Image.Image, place: int, percent: int) -> Image.Image:
    del place
    return ImageEnhance.Contrast(picture).enhance(1 + percent / 100)


def _blur(picture: Image.Image, place: int, radius_pixels: int) -> Image.Image:
    del place
    return picture.filter(ImageFilter.GaussianBlur(radius_pixels))


def _caption(picture: Image.Image, place: int, percent: int) -> Image.Image:
    """A bar with a line of writing above the picture, or (every other one) below it."""
    bar = max(12, round(picture.height * percent / 100))
    whole = Image.new("RGB", (picture.width, picture.height + bar), "white")
    above = place % 2 == 0
    whole.paste(picture, (0, bar if above else 0))
    top = 0 if above else picture.height
    font = ImageFont.load_default(size=max(8, bar // 3))
    ImageDraw.Draw(whole).text((bar // 3, top + bar // 4), CAPTION, fill="black", font=font)
    return whole


def _screenshot(picture: Image.Image, place: int) -> Image.Image:
    """Shown in the middle of a phone's dark screen, with its status bar and a row of buttons."""
    del place
    screen = Image.new("RGB", (SCREEN_PIXELS[0] // 2, SCREEN_PIXELS[1] // 2), "black")
    shown = ImageOps.contain(picture, (screen.width, round(screen.height * 0.8)))
    screen.paste(shown, ((screen.width - shown.width) // 2, (screen.height - shown.height) // 2))
    draw, font = ImageDraw.Draw(screen), ImageFont.load_default(size=18)
    draw.text((20, 12), "10:24", fill="white", font=font)
    draw.rectangle((screen.width - 60, 16, screen.width - 24, 30), outline="white")
    draw.rectangle((0, screen.height - 70, screen.width, screen.height), fill=BAR_COLOUR)
    for centre in (screen.width // 4, screen.width // 2, 3 * screen.width // 4):
        middle = screen.height - 35
        draw.ellipse((centre - 12, middle - 12, centre + 12, middle + 12), outline="white")
    return screen


def _ladder(
    family: str, sizes: tuple[float, ...], make: Callable[..., Image.Image], key: str, unit: str
) -> list[Everyday]:
    signed = min(sizes) < 0
    return [
        Everyday(
            family, f"{size:+g}{unit}" if signed else f"{size:g}{unit}", _with(make, key, size)
        )
        for size in sizes
    ]


def _with(
    make: Callable[..., Image.Image], key: str, size: float
) -> Callable[[Image.Image, int], Image.Image]:
    return partial(make, **{key: size})


def _crops(family: str, sizes: tuple[float, ...], sides: int) -> list[Everyday]:
    return _ladder(family, sizes, partial(_crop_sides, sides=sides), "percent", " %")


EVERYDAY: Final[tuple[Everyday, ...]] = (
    *(Everyday("JPEG", str(q), _same, quality=q) for q in (10, 20, 30, 50, 70, 85, 95)),
    *_ladder("resize", (25, 50, 75, 150, 200), _resize, "percent", " %"),
    *_ladder("crop", (1, 2, 3, 4, 5, 6, 7.5, 8.5, 10, 12.5, 15, 20), _crop, "percent", " %"),
    *_crops("crop one side", (1, 2, 3.5, 5, 7.5, 10, 15, 20), 1),
    *_crops("crop two sides", (2.5, 5, 10), 2),
    *_ladder("border", (5, 10, 20, 30), _border, "percent", " %"),
    *_ladder("letterbox", (10, 20), _letterbox, "percent", " %"),
    *_ladder("rotate", (1, 2, 3, 5, 10), _rotate, "degrees", " degrees"),
    *_ladder("quarter turn", (90, 180, 270), _quarters, "degrees", " degrees"),
    Everyday("mirror", "", _mirror),
    *_ladder("brightness", (-40, -20, 20, 40), _brightness, "percent", " %"),
    *_ladder("contrast", (-40, -20, 20, 40), _contrast, "percent", " %"),
    *_ladder("blur", (1, 2, 4), _blur, "radius_pixels", " pixels"),
    *_ladder("caption bar", (8, 15), _caption, "percent", " %"),
    Everyday("screenshot", "", _screenshot),
)
