"""Views in the catalogue: linked, counted apart, withdrawn and listed again with their picture."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.custodian import changes
from softfall.custodian.catalogue import Catalogue
from softfall.lists.entries import Statement, ViewOf, gather
from softfall.lists.facts import EntryFacts, decode_facts, encode_facts
from softfall.lists.report import Stated
from tests.lists.strategies import pictures_and_views

NOW_MS = 1_000
WHOLE, MIRROR, CROP, OTHER = (bytes([n]) * 32 for n in (0x3A, 0x5C, 0x69, 0x96))


@pytest.fixture
def catalogue(tmp_path):
    kept = Catalogue.open(tmp_path / "kept")
    yield kept
    kept.close()


def _put(catalogue, spoken, now_ms=NOW_MS):
    return catalogue.import_items((Stated(n, each) for n, each in enumerate(spoken, 1)), now_ms)


def _said(pdq, name="", source="hotline", listed_ms=10):
    view = ViewOf(WHOLE, name) if name else None
    return Statement(pdq, source, added_ms=listed_ms, listed_ms=listed_ms, view=view)


PICTURE = (_said(WHOLE), _said(MIRROR, "mirror"), _said(CROP, "crop-left-5"), _said(OTHER))


def _standing(catalogue):
    return {entry.pdq for entry in catalogue.entries() if entry.active}


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_pictures_and_views_in_any_order_end_as_gathering_them_file_by_file_would(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    files = data.draw(st.lists(pictures_and_views(8), min_size=1, max_size=3))
    catalogue = Catalogue.open(tmp_path_factory.mktemp("kept"))
    kept: list[Statement] = []
    for spoken in files:
        _put(catalogue, spoken)
        gathered = gather([*kept, *(changes.dated(each, NOW_MS) for each in spoken)])
        # What a view's picture took with it stays withdrawn, whichever picture it is said to be of
        # in a later file that has no dates.
        kept = [each for entry in gathered for each in entry.statements]
    expected = {entry.pdq: entry.statements for entry in gather(kept)}
    assert {entry.pdq: entry.statements for entry in catalogue.entries()} == expected
    catalogue.close()


def test_pictures_and_entries_are_counted_apart(catalogue):
    _put(catalogue, PICTURE)
    summary = catalogue.summary()
    assert (summary.active, summary.pictures) == (4, 2)


def test_an_import_of_many_tells_how_many_are_views(catalogue):
    assert _put(catalogue, PICTURE).views == 2


def test_withdrawing_a_picture_takes_its_views_of_that_source(catalogue):
    _put(catalogue, [*PICTURE, _said(CROP, "crop-left-5", "school")])
    done = catalogue.withdraw(WHOLE, "hotline", NOW_MS)
    assert (done.statements, done.entries, done.views) == (1, 2, 2)
    assert _standing(catalogue) == {CROP, OTHER}
    again = catalogue.withdraw(WHOLE, "hotline", NOW_MS)
    assert (again.statements, again.entries, again.views) == (0, 0, 0)


def test_the_change_feed_names_the_views_too(catalogue):
    _put(catalogue, PICTURE)
    position = catalogue.feed.listed().position
    catalogue.withdraw(WHOLE, None, NOW_MS)
    news = catalogue.feed.since(position)
    gone = {entry.number for entry in catalogue.entries() if not entry.active}
    assert len(gone) == 3
    assert gone <= set(news.edits.numbers.tolist())


def test_listing_the_picture_again_brings_its_views_back(catalogue):
    _put(catalogue, PICTURE)
    catalogue.withdraw(WHOLE, None, NOW_MS)
    catalogue.add(Statement(WHOLE, "hotline"), NOW_MS + 5)
    assert _standing(catalogue) == {WHOLE, MIRROR, CROP, OTHER}


def test_one_view_may_be_withdrawn_alone_and_stays_so(catalogue):
    _put(catalogue, PICTURE)
    catalogue.withdraw(MIRROR, None, NOW_MS)
    _put(catalogue, PICTURE, NOW_MS + 5)
    assert _standing(catalogue) == {WHOLE, CROP, OTHER}


def test_a_view_that_arrives_after_its_picture_was_withdrawn_is_withdrawn(catalogue):
    _put(catalogue, [PICTURE[0]])
    catalogue.withdraw(WHOLE, None, NOW_MS)
    _put(catalogue, PICTURE, NOW_MS + 5)
    assert _standing(catalogue) == {OTHER}


def test_a_tombstone_in_a_file_withdraws_the_views(catalogue):
    _put(catalogue, PICTURE)
    _put(catalogue, [Statement(WHOLE, "hotline", withdrawn_ms=NOW_MS)])
    assert _standing(catalogue) == {OTHER}


def test_facts_name_the_view_and_the_picture_by_number(catalogue):
    _put(catalogue, PICTURE)
    entry = catalogue.show(CROP)
    facts = EntryFacts.of(entry, catalogue.whole_of(entry))
    assert (facts.view, facts.whole) == ("crop-left-5", catalogue.show(WHOLE).number)
    assert decode_facts(encode_facts(facts)) == facts
    picture = catalogue.show(WHOLE)
    plain = EntryFacts.of(picture, catalogue.whole_of(picture))
    assert (plain.view, plain.whole) == ("", 0)


def test_a_view_without_its_picture_on_the_list_is_still_told(catalogue):
    _put(catalogue, [PICTURE[1]])
    entry = catalogue.show(MIRROR)
    assert catalogue.whole_of(entry) is None
    assert EntryFacts.of(entry).view == "mirror"


def test_a_store_from_before_there_were_views_is_brought_up_to_date(tmp_path: Path) -> None:
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config

    import softfall.custodian.store as store

    folder = tmp_path / "kept"
    folder.mkdir()
    url = f"sqlite:///{folder / store.DATABASE_FILE}"
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(sa.text("INSERT INTO entries VALUES (1, :pdq)"), {"pdq": WHOLE})
        connection.execute(
            sa.text("INSERT INTO statements VALUES (1, 'hotline', 'a1', '', 5, 5, NULL)")
        )
    engine.dispose()
    catalogue = Catalogue.open(folder)
    assert catalogue.show(1).statements == (
        Statement(WHOLE, "hotline", frozenset({"a1"}), added_ms=5, listed_ms=5),
    )
    catalogue.close()
