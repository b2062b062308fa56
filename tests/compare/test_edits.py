import io

import numpy as np
import pytest
from PIL import Image

from softfall.compare.edits import EDITS, Edit, tiles
from softfall.compare.photographs import default_paths
from softfall.config import MediaLimits
from softfall.media.decode import decode

BY_NAME = {edit.name: edit for edit in EDITS}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    path = next(path for path in default_paths() if path.stem == "chelsea")
    return decode(path.read_bytes(), MediaLimits()).pixels


def opened(data: bytes) -> np.ndarray:
    return decode(data, MediaLimits()).pixels


def test_the_edits_are_the_everyday_ones():
    assert len(BY_NAME) == len(EDITS) == 16


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_every_edit_gives_a_jpeg_that_opens_and_the_same_one_each_time(
    edit: Edit, pixels: np.ndarray
):
    data = edit.apply(pixels)
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    assert opened(data).ndim == 3
    assert edit.apply(pixels) == data


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (7, 5, 3)])
def test_a_tiny_picture_can_be_edited_too(edit: Edit, shape: tuple[int, int, int]):
    assert opened(edit.apply(np.zeros(shape, np.uint8))).size


@pytest.mark.parametrize(
    ("name", "height_share", "width_share"),
    [
        ("resize 50 %", 0.5, 0.5),
        ("resize 200 %", 2.0, 2.0),
        ("crop 1 %", 0.99, 0.99),
        ("crop 5 %", 0.95, 0.95),
    ],
)
def test_sizes_change_as_the_name_says(
    pixels: np.ndarray, name: str, height_share: float, width_share: float
):
    height, width = opened(BY_NAME[name].apply(pixels)).shape[:2]
    assert height == pytest.approx(pixels.shape[0] * height_share, abs=2)
    assert width == pytest.approx(pixels.shape[1] * width_share, abs=2)


def test_brightness_and_contrast_change_what_they_name(pixels: np.ndarray):
    plain = pixels.mean()
    assert opened(BY_NAME["brightness +20 %"].apply(pixels)).mean() > plain * 1.1
    assert opened(BY_NAME["brightness -20 %"].apply(pixels)).mean() < plain * 0.9
    assert opened(BY_NAME["contrast +20 %"].apply(pixels)).std() > pixels.std() * 1.1
    assert opened(BY_NAME["contrast -20 %"].apply(pixels)).std() < pixels.std() * 0.9


def test_a_lower_jpeg_quality_makes_a_smaller_file(pixels: np.ndarray):
    sizes = [len(BY_NAME[f"JPEG {quality}"].apply(pixels)) for quality in (30, 60, 90)]
    assert sizes == sorted(sizes)


def test_the_border_is_white_all_around(pixels: np.ndarray):
    framed = opened(BY_NAME["border 2 %"].apply(pixels))
    corners = framed[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.min() > 240
    assert framed.shape[0] > pixels.shape[0]


def test_quarters_cover_the_picture_without_overlap(pixels: np.ndarray):
    quarters = [opened(data) for data in tiles(pixels)]
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    assert [each.shape[:2] for each in quarters] == [(height, width)] * 4
    whole = np.block([[[quarters[0]], [quarters[1]]], [[quarters[2]], [quarters[3]]]])
    assert abs(whole.astype(int) - pixels[: 2 * height, : 2 * width]).mean() < 5


def test_a_picture_one_pixel_high_has_no_quarters():
    assert tiles(np.zeros((1, 50, 3), np.uint8)) == []


def test_a_huge_picture_is_scaled_down_before_it_is_edited():
    huge = np.zeros((1000, 8192, 3), np.uint8)
    assert opened(BY_NAME["resize 200 %"].apply(huge)).shape[:2] == (500, 4096)
    assert opened(BY_NAME["re-screenshot"].apply(np.zeros((8000, 4, 3), np.uint8))).size < 10**6
