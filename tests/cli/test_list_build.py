"""`softfall list build`: pictures to a list with views, into a custodian's catalogue and back."""

import io
import json
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from softfall.cli import hash_crew
from softfall.cli.list_build import NothingToList
from softfall.cli.main import app
from softfall.media.pdq import PdqHash, pdq
from tests.media.photographs import photograph

runner = CliRunner()


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    for name in ("coffee.png", "chelsea.png"):
        picture = Image.fromarray(photograph(name))
        picture.thumbnail((320, 320))
        picture.save(place / name)
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    Image.new("RGB", (50, 50), "white").save(place / "flat.png")
    return place


def _build(folder, out, *more):
    return runner.invoke(
        app,
        ["list", "build", str(folder), "--source", "Hotline", "--out", str(out), *more],
    )


def _lines(out):
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def _list(custodian, *words):
    done = runner.invoke(app, ["list", *words], env=custodian)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def custodian(tmp_path):
    return {"SOFTFALL__CUSTODIAN__DATA_DIR": str(tmp_path / "custodian")}


def test_a_folder_becomes_a_list_with_its_views_linked(folder, tmp_path):
    out = tmp_path / "list.jsonl"
    done = _build(folder, out, "--label", "a1", "--certifier", "NGO")
    assert done.exit_code == 1  # one file can't be opened
    assert "broken.jpg" in done.stderr
    assert "flat.png: not listed: flat" in done.stderr
    assert out.stat().st_mode & 0o077 == 0
    lines = _lines(out)
    wholes = [line for line in lines if "view" not in line]
    assert len(wholes) == 2
    assert {line["view_of"] for line in lines if "view" in line} == {w["hash"] for w in wholes}
    assert {(line["source"], *line["labels"], *line["certifiers"]) for line in lines} == {
        ("hotline", "a1", "ngo")
    }
    assert "pictures listed      2" in done.stderr
    assert f"hashes listed        {len(lines)}" in done.stderr


def test_without_views_a_picture_is_one_line(folder, tmp_path):
    out = tmp_path / "list.jsonl"
    _build(folder, out, "--views", "none")
    assert [sorted(line) for line in _lines(out)] == [sorted(_lines(out)[0])] * 2
    assert "view" not in _lines(out)[0]


def test_a_set_of_views_that_nobody_knows_is_refused(folder, tmp_path):
    assert _build(folder, tmp_path / "list.jsonl", "--views", "every").exit_code == 2


def test_what_is_imported_comes_out_the_same(folder, tmp_path, custodian):
    out, again, third = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.csv"))
    _build(folder, out)
    assert "of them on views" in _list(custodian, "import", str(out))
    _list(custodian, "export", str(again))
    key = [(line["hash"], line.get("view"), line.get("view_of")) for line in _lines(out)]
    assert sorted(key, key=str) == sorted(
        [(line["hash"], line.get("view"), line.get("view_of")) for line in _lines(again)], key=str
    )
    _list(custodian, "export", str(third))
    assert "added      0" in _list(custodian, "import", str(third))
    shown = _list(custodian, "show")
    assert f"active entries     {len(key)}" in shown
    assert "pictures         2" in shown


def test_a_mirrored_and_a_cropped_copy_are_found_and_leave_with_their_picture(
    folder, tmp_path, custodian
):
    out = tmp_path / "list.jsonl"
    _build(folder, out)
    _list(custodian, "import", str(out))
    picture = Image.open(folder / "coffee.png")
    across, down = (round(side * 0.05) for side in picture.size)
    cropped = picture.crop((across, down, picture.width - across, picture.height - down))
    for copy, view in ((ImageOps.mirror(picture), "mirror"), (cropped, "crop-centre-5")):
        buffer = io.BytesIO()
        copy.save(buffer, "JPEG", quality=80)
        found = pdq(np.asarray(Image.open(buffer)))
        assert isinstance(found, PdqHash)
        assert f"{view} of" in _list(custodian, "search", found.hex)
    whole = pdq(np.asarray(picture))
    assert isinstance(whole, PdqHash)
    told = _list(custodian, "withdraw", whole.hex)
    assert "statements on views of the picture" in told
    assert "matches: 0" in _list(custodian, "search", found.hex)
    assert "pictures         1" in _list(custodian, "show")
    _list(custodian, "add", whole.hex, "--source", "hotline")
    assert "crop-centre-5 of" in _list(custodian, "search", found.hex)
    assert "pictures         2" in _list(custodian, "show")


# Stands for a decoder with a memory fault: a process that dies of files with certain names.
FRAGILE = """
import os, signal
from pathlib import Path
from softfall.cli import hash_worker
from softfall.media import files
read = files.read_file
def fragile(path, limits):
    if "fatal" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, limits)
files.read_file = fragile
hash_worker.main()
"""


def test_a_file_that_ends_its_process_costs_that_file_alone(folder, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "list.jsonl"
    _build(folder, whole)
    for name in ("a-fatal.png", "d-fatal.png"):
        (folder / name).write_bytes((folder / "coffee.png").read_bytes())
    monkeypatch.setattr(hash_crew, "WORKER", (sys.executable, "-c", FRAGILE))
    done = _build(folder, out)
    assert done.exit_code == 1
    for name in ("a-fatal.png", "d-fatal.png"):
        assert f"{name}: HashingCrashed: the process that opened the file ended (SIG" in done.stderr
    assert "files not opened     3" in done.stderr
    hashes = [[(line["hash"], line.get("view")) for line in _lines(o)] for o in (whole, out)]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("views", ["default", "none"])
def test_a_hash_that_two_pictures_have_is_counted_once(folder, tmp_path, views, custodian):
    out = tmp_path / "list.jsonl"
    (folder / "again.png").write_bytes((folder / "coffee.png").read_bytes())
    done = _build(folder, out, "--views", views)
    distinct = len({line["hash"] for line in _lines(out)})
    assert "pictures listed      3" in done.stderr
    assert f"hashes listed        {distinct}," in done.stderr
    _list(custodian, "import", str(out))
    assert f"active entries     {distinct}" in _list(custodian, "show")


@pytest.mark.parametrize("there", [(), ("flat.png", "broken.jpg")])
def test_a_list_of_nothing_is_refused_and_nothing_is_written(folder, tmp_path, there):
    for path in folder.iterdir():
        if path.name not in there:
            path.unlink()
    out = tmp_path / "list.jsonl"
    out.write_text("an older list")
    done = _build(folder, out, "--force")
    assert isinstance(done.exception, NothingToList)
    assert out.read_text() == "an older list"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.jsonl", "pictures"]


def test_no_more_processes_are_started_than_make_sense(folder, tmp_path):
    done = _build(folder, tmp_path / "list.jsonl", "--processes", "100000")
    assert isinstance(done.exception, hash_crew.TooManyProcesses)
    assert not (tmp_path / "list.jsonl").exists()
