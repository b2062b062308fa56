"""Borders: what is taken off, what is left alone, and that a plain oracle agrees."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from softfall.media.borders import (
    LEAST_SHARE,
    Box,
    content_box,
    plain_content_box,
    whole_box,
)
from tests.media.photographs import photograph

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "china.jpg", "flower.jpg")


def _small(name, longest=320):
    picture = Image.fromarray(photograph(name))
    picture.thumbnail((longest, longest))
    return picture


def _saved(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))


def _near(found: Box, wanted: Box, pixels: int) -> bool:
    sides = ("top", "bottom", "left", "right")
    return all(abs(getattr(found, side) - getattr(wanted, side)) <= pixels for side in sides)


@pytest.mark.parametrize("quality", [95, 60])
@pytest.mark.parametrize("colour", ["white", "black", (20, 90, 160)])
def test_a_frame_is_taken_off_however_it_was_saved(colour, quality):
    found = 0
    for name in NAMES:
        picture = _small(name)
        edge = picture.width // 5
        box = content_box(_saved(ImageOps.expand(picture, edge, colour), quality))
        wanted = Box(edge, edge + picture.height, edge, edge + picture.width)
        found += _near(box, wanted, 3)
    assert found >= len(NAMES) - 1  # a rocket at night goes on in a black frame


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png"])
def test_letterbox_and_pillarbox_are_taken_off(name):
    picture = _small(name)
    for across, down in ((0, 40), (40, 0)):
        framed = ImageOps.expand(picture, (across, down), "black")
        wanted = Box(down, down + picture.height, across, across + picture.width)
        assert _near(content_box(_saved(framed, 85)), wanted, 2)


def test_a_caption_bar_with_its_letters_is_taken_off():
    picture = _small("chelsea.png", 400)
    framed = ImageOps.expand(picture, (0, 40, 0, 0), "white")
    ImageDraw.Draw(framed).text((20, 14), "good morning to all of you", fill="black")
    wanted = Box(40, framed.height, 0, framed.width)
    assert _near(content_box(_saved(framed, 90)), wanted, 2)


def test_photographs_without_a_border_stay_whole():
    kept = []
    for name in NAMES:
        pixels = photograph(name)
        kept.append(content_box(pixels) == whole_box(pixels))
    assert sum(kept) >= len(NAMES) - 1


def test_a_dark_picture_is_not_eaten():
    noise = np.random.default_rng(1).integers(0, 12, (200, 300, 3), np.uint8)
    noise[90:110, 140:160] = 200
    assert content_box(noise) == whole_box(noise)
    black = np.zeros((120, 80), np.uint8)
    assert content_box(black) == whole_box(black)


@st.composite
def _framed(draw):
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    channels = draw(st.sampled_from([(), (3,)]))
    inside = random.integers(0, 256, (height, width, *channels), np.uint8)
    sides = [draw(st.integers(0, 60)) for _ in range(4)]
    colour = draw(st.integers(0, 255))
    pad = ((sides[0], sides[1]), (sides[2], sides[3]), *(((0, 0),) * len(channels)))
    pixels = np.pad(inside, pad, constant_values=colour)
    spread = draw(st.sampled_from([0, 3, 30]))
    noise = random.integers(-spread, spread + 1, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(_framed())
def test_the_quick_search_agrees_with_the_plain_one(pixels):
    assert content_box(pixels) == plain_content_box(pixels)


@settings(max_examples=60, deadline=None)
@given(_framed())
def test_a_box_lies_inside_and_keeps_its_floor(pixels):
    box = content_box(pixels)
    height, width = pixels.shape[:2]
    assert 0 <= box.top < box.bottom <= height
    assert 0 <= box.left < box.right <= width
    if box != whole_box(pixels):
        assert box.bottom - box.top >= LEAST_SHARE * height - 1
        assert box.right - box.left >= LEAST_SHARE * width - 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 60), st.integers(0, 255))
def test_a_frame_of_one_colour_round_a_busy_picture_is_taken_off_exactly(seed, edge, colour):
    inside = np.random.default_rng(seed).integers(0, 256, (100, 120, 3), np.uint8)
    framed = np.pad(inside, ((edge, edge), (edge, edge), (0, 0)), constant_values=colour)
    assert content_box(framed) == Box(edge, edge + 100, edge, edge + 120)
