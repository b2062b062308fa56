"""Regions of pictures as the real process draws them: small, grey, muted, blurred; or not drawn."""

import io
import subprocess
import sys

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from softfall.hasher.rendering import render
from softfall.media.rendered import (
    BLURS_PIXELS,
    GRID,
    MAX_PNG_BYTES,
    REGIONS,
    SIDE_PIXELS,
    WHOLE,
    NotRendered,
    Rendered,
    decode,
    encode,
)
from tests.media.picture_files import every_kind, png, saved, scene
from tests.media.test_hostile_pictures import bombs

FILES = every_kind()
BOUNDS = (1 << 25, 100_000_000, 4 << 30, 20)


def ask(data: bytes, region: int = 4, blur: int = 0, bounds: tuple[int, ...] = BOUNDS):
    """What the process answers."""
    arguments = ["render", *map(str, (*bounds, region, blur))]
    ran = subprocess.run(
        [sys.executable, "-I", "-m", "softfall.hasher", *arguments],
        input=data,
        capture_output=True,
        env={},
        check=False,
    )
    return decode(ran.stdout)


def pixels_of(body: bytes):
    """A tile's grey values."""
    image = Image.open(io.BytesIO(body))
    assert image.mode == "L"
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_drawn(kind):
    told = ask(FILES[kind])
    assert isinstance(told, Rendered)
    assert told.more == ("animated" in kind)
    assert max(pixels_of(told.png).shape) <= SIDE_PIXELS


