"""`softfall hash` says something of every file, on one line, and its exit code sums up."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from PIL import Image

from softfall.cli.main import main
from tests.media.photographs import photograph, photograph_paths, pixels_of
from tests.media.picture_files import png, saved, scene

PHOTOGRAPH = next(path for path in photograph_paths() if path.name == "china.jpg")


def run(*arguments: str | bytes | Path) -> tuple[int, bytes, str]:
    """The verb's exit code, standard output and standard error, in this process."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    words = ["softfall", "hash", *(os.fsdecode(argument) for argument in arguments)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
    out.flush()
    code = ended.value.code
    return code if isinstance(code, int) else 0, out.buffer.getvalue(), err.getvalue()


def run_as_a_process(*arguments: str | bytes | Path) -> tuple[int, bytes, str]:
    """The same as a program of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from softfall.cli.main import main; main()", "hash", *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def json_rows(*arguments: str | bytes | Path) -> tuple[int, list[dict[str, object]]]:
    code, out, err = run("--jsonl", *arguments)
    assert err == ""
    return code, [json.loads(line) for line in out.splitlines()]


def test_a_photograph_gets_its_hashes_size_and_format():
    code, (row,) = json_rows(PHOTOGRAPH)
    bits, quality = pdqhash.compute(pixels_of(PHOTOGRAPH))
    data = PHOTOGRAPH.read_bytes()
    assert code == 0
    assert row == {
        "path": str(PHOTOGRAPH),
        "path_hex": None,
        "pdq": np.packbits(bits.astype(np.uint8)).tobytes().hex(),
        "quality": quality,
        "mode": "exact",
        "unhashable": None,
        "format": "jpeg",
        "width": 640,
        "height": 427,
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data).hexdigest(),
        "duration_ms": None,
        "frames_hashed": None,
        "coverage": None,
        "damage": None,
        "vpdq": None,
        "error": None,
        "what": None,
        "remedy": None,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photograph, a flat and a tiny picture, a broken one, words, and an empty file."""
    data = PHOTOGRAPH.read_bytes()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "good.jpg").write_bytes(data)
    (tmp_path / "broken.jpg").write_bytes(data[:5000])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "flat.png").write_bytes(saved(Image.new("RGB", (80, 80), "teal"), "PNG"))
    (tmp_path / "tiny.png").write_bytes(saved(Image.new("RGB", (4, 80), "teal"), "PNG"))
    (tmp_path / "words.jpg").write_bytes(b"only words")
    (tmp_path / ".hidden.jpg").write_bytes(b"not looked at")
    return tmp_path


def test_a_broken_file_is_a_line_with_its_reason_and_the_run_goes_on(folder):
    code, rows = json_rows(folder, folder / "missing.jpg")
    told = {Path(str(row["path"])).name: row["error"] or row["unhashable"] for row in rows}
    assert code == 1
    assert told == {
        "broken.jpg": "BrokenPicture",
        "empty.png": "EmptyFile",
        "empty.mp4": "EmptyFile",
        "flat.png": "flat",
        "tiny.png": "tiny",
        "words.jpg": "UnsupportedPicture",
        "good.jpg": None,
        "missing.jpg": "FileMissing",
    }
    assert all(row["what"] and row["remedy"] for row in rows if row["error"])


def test_a_broken_picture_still_has_its_digests(folder):
    _, (row,) = json_rows(folder / "broken.jpg")
    data = (folder / "broken.jpg").read_bytes()
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert row["md5"] == hashlib.md5(data).hexdigest()
    assert row["pdq"] is None


def test_an_unhashable_picture_is_a_result_and_no_failure(folder):
    code, out, _ = run(folder / "flat.png")
    assert code == 0
    assert b"unhashable: flat (quality 0) png 80x80 sha256 " in out


def test_plain_lines_say_what_went_wrong_and_what_to_do(folder):
    code, out, _ = run(folder)
    lines = out.decode().splitlines()
    assert code == 1
    assert len(lines) == 7
    assert f"{folder}/empty.png: EmptyFile: the file is empty. What to do: " in out.decode()
    assert f"{folder}/below/good.jpg: pdq bf18cef3" in out.decode()


