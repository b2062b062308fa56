"""The console's way to the child that draws regions: whatever that does, the console is well."""

import sys

import pytest

from softfall.edge.confined import Afresh, PictureLimits
from softfall.edge.rendering import NoSuchRegion, RendererProcess
from softfall.media.rendered import NotRendered, Rendered
from tests.edge.test_hashing import TAKEN_OVER
from tests.media.picture_files import saved, scene

LIMITS = PictureLimits(100_000_000, 4 << 30)
PICTURE = saved(scene(), "JPEG")


def playing(code: str) -> RendererProcess:
    """A child that a picture has taken over, from its first line on."""
    return RendererProcess(LIMITS, Afresh((sys.executable, "-I", "-c", code)))


def test_a_region_is_drawn() -> None:
    told = RendererProcess(LIMITS).render(PICTURE, 4, 0, 60)
    assert isinstance(told, Rendered)
    assert not told.more


def test_another_region_and_another_blur_are_other_pictures() -> None:
    renderer = RendererProcess(LIMITS)
    asked = [(4, 0), (5, 0), (4, 2)]
    drawn = {
        told.png
        for region, blur in asked
        if isinstance(told := renderer.render(PICTURE, region, blur, 60), Rendered)
    }
    assert len(drawn) == len(asked)


@pytest.mark.parametrize(("region", "blur"), [(-1, 0), (10, 0), (0, -1), (0, 3)])
def test_no_process_is_started_for_what_there_is_not(region: int, blur: int) -> None:
    with pytest.raises(NoSuchRegion):
        playing("raise SystemExit").render(PICTURE, region, blur, 60)


@pytest.mark.parametrize("code", TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_a_child_that_was_taken_over_costs_nothing_but_its_answer(code: str) -> None:
    told = playing(code).render(PICTURE * 100, 4, 0, 60)
    assert isinstance(told, NotRendered)
    assert told.reason.startswith("the hasher broke down")


LYING = """
import os, struct, sys, zlib
from softfall.media.rendered import RENDERED
sys.stdin.buffer.read()
def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
def png(width, colour, extra=b""):
    header = struct.pack(">IIBBBBB", width, 4, 8, colour, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(4 * (3 * width + 1))))
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", header) + extra + rows + chunk(b"IEND", b"")
body = {}
values = {{"version": 1, "outcome": "rendered", "png": body, "more": 0, "reason": ""}}
os.write(1, RENDERED.encode(values))
"""
LIES = {
    "colour": "png(4, 2)",
    "a wide one": "png(4000, 0)",
    "hidden text": "png(4, 0, chunk(b'tEXt', b'a\\0b'))",
    "a page": "b'<html></html>'",
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
def test_a_child_that_was_taken_over_sends_a_browser_nothing_but_a_small_grey_png(
    body: str,
) -> None:
    told = playing(LYING.format(body)).render(PICTURE, 4, 0, 60)
    assert isinstance(told, NotRendered)
    assert "broke down" in told.reason


def test_a_child_that_lies_in_form_is_believed_and_so_the_forms_are_what_is_tried() -> None:
    told = playing(LYING.format("png(4, 0)")).render(PICTURE, 4, 0, 60)
    assert isinstance(told, Rendered)


def test_a_child_that_does_not_end_is_ended() -> None:
    told = playing("import time; time.sleep(600)").render(PICTURE, 4, 0, 0.5)
    assert told == NotRendered("the hasher did not come to an end")
