import importlib.util
from pathlib import Path

import pytest

from softfall.compare.photographs import (
    NoPhotographs,
    PhotographsMissing,
    default_paths,
    open_photographs,
    picture_files,
)
from softfall.config import MediaLimits
from softfall.media.pdq import PdqHash


def ignore(done: int, total: int) -> None:
    del done, total


def test_the_default_photographs_are_installed_open_and_mostly_hashable():
    opened, left_out = open_photographs(default_paths(), MediaLimits(), ignore)
    assert len(opened) == 19
    assert not left_out
    assert sum(isinstance(each.hash, PdqHash) for each in opened) >= 18


def test_drawings_text_and_test_patterns_are_not_among_them():
    names = {path.stem for path in default_paths()}
    drawn = {"logo", "horse", "phantom", "chessboard_GRAY", "chessboard_RGB", "text", "page"}
    assert not names & drawn


def test_packages_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("softfall.compare.photographs.find_spec", lambda name: None)
    assert importlib.util.find_spec("skimage") is not None
    with pytest.raises(PhotographsMissing, match="skimage"):
        default_paths()


def test_a_broken_file_is_left_out_with_its_reason(tmp_path: Path):
    whole = default_paths()[0]
    broken = tmp_path / "broken.png"
    broken.write_bytes(whole.read_bytes()[:5000])
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    opened, left_out = open_photographs([broken, whole, empty], MediaLimits(), ignore)
    assert [each.name for each in opened] == [whole.stem]
    assert {each.name for each in left_out} == {"broken", "empty"}
    assert all(each.reason for each in left_out)


def test_a_file_over_the_limit_is_left_out(tmp_path: Path):
    whole = default_paths()[0]
    with pytest.raises(NoPhotographs, match="bytes"):
        open_photographs([whole], MediaLimits(max_file_bytes=1000), ignore)


def test_the_same_file_twice_is_sent_once(tmp_path: Path):
    whole = default_paths()[0]
    copy = tmp_path / "copy.png"
    copy.write_bytes(whole.read_bytes())
    opened, left_out = open_photographs([whole, copy], MediaLimits(), ignore)
    assert len(opened) == 1
    assert left_out[0].reason == "the same file as another"


def test_two_files_of_one_name_get_a_name_each(tmp_path: Path):
    paths = []
    for number, path in enumerate(default_paths()[:2]):
        (tmp_path / str(number)).mkdir()
        paths.append(tmp_path / str(number) / "photo.png")
        paths[-1].write_bytes(path.read_bytes())
    opened, _ = open_photographs(paths, MediaLimits(), ignore)
    assert [each.name for each in opened] == ["photo", "photo (2)"]


def test_folders_are_searched_to_the_bottom_and_hidden_files_left(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/deep.png", "top.png", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    found = picture_files([tmp_path, tmp_path / "top.png"])
    assert [path.name for path in found] == ["deep.png", "top.png"]


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_a_place_without_photographs_is_refused_by_name(tmp_path: Path, name: str):
    (tmp_path / "folder").mkdir()
    with pytest.raises(NoPhotographs, match=name):
        picture_files([tmp_path / name])
