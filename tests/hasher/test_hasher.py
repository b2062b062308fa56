"""The hasher as a real process: right on every format, and unharmed by what it is fed."""

import subprocess
import sys

import pytest

from softfall.config import MediaLimits
from softfall.hasher.main import read_picture
from softfall.media.decode import decode
from softfall.media.hashed import Refused
from softfall.media.hashed import decode as read_answer
from softfall.media.pdq import pdq
from tests.media.picture_files import every_kind, png, saved, scene
from tests.media.test_hostile_pictures import bombs

FILES = every_kind()
BOUNDS = (1 << 25, 100_000_000, 4 << 30, 20)


def ask(data: bytes, *bounds: int):
    """The process's answer, its status, and what it said besides."""
    arguments = [str(bound) for bound in bounds or BOUNDS]
    return subprocess.run(
        [sys.executable, "-I", "-m", "softfall.hasher", *arguments],
        input=data,
        capture_output=True,
        env={},
        check=False,
    )


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_hashed_bit_for_bit_as_a_device_does(kind):
    told = read_answer(ask(FILES[kind]).stdout)
    own = pdq(decode(FILES[kind], MediaLimits()).pixels)
    assert (told, told.luminance) == (own, own.luminance)
    assert told.margins.tobytes() == own.margins.tobytes()


def test_a_large_photograph_is_hashed():
    data = saved(scene().resize((4000, 3000)), "JPEG", quality=80)
    assert read_answer(ask(data).stdout) == pdq(decode(data, MediaLimits()).pixels)


@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_is_refused_by_name(kind):
    answer = ask(bombs()[kind])
    told = read_answer(answer.stdout)
    assert isinstance(told, Refused)
    assert told.reason.startswith(("TooManyPixels", "TooManyScans", "BrokenPicture"))


@pytest.mark.parametrize("data", [b"", b"junk", FILES["png"][:60]], ids=["empty", "junk", "cut"])
def test_what_is_no_picture_is_refused_by_name(data):
    assert isinstance(read_answer(ask(data).stdout), Refused)


def test_a_file_over_the_limit_is_refused_before_it_is_all_read():
    told = read_answer(ask(bytes(5 << 20), 1 << 20, *BOUNDS[1:]).stdout)
    assert isinstance(told, Refused)
    assert told.reason.startswith("TooManyBytes")


def test_a_picture_that_does_not_fit_in_memory_costs_only_its_process():
    wide = png(9000, 9000, bytes(9000 * 27001))  # 243 MB of pixels in a file of 0.2 MB
    answer = ask(wide, *BOUNDS[:2], 700 << 20, BOUNDS[3])
    assert answer.returncode != 0 or isinstance(read_answer(answer.stdout), Refused)
    roomy = read_answer(ask(wide).stdout)
    assert not isinstance(roomy, Refused)


def test_no_more_than_a_block_over_the_limit_is_read(monkeypatch):
    blocks = iter([bytes(1 << 20)] * 9)
    monkeypatch.setattr("softfall.hasher.main.os.read", lambda descriptor, size: next(blocks))
    assert len(read_picture((2 << 20) - 1)) == 2 << 20
