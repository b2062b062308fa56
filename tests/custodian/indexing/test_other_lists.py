"""A list that the feed does not lead to is read again, and no other list is searched."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from softfall.custodian import feed as feed_module
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.indexing import ListIndex
from softfall.custodian.store import DATABASE_FILE
from tests.custodian.indexing.lists import NOW_MS, found, pdq, put, truth, wait_until
from tests.edge.asking import Lines


def test_after_more_changes_than_the_feed_keeps_the_list_is_read_again(
    make, catalogue, lines, monkeypatch
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHANGES", 10)
    index = make()
    index.start()
    index.open()
    put(catalogue, *range(100, 150))
    wait_until(lambda: found(index) == truth(catalogue))
    assert "more has changed since than the feed keeps" in lines.text
    catalogue.withdraw(pdq(5), None, NOW_MS)
    wait_until(lambda: found(index) == truth(catalogue))


def test_an_index_that_nobody_started_reads_the_list_again_when_it_must(
    make, catalogue, monkeypatch
) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHANGES", 10)
    index = make()
    index.open()
    put(catalogue, *range(100, 150))
    index.catch_up()
    assert found(index) == truth(catalogue)


@pytest.mark.parametrize("changes_since", [0, 1, 2, 3, 5])
def test_a_list_that_was_put_back_from_a_backup_gets_its_own_index(
    tmp_path: Path, lines: Lines, changes_since: int
) -> None:
    with closing(Catalogue.open(tmp_path / "store")) as catalogue:
        put(catalogue, *range(40))
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    with closing(Catalogue.open(tmp_path / "store")) as catalogue:
        put(catalogue, 17, 100)
        put(catalogue, 101)
        ListIndex(catalogue, tmp_path / "store" / "index", log=lines.log).open()
    shutil.copytree(tmp_path / "store" / "index", tmp_path / "backup" / "index")
    with closing(Catalogue.open(tmp_path / "backup")) as catalogue:
        for seed in range(changes_since):
            put(catalogue, 2**40 + seed)
        index = ListIndex(catalogue, tmp_path / "backup" / "index", log=lines.log)
        assert found(index) == truth(catalogue)


def test_a_list_that_was_made_anew_is_not_searched_by_the_old_ones_index(
    tmp_path: Path, lines: Lines
) -> None:
    """Both have been changed once, so both have the same revision."""
    for folder, seeds in (("old", range(1000, 1040)), ("new", range(40))):
        with closing(Catalogue.open(tmp_path / folder)) as catalogue:
            put(catalogue, *seeds)
            if folder == "old":
                ListIndex(catalogue, tmp_path / "index", log=lines.log).open()
    with closing(Catalogue.open(tmp_path / "new")) as catalogue:
        index = ListIndex(catalogue, tmp_path / "index", log=lines.log)
        assert found(index) == truth(catalogue)
        assert truth(catalogue)
    assert "the index is of another list" in lines.text


def put_back(backup: Path, store: Path) -> None:
    """As `.backup` and `.restore` do, under a service that runs."""
    with (
        closing(sqlite3.connect(backup / DATABASE_FILE)) as old,
        closing(sqlite3.connect(store / DATABASE_FILE)) as now,
    ):
        old.backup(now)


@pytest.fixture
def backup(tmp_path: Path, catalogue: Catalogue) -> Path:
    """Of the list at its revision 1."""
    (tmp_path / "backup").mkdir()
    put_back(tmp_path, tmp_path / "backup")
    return tmp_path / "backup"


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("changes_since", [0, 2, 4])
def test_a_list_that_is_put_back_under_a_running_index_is_searched_from_then_on(
    make, catalogue, backup, folder, changes_since, started
) -> None:
    index = make()
    put(catalogue, 17, 100)
    put(catalogue, 101)
    index.open()
    with closing(Catalogue.open(backup)) as other:
        for seed in range(changes_since):
            put(other, 2**40 + seed)
    if started:
        index.start()
    put_back(backup, folder.parent)
    index.catch_up()
    wait_until(lambda: found(index) == truth(catalogue))
    assert index.state().revision == 1 + changes_since


def test_a_running_index_takes_up_the_file_of_a_list_that_was_put_back(
    make, catalogue, backup, folder
) -> None:
    """Its revision is lower than what the running one has seen."""
    index = make()
    for seed in range(3):
        put(catalogue, 100 + seed)
    index.open()
    put_back(backup, folder.parent)
    make().open()
    index.start()
    wait_until(lambda: index.state().revision == 1)
    assert found(index) == truth(catalogue)
