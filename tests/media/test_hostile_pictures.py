"""Hostile files cost what their bytes cost: no crash, no expansion, nothing but named errors."""

import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from softfall.config import MediaLimits
from softfall.errors import SoftfallError
from softfall.media.decode import TooManyPixels, decode
from softfall.media.headers import read_header
from tests.media.picture_files import chunk, every_kind, png, saved

SMALL = MediaLimits(max_pixels=200_000)
FILES = every_kind()
MAGIC = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x99\0\0\0WEBPVP8X",
    b"RIFF\x99\0\0\0WEBPVP8 ",
    b"RIFF\x99\0\0\0WEBPVP8L",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
]


def opens_or_is_named(data: bytes) -> None:
    """Nothing but a picture within the limits, or a named error, may come out."""
    try:
        picture = decode(data, SMALL)
    except SoftfallError:
        return
    else:
        assert picture.pixels.shape == (picture.height, picture.width, 3)
        assert picture.width * picture.height <= SMALL.max_pixels


@settings(max_examples=300, deadline=None)
@given(start=st.sampled_from([b"", *MAGIC]), rest=st.binary(max_size=400))
def test_random_bytes_never_raise_anything_but_named_errors(start, rest):
    opens_or_is_named(start + rest)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "copy", "end"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1"]) | st.binary(max_size=9),
    ),
    min_size=1,
    max_size=8,
)


def changed(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    body = bytearray(data)
    for action, where, piece in changes:
        # Squared, because the headers at the start are what parsers trust.
        at = int(where * where * len(body))
        if action == "set":
            body[at : at + len(piece)] = piece
        elif action == "cut":
            del body[at : at + len(piece)]
        elif action == "insert":
            body[at:at] = piece
        elif action == "copy":
            body[at:at] = body[at : at + 64]
        elif len(piece) > 6:
            del body[at:]
    return bytes(body)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, deadline=None)
@given(changes=CHANGES)
def test_damaged_real_files_never_raise_anything_but_named_errors(kind, changes):
    opens_or_is_named(changed(FILES[kind], changes))


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=15, deadline=None)
@given(part=st.floats(0, 1, exclude_max=True))
def test_files_cut_anywhere_never_raise_anything_but_named_errors(kind, part):
    opens_or_is_named(FILES[kind][: int(part * len(FILES[kind]))])


@settings(max_examples=200, deadline=None)
@given(start=st.sampled_from(MAGIC), rest=st.binary(max_size=300))
def test_headers_alone_never_raise_anything_but_named_errors(start, rest):
    try:
        header = read_header(start + rest)
    except SoftfallError:
        return
    else:
        assert header.pixels >= 1
        assert header.scans >= 1


def with_sizes(data: bytes, width: int, height: int) -> bytes:
    """A HEIF file whose every declared size is another."""
    body = bytearray(data)
    for found in re.finditer(b"ispe", data):
        body[found.end() + 4 : found.end() + 12] = struct.pack(">II", width, height)
    return bytes(body)


def bombs() -> dict[str, bytes]:
    """Small files that claim to be enormous, in each format."""
    jpeg = bytearray(FILES["jpeg"])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    gif = bytearray(FILES["gif"])
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    webp = bytearray(FILES["webp alpha"])
    webp[24:30] = (65_534).to_bytes(3, "little") + (65_534).to_bytes(3, "little")
    lossless = bytearray(FILES["webp lossless"])
    lossless[21:25] = struct.pack("<I", 0x0FFFFFFF)
    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(3751)) for _ in range(30_000)) + rows.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return {
        "png": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b""),
        "jpeg": bytes(jpeg),
        "gif": bytes(gif),
        "webp": bytes(webp),
        "webp lossless": bytes(lossless),
        "heic": with_sizes(FILES["heic"], 60_000, 60_000),
        "heic tiles": with_sizes(FILES["heic tiles"], 60_000, 60_000),
        "avif": with_sizes(FILES["avif"], 60_000, 60_000),
    }


@pytest.mark.parametrize("kind", bombs())
def test_a_decompression_bomb_is_refused_from_its_header(kind):
    with pytest.raises(TooManyPixels, match="is over"):
        decode(bombs()[kind], MediaLimits())


def lies() -> dict[str, bytes]:
    """Small files of 81 megapixels, within the limit, in the header or in the content alone."""
    grid = bytearray(FILES["heic tiles"])
    grid_size = grid.index(b"idat") + 8
    grid[grid_size : grid_size + 4] = struct.pack(">HH", 9000, 9000)
    jpeg = bytearray(FILES["jpeg"])
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 9000, 9000)
    inner = saved(Image.new("RGB", (9000, 9000)), "WEBP", lossless=True, method=0, quality=0)
    canvas = b"VP8X" + struct.pack("<IIHBHB", 10, 0, 63, 0, 63, 0)
    return {
        "webp canvas": b"RIFF" + struct.pack("<I", len(inner) + 10) + b"WEBP" + canvas + inner[12:],
        "png": png(9000, 9000, bytes(27_001)),
        "jpeg": bytes(jpeg),
        "heic": with_sizes(FILES["heic"], 9000, 9000),
        "heic tiles": bytes(grid),
        "heic tiles and sizes": with_sizes(bytes(grid), 9000, 9000),
        "png profile": png(
            96,
            64,
            bytes(64 * 289),
            extra=(chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(400_000_000), 9)),),
        ),
    }


# The peak is the kernel's VmHWM of this very program: getrusage would carry over the peak of the
# process that started it.
MEASURE = """
import re, sys
from pathlib import Path
from softfall.config import MediaLimits
from softfall.errors import SoftfallError
from softfall.media.decode import decode
def peak_bytes():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
for path in sorted(Path(sys.argv[1]).iterdir()):
    before = peak_bytes()
    try:
        decode(path.read_bytes(), MediaLimits())
        outcome = "opened"
    except SoftfallError as error:
        outcome = error.name
    print(path.name, outcome, peak_bytes() - before, sep="|")
"""
ALLOWED_BYTES = 24 * 2**20


def memory_spent(folder: Path, files: dict[str, bytes]) -> dict[str, tuple[str, int]]:
    """How opening each file ended, and by how many bytes it raised the process's peak.

    One process opens them in order of name: first an honest one of each format, to load parsers.
    """
    for name, data in FILES.items():
        (folder / f"0 {name}").write_bytes(data)
    for name, data in files.items():
        (folder / f"1 {name}").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True
    )
    lines = [line.split("|") for line in done.stdout.splitlines()]
    return {name[2:]: (out, int(size)) for name, out, size in lines if name.startswith("1")}


def test_no_memory_is_spent_on_a_decompression_bomb(tmp_path):
    for kind, (outcome, grown_bytes) in memory_spent(tmp_path, bombs()).items():
        assert (kind, outcome) == (kind, "TooManyPixels")
        assert grown_bytes < ALLOWED_BYTES, kind


def test_no_memory_is_spent_on_a_header_that_lies(tmp_path):
    for kind, (outcome, grown_bytes) in memory_spent(tmp_path, lies()).items():
        expected = "opened" if kind == "png profile" else "BrokenPicture"
        assert (kind, outcome) == (kind, expected)
        assert grown_bytes < ALLOWED_BYTES, kind


def test_the_memory_measure_would_notice_a_bomb_that_goes_off(tmp_path):
    blank = png(6000, 6000, bytes(6000 * 6001), colour=0)
    outcome, grown_bytes = memory_spent(tmp_path, {"blank": blank})["blank"]
    assert outcome == "opened"
    assert grown_bytes > 4 * ALLOWED_BYTES