@pytest.mark.parametrize("region", [*range(REGIONS), WHOLE])
def test_a_region_is_the_one_that_was_asked_for(region):
    """Each ninth of the picture has a grey of its own; blur mixes none in from outside."""
    greys = np.arange(REGIONS, dtype=np.uint8).reshape(GRID, GRID) * 25
    picture = np.repeat(np.repeat(greys, 60, axis=0), 60, axis=1)
    told = ask(saved(Image.fromarray(picture).convert("RGB"), "PNG"), region)
    tile = pixels_of(told.png)
    if region == WHOLE:
        assert tile.shape == (180, 180)
        assert tile[0, 0] < tile[-1, -1]
    else:
        assert tile.shape == (60, 60)
        assert set(tile.flat) == {(region * 25 + 128) // 2}


def test_what_is_shown_is_grey_muted_and_small():
    stripes = np.zeros((900, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    stripes[:300] = (255, 0, 0)
    for region in (0, 4, WHOLE):
        for blur in range(len(BLURS_PIXELS)):
            tile = pixels_of(render(stripes, region, blur))
            assert max(tile.shape) <= SIDE_PIXELS
            assert tile.min() >= 64
            assert tile.max() <= 191


def sharpness(tile) -> int:
    """How much neighbours differ, at most."""
    return int(np.abs(np.diff(tile, axis=1)).max())


def test_each_step_shows_more_and_even_the_clearest_nothing_fine():
    noise = np.random.default_rng(1).integers(0, 256, (600, 600, 3), np.uint8)
    edges = np.zeros((600, 600, 3), np.uint8)
    edges[:, 250:350] = 255
    steps = [sharpness(pixels_of(render(edges, WHOLE, blur))) for blur in range(3)]
    assert steps[0] < steps[1] < steps[2]
    assert sharpness(noise[:, :, 0].astype(int)) > 200
    assert sharpness(pixels_of(render(noise, 4, 2))) <= 3


def test_a_small_picture_is_blurred_in_proportion_and_not_away():
    small = np.zeros((24, 24, 3), np.uint8)
    small[:, 8:16] = 255
    tile = pixels_of(render(small, WHOLE, 2))
    assert tile.shape == (24, 24)
    assert tile[:, 12].mean() - tile[:, 0].mean() > 20


@settings(max_examples=60)
@given(
    width=st.integers(1, 40), height=st.integers(1, 40), region=st.integers(0, WHOLE),
    blur=st.integers(0, 2),
)  # fmt: skip
def test_a_picture_of_any_shape_gives_a_tile_that_the_parent_takes(width, height, region, blur):
    drawn = render(np.full((height, width, 3), 200, np.uint8), region, blur)
    assert decode(encode(Rendered(drawn))) == Rendered(drawn)


@given(width=st.integers(1, 50), height=st.integers(1, 50))
@settings(max_examples=40)
def test_the_nine_regions_cover_the_picture_to_the_last_pixel(width, height):
    """A single white pixel brightens at least one region's tile, wherever it is."""
    for x, y in ((0, 0), (width - 1, height - 1), (width // 2, height // 2), (width // 3, 0)):
        pixels = np.zeros((height, width, 3), np.uint8)
        black = [render(pixels, region, 2) for region in range(REGIONS)]
        pixels[y, x] = 255
        white = [render(pixels, region, 2) for region in range(REGIONS)]
        assert black != white


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 4000), (4000, 1), (2, 2), (4000, 3000)])
def test_tiny_and_huge_pictures_are_drawn(width, height):
    told = ask(saved(Image.new("RGB", (width, height), "gray"), "PNG"), 8)
    assert isinstance(told, Rendered)
    tile = pixels_of(told.png)
    assert max(tile.shape) <= SIDE_PIXELS


def test_the_largest_tile_fits_its_message():
    noise = np.random.default_rng(2).integers(0, 256, (192, 192, 3), np.uint8)
    assert len(render(noise, WHOLE, 2)) < MAX_PNG_BYTES


@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_is_refused_by_name(kind):
    told = ask(bombs()[kind])
    assert isinstance(told, NotRendered)
    assert told.reason.startswith(("TooManyPixels", "TooManyScans", "BrokenPicture"))


@pytest.mark.parametrize("data", [b"", b"junk", FILES["png"][:60]], ids=["empty", "junk", "cut"])
def test_what_is_no_picture_is_refused_by_name(data):
    told = ask(data)
    assert isinstance(told, NotRendered)
    assert told.reason.split(":")[0] in ("EmptyPicture", "UnsupportedPicture", "BrokenPicture")


def test_limits_are_the_parents():
    told = ask(bytes(5 << 20), bounds=(1 << 20, *BOUNDS[1:]))
    assert isinstance(told, NotRendered)
    assert told.reason.startswith("TooManyBytes")
    told = ask(saved(scene(), "PNG"), bounds=(BOUNDS[0], 1000, *BOUNDS[2:]))
    assert isinstance(told, NotRendered)
    assert told.reason.startswith("TooManyPixels")


def test_frames_beside_the_first_are_told_of():
    first, second = scene(), scene().rotate(180)
    stream = io.BytesIO()
    several = pillow_heif.from_pillow(first)
    several.add_from_pillow(second)
    several.save(stream)
    moving = {
        "heic": stream.getvalue(),
        "png": saved(first, "PNG", save_all=True, append_images=[second]),
        "avif": saved(first, "AVIF", save_all=True, append_images=[second]),
    }
    for kind, data in moving.items():
        told = ask(data)
        assert isinstance(told, Rendered), kind
        assert told.more, kind


def test_metadata_does_not_come_along():
    secret = b"where it was taken: 52.1, 4.3"
    extra = Image.Exif()
    extra[270] = secret.decode()
    told = ask(saved(scene(), "JPEG", exif=extra))
    assert secret in saved(scene(), "JPEG", exif=extra)
    assert secret not in told.png
    plain = ask(png(30, 30, bytes(30 * 91)))
    assert isinstance(plain, Rendered)


TAKEN_OVER = """
import os, sys
from softfall.hasher import rendering
def take_over(data, limits):
    try:
        open("/etc/hostname")
    except PermissionError:
        os.write(1, b"confined")
    os._exit(0)
rendering.decode = take_over
rendering.main(sys.argv[1:])
"""


def test_the_process_is_confined_before_it_opens_a_picture():
    arguments = map(str, (*BOUNDS, 4, 0))
    ran = subprocess.run(
        [sys.executable, "-I", "-c", TAKEN_OVER, *arguments],
        input=FILES["jpeg"],
        capture_output=True,
        check=False,
    )
    assert ran.stdout == b"confined"
