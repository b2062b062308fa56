"""Files are found in a fixed order, and never more of one is read than the limit."""

import os
from pathlib import Path

import pytest

from softfall.config import MediaLimits
from softfall.media.decode import TooManyBytes
from softfall.media.files import FileMissing, FileUnreadable, NotAFile, read_file, walk

LIMITS = MediaLimits(max_file_bytes=1000)


def grow(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def names_under(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in walk([root])]


def test_a_folder_is_walked_to_any_depth_in_the_order_of_names(tmp_path):
    grow(tmp_path, "b", "a", "z/b", "z/a", "k/deep/er/x", "Z", "é")
    assert names_under(tmp_path) == ["Z", "a", "b", "é", "k/deep/er/x", "z/a", "z/b"]


def test_hidden_files_and_folders_are_left_out_unless_named(tmp_path):
    grow(tmp_path, ".hidden", ".cache/a", "shown")
    assert names_under(tmp_path) == ["shown"]
    assert list(walk([tmp_path / ".hidden"])) == [tmp_path / ".hidden"]
    assert list(walk([tmp_path / ".cache"])) == [tmp_path / ".cache/a"]


def test_a_link_that_goes_round_is_not_followed_and_a_link_to_a_file_is(tmp_path):
    grow(tmp_path, "folder/a")
    (tmp_path / "folder/round").symlink_to(tmp_path)
    (tmp_path / "folder/b").symlink_to(tmp_path / "folder/a")
    (tmp_path / "folder/c").symlink_to("c")
    assert names_under(tmp_path) == ["folder/a", "folder/b", "folder/c"]
    with pytest.raises(FileUnreadable):
        read_file(tmp_path / "folder/c", LIMITS)


def test_a_missing_path_and_a_broken_link_are_named(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    grow(tmp_path, "file")
    for path in (tmp_path / "nothing", tmp_path / "link", tmp_path / "file/below"):
        assert list(walk([path])) == [path]
        with pytest.raises(FileMissing):
            read_file(path, LIMITS)


def test_a_name_that_no_file_can_have_is_named():
    with pytest.raises(FileUnreadable):
        read_file(Path("zero\0byte"), LIMITS)


def test_a_file_or_folder_without_the_right_to_read_is_named(tmp_path, monkeypatch):
    grow(tmp_path, "locked/a", "open")

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        assert list(walk([tmp_path])) == [tmp_path]
    with pytest.raises(FileUnreadable, match="listed"):
        read_file(tmp_path, LIMITS)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FileUnreadable, match="Permission denied"):
        read_file(tmp_path / "open", LIMITS)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAFile):
        read_file(tmp_path / "pipe", LIMITS)


def test_a_device_without_end_is_refused():
    with pytest.raises(NotAFile):
        read_file(Path("/dev/zero"), LIMITS)


@pytest.mark.parametrize("size_bytes", [0, 1, 999, 1000])
def test_a_file_within_the_limit_is_read_whole(tmp_path, size_bytes):
    (tmp_path / "file").write_bytes(bytes(size_bytes))
    assert read_file(tmp_path / "file", LIMITS) == bytes(size_bytes)


def test_a_file_over_the_limit_is_not_read(tmp_path, monkeypatch):
    with (tmp_path / "file").open("wb") as stream:
        stream.truncate(2**40)  # a terabyte of nothing, which takes no room
    with pytest.raises(TooManyBytes):
        read_file(tmp_path / "file", LIMITS)


def test_of_a_file_that_grows_while_it_is_read_no_more_than_the_limit_is_taken():
    endless = Path("/proc/self/smaps")  # its size is given as 0
    if not endless.exists() or len(endless.read_bytes()) <= 1000:
        pytest.skip("no file of unknown size here")
    with pytest.raises(TooManyBytes):
        read_file(endless, LIMITS)
