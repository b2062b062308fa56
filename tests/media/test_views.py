"""Views of a picture, and the questions to ask of one."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from softfall.config import MediaLimits
from softfall.media.hashing import hash_picture
from softfall.media.pdq import PdqHash, pdq
from softfall.media.query import pixels_hashes, query_hashes
from softfall.media.views import VIEWS, ViewSet, view_hashes
from tests.media.photographs import photograph


def _bits(found):
    assert isinstance(found, PdqHash)
    return int.from_bytes(found.bits)


def _apart(first, second):
    return (_bits(first) ^ _bits(second)).bit_count()


def _small(name):
    picture = Image.fromarray(photograph(name))
    picture.thumbnail((400, 400))
    return picture


def _jpeg(picture, quality=85):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def test_the_whole_picture_comes_first_and_each_view_once():
    hashes = list(view_hashes(photograph("chelsea.png"), ViewSet.ALL))
    names = [each.view for each in hashes]
    assert names[0] == "whole"
    assert len(set(names)) == len(names) == 1 + len(VIEWS[ViewSet.ALL])
    assert hashes[0].found == pdq(photograph("chelsea.png"))


def test_the_default_views_are_among_all_of_them():
    default = {view.name for view in VIEWS[ViewSet.DEFAULT]}
    assert default < {view.name for view in VIEWS[ViewSet.ALL]}
    wanted = {f"crop-{side}-{n}" for side in ("centre", "left", "top") for n in (5, 10)}
    assert wanted | {"mirror", "turn-90", "turn-180", "turn-270"} <= default


@pytest.mark.parametrize(
    ("view", "edit"),
    [
        ("mirror", ImageOps.mirror),
        ("turn-90", lambda picture: picture.rotate(90, expand=True)),
        ("turn-180", lambda picture: picture.rotate(180)),
        ("turn-270", lambda picture: picture.rotate(270, expand=True)),
        ("mirror-turn-180", ImageOps.flip),
        ("crop-left-5", lambda p: p.crop((p.width // 20, 0, p.width, p.height))),
        ("crop-bottom-10", lambda p: p.crop((0, 0, p.width, p.height - p.height // 10))),
    ],
)
def test_a_view_is_the_hash_of_the_edited_picture(view, edit):
    picture = _small("coffee.png")
    hashes = {each.view: each.found for each in view_hashes(np.asarray(picture), ViewSet.ALL)}
    edited = pdq(np.ascontiguousarray(edit(picture)))
    assert _apart(hashes[view], edited) <= 6
    assert _apart(hashes["whole"], edited) > 31


def test_a_list_without_views_holds_the_whole_picture_alone():
    assert [each.view for each in view_hashes(photograph("coffee.png"), ViewSet.NONE)] == ["whole"]


def test_a_bordered_original_has_a_stripped_view():
    framed = np.asarray(ImageOps.expand(_small("coffee.png"), 60, "white"))
    hashes = {each.view: each.found for each in view_hashes(framed)}
    assert _apart(hashes["stripped"], pdq(np.asarray(_small("coffee.png")))) == 0


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_bordered_picture_is_asked_for_both_ways(mode):
    picture = Image.fromarray(photograph("chelsea.png"))
    framed = ImageOps.expand(picture, 90, "black")
    asked = query_hashes(_jpeg(framed), MediaLimits(), mode)
    whole, stripped = asked.hashes
    assert (whole.view, stripped.view) == ("whole", "stripped")
    assert (asked.width, asked.height) == framed.size
    assert whole.found == hash_picture(_jpeg(framed), MediaLimits(), mode).found
    assert _apart(stripped.found, pdq(np.asarray(picture))) <= 31
    assert _apart(whole.found, pdq(np.asarray(picture))) > 31


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_picture_without_a_border_is_one_question_and_the_same_as_ever(mode):
    data = _jpeg(_small("coffee.png"))
    asked = query_hashes(data, MediaLimits(), mode)
    assert [each.found for each in asked.hashes] == [hash_picture(data, MediaLimits(), mode).found]
    assert {each.found.mode for each in asked.hashes} == {mode}


def test_a_flat_picture_is_unhashable_and_no_more():
    (only,) = pixels_hashes(np.full((100, 100, 3), 255, np.uint8))
    assert only.found.reason == "flat"
