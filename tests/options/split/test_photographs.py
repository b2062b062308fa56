"""Real photographs, decoded from files, through every half of `split`."""

import io

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
from PIL import Image, ImageEnhance

from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.options.contract import Candidate, Clear, Honest, Mismatch
from softfall.options.split.parameters import DEFAULT_PARAMETERS
from tests.options.split.parties import Parties

LISTED = {"astronaut": skimage.data.astronaut, "coffee": skimage.data.coffee}
UNLISTED = {"cat": skimage.data.chelsea, "rocket": skimage.data.rocket}


def file_of(pixels: np.ndarray, quality: int = 90) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def received(data: bytes) -> PdqHash | Unhashable:
    return pdq(decode(data, MediaLimits()).pixels)  # type: ignore[call-arg]


EDITS = {
    "as it is": file_of,
    "JPEG 30": lambda pixels: file_of(pixels, 30),
    "half size": lambda pixels: file_of(
        np.asarray(Image.fromarray(pixels).resize((pixels.shape[1] // 2, pixels.shape[0] // 2)))
    ),
    "brighter": lambda pixels: file_of(
        np.asarray(ImageEnhance.Brightness(Image.fromarray(pixels)).enhance(1.2))
    ),
}


@pytest.fixture(scope="module")
def parties() -> Parties:
    hashes = [pdq(picture()) for picture in LISTED.values()]
    listed = [media for media in hashes if isinstance(media, PdqHash)]
    return Parties(listed, parameters=DEFAULT_PARAMETERS)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("name", LISTED)
def test_a_listed_photograph_and_its_copies_are_held(
    parties: Parties, name: str, edit: object
) -> None:
    media = received(edit(LISTED[name]()))  # type: ignore[operator]
    submission, opening = parties.send(media)
    verdict = parties.provider.judge(submission, parties.ports)
    assert isinstance(verdict, Candidate)
    entries = [found["entry"] for found in verdict.evidence["entries"]]  # type: ignore[union-attr]
    assert entries == [100 + list(LISTED).index(name)]
    assert parties.device.check(media, parties.secret(), opening, submission.digest) == Honest()


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_photograph_is_delivered_and_its_sender_is_honest(
    parties: Parties, name: str
) -> None:
    media = received(file_of(UNLISTED[name]()))
    submission, opening = parties.send(media)
    assert isinstance(parties.provider.judge(submission, parties.ports), Clear)
    assert parties.device.check(media, parties.secret(), opening, submission.digest) == Honest()


def test_a_patched_sender_of_a_listed_photograph_under_anothers_tags_is_caught(
    parties: Parties,
) -> None:
    listed = received(file_of(skimage.data.astronaut()))
    innocent, opening = parties.send(received(file_of(skimage.data.chelsea())))
    assert isinstance(parties.provider.judge(innocent, parties.ports), Clear)
    checked = parties.device.check(listed, parties.secret(), opening, innocent.digest)
    assert checked == Mismatch("another picture")


def test_a_flat_picture_is_delivered_and_its_sender_is_honest(parties: Parties) -> None:
    media = received(file_of(np.full((200, 300, 3), 127, np.uint8)))
    assert isinstance(media, Unhashable)
    submission, opening = parties.send(media)
    assert isinstance(parties.provider.judge(submission, parties.ports), Clear)
    assert parties.device.check(media, parties.secret(), opening, submission.digest) == Honest()


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_another_accurate_decoder_agrees_exactly_so_an_honest_sender_is_never_accused(
    quality: int,
) -> None:
    for pixels in (*sklearn.datasets.load_sample_images().images, skimage.data.coffee()):
        data = file_of(pixels, quality)
        ours, pillow = received(data), pdq(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        assert isinstance(ours, PdqHash)
        assert ours == pillow