def test_content_not_the_name_tells_the_format(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(saved(scene(), "PNG"))
    (tmp_path / "photo.txt").write_bytes(saved(scene(), "WEBP"))
    code, rows = json_rows(tmp_path)
    assert (code, [row["format"] for row in rows]) == (0, ["png", "webp"])


HOSTILE_NAMES = [
    b"=1+1+cmd.png",
    b"+1+1.png",
    b"@SUM(A1).png",
    b"two\nlines.png",
    b"carriage\rreturn.png",
    b"tab\tbed.png",
    b'quo"ted,comma.png',
    b"\x1b[31mred.png",
    b"not utf-8 \xff\xfe.png",
    "umlaut é \N{RIGHT-TO-LEFT OVERRIDE}gnp.png".encode(),
    b"back\\x41slash.png",
]


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    data = saved(scene(), "PNG")
    for name in HOSTILE_NAMES:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(data)  # noqa: PTH118 # bytes
    return tmp_path


def names_told(rows: list[dict[str, str]], prefix: str) -> set[bytes]:
    """Each row's true name: from path_hex where it is given, else the path as it stands."""
    return {
        (bytes.fromhex(row["path_hex"]) if row["path_hex"] else row["path"].encode()).removeprefix(
            prefix.encode()
        )
        for row in rows
    }


def test_every_name_survives_csv_on_one_line_and_no_cell_is_a_formula(hostile_folder, monkeypatch):
    monkeypatch.chdir(hostile_folder)
    code, out, _ = run_as_a_process("--csv", "--", *sorted(HOSTILE_NAMES))
    lines = out.decode().split("\r\n")
    assert code == 0
    assert len(lines) == 1 + len(HOSTILE_NAMES) + 1  # a header, and the last line's end
    assert all(line.isprintable() for line in lines)
    rows = list(csv.DictReader(io.StringIO(out.decode(), newline="")))
    assert names_told(rows, "") == set(HOSTILE_NAMES)
    for row in rows:
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("form", ["--jsonl", None])
def test_every_name_survives_in_one_line_of_printable_text(hostile_folder, form):
    code, out, _ = run(*([form] if form else []), hostile_folder)
    lines = out.decode().splitlines()
    assert code == 0
    assert len(lines) == len(HOSTILE_NAMES)
    assert all(line.isprintable() for line in lines)
    if form:
        rows = [json.loads(line) for line in lines]
        assert names_told(rows, f"{hostile_folder}/") == set(HOSTILE_NAMES)


def test_the_limits_of_the_configuration_hold(tmp_path):
    (tmp_path / "large.png").write_bytes(saved(Image.new("L", (200, 200)), "PNG"))
    (tmp_path / "long.png").write_bytes(png(8, 8, bytes(200)) + bytes(5000))
    settings = tmp_path / "softfall.toml"
    settings.write_text("[media]\nmax_pixels = 1000\nmax_file_bytes = 2000\n")
    code, rows = json_rows("--config", settings, tmp_path / "large.png", tmp_path / "long.png")
    assert (code, [row["error"] for row in rows]) == (1, ["TooManyPixels", "TooManyBytes"])


def test_an_unknown_setting_stops_the_run_before_it_starts(tmp_path):
    settings = tmp_path / "softfall.toml"
    settings.write_text("[media]\nmax_pixel = 1000\n")
    code, out, err = run("--config", settings, PHOTOGRAPH)
    assert (code, out) == (2, b"")
    assert "max_pixels" in err


def test_two_forms_at_once_and_no_path_at_all_are_usage_errors():
    assert run("--jsonl", "--csv", PHOTOGRAPH)[0] == 2
    assert run()[0] == 2


def test_an_empty_folder_is_all_well(tmp_path):
    assert run(tmp_path) == (0, b"", "")


def test_a_pipe_in_a_folder_does_not_hang_the_run(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    code, (row,) = json_rows(tmp_path)
    assert (code, row["error"]) == (1, "NotAFile")


def test_edited_copies_are_near_and_others_are_far(tmp_path):
    image = Image.fromarray(photograph("coffee.png"))
    (tmp_path / "a.jpg").write_bytes(saved(image, "JPEG", quality=60))
    (tmp_path / "b.webp").write_bytes(saved(image.resize((300, 200)), "WEBP"))
    (tmp_path / "c.png").write_bytes(saved(Image.fromarray(photograph("rocket.jpg")), "PNG"))
    _, rows = json_rows(tmp_path)
    first, second, other = (int(str(row["pdq"]), 16) for row in rows)
    assert (first ^ second).bit_count() <= 31
    assert (first ^ other).bit_count() > 31
