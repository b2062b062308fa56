from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from softfall.custodian import index_file
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.feed import FeedReader
from softfall.custodian.indexing import ListIndex
from tests.custodian.indexing.lists import SOON_SECONDS, put
from tests.edge.asking import Lines


@pytest.fixture(autouse=True)
def _small_lists_have_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "SCAN_UP_TO_ENTRIES", 20)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue.open(tmp_path)
    put(catalogue, *range(60))
    return catalogue


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / index_file.FILE


@pytest.fixture
def make(catalogue: Catalogue, folder: Path, lines: Lines) -> Iterator[Callable[..., ListIndex]]:
    """Indexes as processes of their own have them: each with its own connections."""
    made: list[ListIndex] = []

    def make(merged_from: int = 1000) -> ListIndex:
        own = Catalogue.open(folder.parent)
        made.append(ListIndex(own, folder, SOON_SECONDS, merged_from, lines.log))
        return made[-1]

    yield make
    for index in made:
        index.close()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One word for each time that the whole list is read from the store."""
    told: list[str] = []
    listed = FeedReader.listed

    def counted(self: FeedReader, *args: object) -> object:
        told.append("read")
        return listed(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(FeedReader, "listed", counted)
    return told
