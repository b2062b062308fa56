from pathlib import Path

import pytest

from softfall.compare.files import ReportUnwritable, check_writable, write_whole


def test_a_file_appears_whole_and_in_the_place_of_the_old_one(tmp_path: Path):
    path = tmp_path / "new folder" / "report.html"
    write_whole(path, "first")
    write_whole(path, "second")
    assert path.read_text() == "second"
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]


def test_a_place_that_can_not_be_written_is_refused_before_and_after(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(ReportUnwritable):
            check_writable(path)
    with pytest.raises(ReportUnwritable):
        write_whole(tmp_path / "file" / "report.html", "text")
