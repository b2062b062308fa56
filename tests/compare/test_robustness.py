"""Robustness: what the study counts, that it can find harm, and the verb end to end."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from softfall.cli.main import app
from softfall.compare import robustness
from softfall.compare.everyday import EVERYDAY, for_study
from softfall.compare.false_matches import (
    RADII_BITS,
    FalseMatches,
    Pieces,
    Plan,
    Radius,
    compared,
    count,
)
from softfall.compare.robustness import NEVER, Growth, distance, growth, look, recall
from softfall.compare.robustness_report import Study, sheets
from softfall.compare.statistics import Share, wilson
from softfall.media.views import ViewSet
from tests.media.photographs import photograph

NONE = np.zeros((0, 4), np.uint64)
FEW = ("JPEG 70", "crop 5 %", "border 20 %", "mirror", "rotate 10 degrees")


@pytest.fixture(scope="module")
def seen():
    few = tuple(edit for edit in EVERYDAY if edit.name in FEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(robustness, "EVERYDAY", few)
        names = ("coffee.png", "chelsea.png", "flower.jpg")
        looked = [look((name, photograph(name), at)) for at, name in enumerate(names)]
        return looked, {row.family: row for row in recall(looked)}


def test_views_and_stripping_find_what_plain_pdq_does_not(seen):
    _, rows = seen
    values = {
        family: (row.plain.count, row.stripped.count, row.views.count, row.both.count)
        for family, row in rows.items()
    }
    assert values["JPEG"] == (3, 3, 3, 3)
    assert values["crop"] == (0, 0, 3, 3)
    assert values["border"] == (0, 3, 0, 3)
    assert values["mirror"] == (0, 0, 3, 3)
    assert values["rotate"] == (0, 0, 0, 0)


def test_a_view_that_is_not_counted_as_listed_finds_nothing(seen, monkeypatch):
    looked, _ = seen
    monkeypatch.setattr(robustness, "EVERYDAY", [e for e in EVERYDAY if e.name in FEW])
    rows = {row.family: row for row in recall(looked, views=["crop-centre-5"])}
    assert (rows["crop"].both.count, rows["mirror"].both.count) == (3, 0)
    assert distance(looked[0], 0, "no such view", "whole") == NEVER


def test_growth_counts_hashes_and_pictures(seen):
    looked, _ = seen
    grown = growth(looked)
    assert grown.pictures == 3
    assert grown.entries == sum(len(set(each.listed.values())) for each in looked)
    assert grown.factor == grown.entries / 3


@pytest.mark.parametrize("edit", EVERYDAY, ids=lambda edit: edit.name)
def test_each_edit_gives_a_picture_file(edit):
    picture = for_study(Image.fromarray(photograph("flower.jpg")))
    picture.thumbnail((160, 160))
    for place in range(2):
        with Image.open(io.BytesIO(edit.apply(picture, place))) as made:
            assert made.format == "JPEG"
            assert min(made.size) > 10


def _hashes(seed, count):
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), np.uint64)


def _piece(name, seed, planted=NONE):
    viewed = np.concatenate([planted, _hashes(seed, 20)])
    return Pieces(name, _hashes(seed + 100, len(viewed)), viewed, NONE, NONE)


def _asked(name, seed):
    return Pieces(name, NONE, NONE, _hashes(seed, 30), NONE)


def test_unrelated_pictures_match_neither_list():
    found = compared([_piece("a", 1), _piece("b", 2)], [_asked("c", 3), _asked("d", 4)])
    assert (found.radii[0].bits, found.radii[0].plain, found.radii[0].viewed) == (31, 0, 0)
    assert found.radii[0].unchanged
    assert (found.entries, found.asked_pictures, found.named) == (40, 60, ())
    assert found.radii[0].plain_pairs == found.radii[0].viewed_pairs == 40 * 60


def test_a_view_that_resembles_other_pictures_is_seen_and_named():
    near = _hashes(3, 30)[:5] ^ np.uint64(1)
    found = compared([_piece("a", 1, near), _piece("b", 2)], [_asked("c", 3), _asked("d", 4)])
    assert (found.radii[0].plain, found.radii[0].viewed) == (0, 5)
    assert not found.radii[0].unchanged
    assert found.named == (("a", "c"),)


def test_a_rate_that_rose_is_told_from_one_that_did_not():
    listed = []
    for at in range(12):
        once = _hashes(500 + at % 6, 6)
        plain = np.concatenate([once[:1], _hashes(900 + at, 39)])
        viewed = np.concatenate([once, _hashes(800 + at, 34)])
        listed.append(Pieces(str(at), plain, viewed, NONE, NONE))
    asked = [Pieces(f"q{at}", NONE, NONE, _hashes(500 + at, 6), NONE) for at in range(6)]
    risen = compared(listed, asked).radii[0]
    assert risen.ratio is not None
    assert risen.ratio[0] == pytest.approx(6)
    assert not risen.unchanged
    same = [Pieces(p.name, p.plain, p.plain, NONE, NONE) for p in listed]
    assert compared(same, asked).radii[0].unchanged


def test_a_stripped_question_counts_as_one_more_chance():
    listed = _piece("a", 1)
    asked = Pieces("c", NONE, NONE, _hashes(3, 30), listed.viewed[:2])
    found = compared([listed, _piece("b", 2)], [asked, _asked("d", 4)])
    assert (found.radii[0].plain, found.radii[0].viewed) == (0, 2)
    assert found.asked_hashes == found.asked_pictures + 2


def test_real_photographs_are_split_so_that_none_meets_itself():
    names = ("coffee.png", "chelsea.png", "flower.jpg", "china.jpg")
    pictures = [(name, photograph(name)[::4, ::4]) for name in names]
    found = count(pictures, Plan(1, 3, ViewSet.DEFAULT))
    assert (found.listed_photographs, found.asked_photographs) == (2, 2)
    assert [each.bits for each in found.radii] == list(RADII_BITS)
    assert found.radii[0].plain == found.radii[0].viewed == 0


def test_wilson_holds_the_rate_and_never_leaves_the_unit():
    low, high = wilson(Share(98, 100))
    assert low < 0.98 < high < 1
    assert wilson(Share(0, 10))[0] == 0
    assert wilson(Share(10, 10))[1] == pytest.approx(1)
    assert wilson(Share(0, 0)) == (0, 1)


def test_the_verb_prints_the_table_and_writes_both_files(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("coffee.png", "chelsea.png"):
        Image.fromarray(photograph(name)[::3, ::3]).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    out, page = tmp_path / "out.json", tmp_path / "out.md"
    words = ["robustness", str(folder), "--json", str(out), "--markdown", str(page)]
    done = CliRunner().invoke(app, [*words, "--processes", "1"])
    assert done.exit_code == 0, done.output
    assert "crop 5 %" in done.stdout
    assert "left out: notes.txt" in done.stdout
    told = json.loads(out.read_text("utf-8"))
    rows = {f"{row['family']} {row['size']}": row for row in told["found"]}
    assert rows["crop 5 %"]["plain"] == {"count": 0, "total": 2}
    assert rows["crop 5 %"]["both"] == {"count": 2, "total": 2}
    assert told["growth"]["pictures"] == 2
    assert "| border 20 % | 0.0 % |" in page.read_text("utf-8")


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    done = CliRunner().invoke(app, ["robustness", str(tmp_path), "--processes", "1"])
    assert done.exception is not None
    assert type(done.exception).__name__ == "NoPhotographs"


def test_an_interval_that_could_not_be_told_is_a_dash():
    once = _hashes(500, 6)
    listed = [
        Pieces(name, once, _hashes(seed, 6), NONE, NONE) for name, seed in (("a", 1), ("b", 2))
    ]
    unrelated = compared(listed, [Pieces("c", NONE, NONE, once, NONE)])
    assert unrelated.radii[0].ratio == (0, 0, 0)
    drawn = next(
        each
        for each in sheets(Study("default", Growth(1, 1, 0), (), unrelated))
        if each.name == "unrelated"
    )
    assert drawn.rows[0][-2:] == ("0.00", "-")


def test_an_interval_that_was_drawn_stands_there():
    radius = Radius(31, 3, 4, 100, 100, (1.33, 0.5, 2.25))
    drawn = sheets(
        Study("default", Growth(1, 1, 0), (), FalseMatches(2, 2, 10, 10, 10, (radius,), ()))
    )
    assert drawn[-1].rows[0][-2:] == ("1.33", "0.50 to 2.25")
