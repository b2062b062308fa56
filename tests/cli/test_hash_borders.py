"""`softfall hash --strip-borders`: a second hash of each picture that lies within a border."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from softfall.cli.hash_crew import Crew, hashing
from softfall.cli.hash_output import OutDiffers, OutFile
from softfall.cli.hash_rows import FileHashes, Form, hash_file, header, line
from softfall.config import MediaLimits
from tests.cli.test_hash import json_rows, run
from tests.media.photographs import photograph
from tests.media.picture_files import saved
from tests.media.video_files import footage

LIMITS = MediaLimits()
BIKES = footage()["bikes"]
RADIUS_BITS = 31
STRIPPED = {"pdq_stripped", "quality_stripped"}


def apart(first: object, second: object) -> int:
    return (int(str(first), 16) ^ int(str(second), 16)).bit_count()


def picture(name: str = "chelsea.png") -> Image.Image:
    return Image.fromarray(photograph(name))


def framed(name: str = "chelsea.png", colour: str = "black") -> Image.Image:
    """The photograph within a border as wide as a fifth of its longer side."""
    whole = picture(name)
    return ImageOps.expand(whole, max(whole.size) // 5, colour)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photograph, the same within a border, the border alone, and what is no picture."""
    top = tmp_path / "pictures"
    top.mkdir()
    (top / "a-plain.jpg").write_bytes(saved(picture(), "JPEG", quality=85))
    (top / "b-framed.jpg").write_bytes(saved(framed(), "JPEG", quality=85))
    (top / "c-flat.png").write_bytes(saved(Image.new("RGB", (80, 80), "teal"), "PNG"))
    (top / "d-words.jpg").write_bytes(b"words")
    return top


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png"])
@pytest.mark.parametrize("colour", ["black", "white", "darkred"])
def test_a_framed_photograph_is_found_by_its_stripped_hash_and_not_by_the_other(
    tmp_path: Path, name: str, colour: str, mode: str
) -> None:
    (tmp_path / "a.png").write_bytes(saved(picture(name), "PNG"))
    (tmp_path / "b.jpg").write_bytes(saved(framed(name, colour), "JPEG", quality=85))
    code, (original, copy) = json_rows("--strip-borders", "--mode", mode, tmp_path)
    assert code == 0
    assert apart(original["pdq"], copy["pdq"]) > RADIUS_BITS
    assert apart(original["pdq"], copy["pdq_stripped"]) <= RADIUS_BITS
    assert copy["quality_stripped"] == 100
    assert (copy["width"], copy["height"]) == framed(name).size


def test_without_a_border_the_fields_are_there_and_empty(folder: Path) -> None:
    _, rows = json_rows("--strip-borders", folder)
    plain, bordered, flat, words = ({key: row[key] for key in STRIPPED} for row in rows)
    assert plain == flat == words == dict.fromkeys(STRIPPED)
    assert None not in bordered.values()
    _, out, _ = run("--strip-borders", "--csv", folder)
    cells = list(csv.DictReader(io.StringIO(out.decode(), newline="")))
    told = [tuple(bool(row[key]) for key in sorted(STRIPPED)) for row in cells]
    assert told == [(False, False), (True, True), (False, False), (False, False)]
    assert all(None not in row for row in cells)


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_all_else_is_what_a_run_without_the_option_says(folder: Path, mode: str) -> None:
    _, plain = json_rows("--mode", mode, folder)
    _, stripped = json_rows("--mode", mode, "--strip-borders", folder)
    assert [row.keys() & STRIPPED for row in plain] == [set()] * 4
    assert [row.keys() - STRIPPED for row in stripped] == [row.keys() for row in plain]
    assert [{key: row[key] for key in row if key not in STRIPPED} for row in stripped] == plain


def test_a_border_around_nothing_has_a_quality_and_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    path.write_bytes(saved(ImageOps.expand(Image.new("RGB", (200, 200), "teal"), 60), "PNG"))
    _, (row,) = json_rows("--strip-borders", path)
    assert (row["pdq_stripped"], row["quality_stripped"]) == (None, 0)
    assert b", without its border unhashable quality 0 png" in run("--strip-borders", path)[1]


def test_a_plain_line_tells_the_second_hash_where_there_is_one(folder: Path) -> None:
    _, rows = json_rows("--strip-borders", folder)
    plain, bordered, *_ = run("--strip-borders", folder)[1].decode().splitlines()
    assert "border" not in plain
    assert f" quality 100, without its border pdq {rows[1]['pdq_stripped']} quality" in bordered


def test_a_video_is_hashed_as_it_is() -> None:
    _, (row,) = json_rows("--strip-borders", BIKES)
    _, (plain,) = json_rows(BIKES)
    assert row == plain | dict.fromkeys(STRIPPED)
    assert row["vpdq"]


def test_several_processes_strip_as_one_does(folder: Path) -> None:
    paths = sorted(folder.iterdir())
    with Crew(hashing(LIMITS, "exact", strip_borders=True), 2) as crew:
        rows = list(crew.rows(paths))
    assert rows == [hash_file(path, LIMITS, "exact", True) for path in paths]
    assert [row.pdq_stripped is not None for row in rows] == [False, True, False, False]


@pytest.mark.parametrize("form", ["--jsonl", "--csv"])
def test_a_run_goes_on_with_the_same_choice_alone(folder: Path, tmp_path: Path, form: str) -> None:
    for first, other in (([], ["--strip-borders"]), (["--strip-borders"], [])):
        out = tmp_path / f"out-{len(first)}"
        assert run(form, *first, "--out", out, folder)[0] == 1
        there = out.read_bytes()
        code, _, said = run(form, *other, "--out", out, folder)
        assert code == 2
        assert "OutDiffers: the output was written with" in said
        assert "--strip-borders" in said
        assert out.read_bytes() == there
        assert run(form, *first, "--out", out, folder)[0] == 1
        assert out.read_bytes() == there


@pytest.mark.parametrize("form", [Form.JSONL, Form.CSV])
@pytest.mark.parametrize("strips", [False, True])
def test_a_torn_line_is_cut_off_and_the_choice_is_told_by_any_line(
    tmp_path: Path, form: Form, strips: bool
) -> None:
    """A line without a hash says as well as any other by which choice it was written."""
    out, row = tmp_path / "out", FileHashes("a", mode="exact", error="BrokenPicture")
    told = line(row, form, strip_borders=strips)
    whole = header(form, strip_borders=strips) + told
    out.write_text(whole + told[: len(told) // 2], newline="")
    with OutFile(out, form, "exact", [Path("a")], strip_borders=strips) as opened:
        assert (opened.written, opened.failed) == (1, 1)
    assert out.read_bytes().decode() == whole
    with pytest.raises(OutDiffers):
        OutFile(out, form, "exact", [Path("a")], strip_borders=not strips)
    assert out.read_bytes().decode() == whole


def test_lines_of_both_choices_in_one_file_are_refused(tmp_path: Path) -> None:
    out, row = tmp_path / "out", FileHashes("a", mode="exact", format="png")
    out.write_text("".join(line(row, Form.JSONL, strip_borders=strips) for strips in (True, False)))
    for strips in (True, False):
        with pytest.raises(OutDiffers):
            OutFile(out, Form.JSONL, "exact", [], strip_borders=strips)
    assert len(json.loads(out.read_text().splitlines()[0])) == 22
