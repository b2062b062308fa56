"""The catalogue: all or nothing, numbers for ever, epochs that never change."""

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DBAPIError

from softfall.custodian import changes, rows, tables
from softfall.custodian.catalogue import (
    Catalogue,
    EpochDamaged,
    ListUnwritable,
    SourceCount,
    UnknownEntry,
    UnknownEpoch,
    UnknownSource,
    Withdrawal,
)
from softfall.custodian.spool import Spool
from softfall.custodian.store import open_database
from softfall.lists.entries import Statement, gather, ones
from softfall.lists.epochs import entries_digest
from softfall.lists.index.hamming import words
from softfall.lists.report import BadLine, ImportReport, Item, Skipped, Stated
from tests.lists.strategies import retold, statements

NOW_MS = 1_000_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def catalogue(engine: Engine, tmp_path: Path) -> Catalogue:
    return Catalogue(engine, tmp_path)


def pdq(seed: int) -> bytes:
    """A hash with 128 ones of 256, another for each seed."""
    half = seed.to_bytes(16, "big")
    return half + bytes(255 - byte for byte in half)


def said(seed: int, source: str = "hotline", **values: object) -> Statement:
    return Statement(pdq(seed), source, **values)  # type: ignore[arg-type]


def told(spoken: Iterable[Statement]) -> list[Item]:
    return [Stated(line, statement) for line, statement in enumerate(spoken, 1)]


def put(catalogue: Catalogue, *spoken: Statement, now_ms: int = NOW_MS) -> ImportReport:
    return catalogue.import_items(told(spoken), now_ms)


def everything(catalogue: Catalogue) -> list[Statement]:
    return [statement for entry in catalogue.entries() for statement in entry.statements]


# --- imports -----------------------------------------------------------------------------------


def test_an_import_counts_what_became_of_each_statement(catalogue: Catalogue) -> None:
    first = put(catalogue, said(1), said(2), said(1), said(1, "school"))
    assert (first.added, first.merged, first.unchanged) == (2, 1, 1)
    again = put(catalogue, said(1), said(2), said(3), said(2, labels=frozenset({"a"})))
    assert (again.statements, again.added, again.merged, again.unchanged) == (4, 1, 1, 2)
    gone = put(catalogue, said(3, withdrawn_ms=5), said(1, withdrawn_ms=5))
    assert (gone.merged, gone.withdrawn) == (2, 1)  # of 1, the school still stands by it
    back = put(catalogue, said(3, added_ms=6, listed_ms=6))
    assert (back.merged, back.relisted, back.withdrawn) == (1, 1, 0)


def test_bad_and_skipped_lines_are_in_the_report_and_stop_nothing(catalogue: Catalogue) -> None:
    items: list[Item] = [BadLine(1, "no"), *told([said(1)]), Skipped(3, "an MD5")]
    report = catalogue.import_items(items, NOW_MS)
    assert (report.added, report.bad, report.skipped) == (1, (BadLine(1, "no"),), {"an MD5": 1})
    only_bad = catalogue.import_items([BadLine(1, "no")], NOW_MS)
    assert (only_bad.bad_count, only_bad.statements) == (1, 0)


def test_importing_again_changes_nothing_and_takes_no_lock(
    catalogue: Catalogue, engine: Engine
) -> None:
    put(catalogue, said(1), said(2, added_ms=4, listed_ms=4))
    before = (everything(catalogue), catalogue.summary())
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        report = put(catalogue, said(1), said(2, added_ms=4, listed_ms=4), now_ms=NOW_MS + 9)
    assert report.unchanged == 2
    assert (everything(catalogue), catalogue.summary()) == before


def test_a_list_without_dates_does_not_bring_back_what_was_withdrawn(
    catalogue: Catalogue,
) -> None:
    put(catalogue, said(1))
    catalogue.withdraw(pdq(1), None, NOW_MS + 1)
    report = put(catalogue, said(1), now_ms=NOW_MS + 2)
    assert report.relisted == 0
    assert not catalogue.show(pdq(1)).active


def test_a_tombstone_that_comes_first_still_holds(catalogue: Catalogue) -> None:
    put(catalogue, said(1, withdrawn_ms=50))
    put(catalogue, said(1, added_ms=40, listed_ms=40))
    assert not catalogue.show(pdq(1)).active
    put(catalogue, said(1, added_ms=60, listed_ms=60))
    assert catalogue.show(pdq(1)).active


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_the_catalogue_holds_what_gathering_all_files_would(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    files = data.draw(st.lists(retold(10), min_size=1, max_size=3))
    catalogue = Catalogue.open(tmp_path_factory.mktemp("kept"))
    for spoken in files:
        report = put(catalogue, *spoken)
        assert report.added + report.merged + report.unchanged == len(spoken)
    stamped = [changes.dated(statement, NOW_MS) for spoken in files for statement in spoken]
    expected = {entry.pdq: entry.statements for entry in gather(stamped)}
    assert {entry.pdq: entry.statements for entry in catalogue.entries()} == expected
    active = {entry.pdq for entry in gather(stamped) if entry.active}
    assert catalogue.summary().active == len(active)
    number = catalogue.freeze("split", NOW_MS)  # SQL's idea of "active" against Python's
    assert {hash_ for _, hash_ in catalogue.epoch_entries(number)} == active
    catalogue.close()


def test_a_large_import_merges_across_batches(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softfall.custodian.catalogue.ROWS_AT_ONCE", 7)
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 5)
    spoken = [said(seed % 40, f"s{seed % 3}", added_ms=seed + 1) for seed in range(200)]
    report = put(catalogue, *spoken)
    assert report.added == 40
    expected = {entry.pdq: entry.statements for entry in gather(spoken)}
    assert {entry.pdq: entry.statements for entry in catalogue.entries()} == expected


@given(spoken=st.lists(statements(), max_size=30), batch=st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_a_spool_gives_back_what_was_put_whether_in_memory_or_not(
    tmp_path_factory: pytest.TempPathFactory, spoken: list[Statement], batch: int
) -> None:
    with Spool(tmp_path_factory.getbasetemp(), batch, in_memory=10) as spool:
        for statement in spoken:
            spool.put(statement)
        assert list(itertools.chain.from_iterable(spool.batches())) == spoken
        assert spool.count == len(spoken)


def test_an_import_that_fails_while_reading_changes_nothing(catalogue: Catalogue) -> None:
    def broken() -> Iterator[Item]:
        yield from told(said(seed) for seed in range(20_000))
        raise UnknownSource("stands for any error of a reader")

    with pytest.raises(UnknownSource):
        catalogue.import_items(broken(), NOW_MS)
    assert everything(catalogue) == []


def test_a_full_disk_is_a_named_error_and_changes_nothing(
    catalogue: Catalogue, engine: Engine
) -> None:
    put(catalogue, said(1))

    def limit(connection: object, _: object) -> None:
        connection.execute("PRAGMA max_page_count=40")  # type: ignore[attr-defined]

    engine.dispose()
    event.listen(engine, "connect", limit)
    with pytest.raises(ListUnwritable, match="full"):
        put(catalogue, *(said(seed) for seed in range(10_000)))
    event.remove(engine, "connect", limit)
    engine.dispose()
    assert everything(catalogue) == [said(1, added_ms=NOW_MS)]


def test_a_database_error_never_prints_a_rows_values(engine: Engine) -> None:
    assert engine.hide_parameters
    with engine.begin() as connection:
        connection.execute(tables.entries.insert(), {"number": 1, "pdq": pdq(77)})
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(tables.entries.insert(), {"number": 2, "pdq": pdq(77)})
    assert repr(pdq(77))[2:20] not in str(caught.value)


# --- killed in the middle ----------------------------------------------------------------------

IMPORTER = """
import os, sys
from pathlib import Path
from softfall.custodian.catalogue import Catalogue
from softfall.lists.entries import Statement
from softfall.lists.report import Stated

def pdq(seed):
    half = seed.to_bytes(16, "big")
    return half + bytes(255 - byte for byte in half)

items = [Stated(n, Statement(pdq(n), "hotline")) for n in range(1, 30_001)]
tell = lambda what, done, _: print(what, done, flush=True)
Catalogue.open(Path(sys.argv[1])).import_items(items, 5, tell)
print("done", 0, flush=True)
"""


@pytest.mark.parametrize("moment", [("reading", 30_000), ("storing", 5_000), ("storing", 20_000),
                                    ("storing", 30_000), ("done", 0)])  # fmt: skip
def test_an_import_killed_at_any_moment_is_all_or_nothing(
    tmp_path: Path, moment: tuple[str, int]
) -> None:
    kept = Catalogue.open(tmp_path)
    put(kept, said(1_000_000))
    kept.close()
    command = [sys.executable, "-c", IMPORTER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split() == [moment[0], str(moment[1])]:
                process.send_signal(signal.SIGKILL)
                break
    after = Catalogue.open(tmp_path)
    active = after.summary().active
    assert active in (1, 30_001)
    if moment[0] == "reading" or moment == ("storing", 5_000):
        assert active == 1
    if moment[0] == "done":
        assert active == 30_001
    put(after, *(said(seed) for seed in range(1, 30_001)))
    numbers = [entry.number for entry in after.entries()]
    assert len(numbers) == len(set(numbers)) == 30_001
    after.close()
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"custodian.db", "custodian.db-shm", "custodian.db-wal"}


def test_readers_see_the_old_list_until_an_import_is_whole(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    put(catalogue, said(1))
    seen = []
    reader = Catalogue.open(tmp_path)

    def look(what: str, done: int, total: int) -> None:
        if what == "storing":
            seen.append(reader.summary().active)

    catalogue.import_items(told(said(seed) for seed in range(12_000)), NOW_MS, look)
    assert set(seen) == {1}
    assert reader.summary().active == 12_000
    reader.close()


def test_two_importers_at_once_give_no_number_twice(tmp_path: Path) -> None:
    Catalogue.open(tmp_path).close()

    def run(first: int) -> None:
        mine = Catalogue.open(tmp_path)
        for start in range(first, first + 600, 200):
            put(mine, *(said(seed) for seed in range(start, start + 200)))
        mine.close()

    threads = [threading.Thread(target=run, args=(first,)) for first in (0, 300, 600)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(Catalogue.open(tmp_path).entries())
    assert {entry.pdq for entry in entries} == {pdq(seed) for seed in range(1200)}
    assert [entry.number for entry in entries] == list(range(1, 1201))


# --- by hand -----------------------------------------------------------------------------------


def test_an_addition_joins_what_its_source_said(catalogue: Catalogue) -> None:
    put(catalogue, said(1, added_ms=3, listed_ms=3, certifiers=frozenset({"iwf"})))
    entry = catalogue.add(said(1, certifiers=frozenset({"ncmec"})), NOW_MS)
    assert entry.certifiers == {"iwf", "ncmec"}
    assert entry.added_ms == 3
    assert entry.number == 1


def test_an_addition_lists_again_what_was_withdrawn_and_begins_afresh(
    catalogue: Catalogue,
) -> None:
    put(catalogue, said(1, certifiers=frozenset({"iwf"})))
    catalogue.withdraw(1, None, NOW_MS + 5)
    entry = catalogue.add(said(1, certifiers=frozenset({"ncmec"})), NOW_MS + 5)
    assert entry.active
    assert entry.certifiers == {"ncmec"}
    catalogue.withdraw(1, None, NOW_MS + 5)  # in the same millisecond, as the clock sees it
    assert not catalogue.show(1).active


@pytest.mark.parametrize("key", [1, pdq(1)])
def test_an_entry_is_withdrawn_by_its_number_or_hash(
    catalogue: Catalogue, key: int | bytes
) -> None:
    put(catalogue, said(1), said(1, "school"), said(2))
    assert catalogue.withdraw(key, None, NOW_MS) == Withdrawal(statements=2, entries=1)
    assert catalogue.withdraw(key, None, NOW_MS) == Withdrawal(statements=0, entries=0)
    assert not catalogue.show(key).active
    assert catalogue.show(2).active


def test_an_entry_stays_while_another_source_stands_by_it(catalogue: Catalogue) -> None:
    put(catalogue, said(1, certifiers=frozenset({"iwf"})), said(1, "school"))
    assert catalogue.withdraw(1, "hotline", NOW_MS) == Withdrawal(statements=1, entries=0)
    entry = catalogue.show(1)
    assert (entry.active, entry.sources, entry.certifiers) == (True, ("school",), frozenset())
    assert catalogue.withdraw(1, "school", NOW_MS) == Withdrawal(statements=1, entries=1)


def test_a_listing_dated_ahead_of_the_clock_can_be_withdrawn(catalogue: Catalogue) -> None:
    put(catalogue, said(1, added_ms=2 * NOW_MS, listed_ms=2 * NOW_MS), said(2))
    catalogue.withdraw(1, None, NOW_MS)
    assert not catalogue.show(1).active
    put(catalogue, said(3, added_ms=2 * NOW_MS, listed_ms=2 * NOW_MS))
    catalogue.withdraw_source("hotline", NOW_MS)
    assert catalogue.summary().active == 0


def test_a_whole_source_is_withdrawn_at_once(catalogue: Catalogue) -> None:
    put(catalogue, said(1), said(2), said(2, "school"), said(3, "school"))
    assert catalogue.withdraw_source("hotline", NOW_MS) == Withdrawal(statements=2, entries=1)
    assert catalogue.withdraw_source("hotline", NOW_MS) == Withdrawal(statements=0, entries=0)
    summary = catalogue.summary()
    assert (summary.active, summary.withdrawn) == (2, 1)
    assert summary.by_source == (SourceCount("hotline", 0, 2), SourceCount("school", 2, 0))


def test_what_nobody_knows_is_a_named_error(catalogue: Catalogue) -> None:
    put(catalogue, said(1))
    for key in (2, -1, 2**62, pdq(2)):
        with pytest.raises(UnknownEntry) as caught:
            catalogue.show(key)
        assert pdq(2).hex()[:8] not in caught.value.what
        with pytest.raises(UnknownEntry):
            catalogue.withdraw(key, None, NOW_MS)
    with pytest.raises(UnknownSource):
        catalogue.withdraw(1, "nobody", NOW_MS)
    with pytest.raises(UnknownSource):
        catalogue.withdraw_source("nobody", NOW_MS)


def test_several_entries_are_shown_at_once(catalogue: Catalogue) -> None:
    put(catalogue, said(1), said(2), said(2, "school"))
    found = catalogue.show_all([2, 1, 2, 99])
    assert {number: entry.pdq for number, entry in found.items()} == {1: pdq(1), 2: pdq(2)}


def test_every_change_raises_the_revision(catalogue: Catalogue) -> None:
    revisions = [catalogue.summary().revision]
    for change in (
        lambda: put(catalogue, said(1)),
        lambda: catalogue.add(said(2), NOW_MS),
        lambda: catalogue.withdraw(1, None, NOW_MS),
        lambda: catalogue.freeze("split", NOW_MS),
    ):
        change()
        revisions.append(catalogue.summary().revision)
    assert revisions == sorted(set(revisions))


# --- search ------------------------------------------------------------------------------------


def test_a_search_finds_active_entries_only_by_their_numbers(catalogue: Catalogue) -> None:
    near = bytearray(pdq(5))
    near[-1] ^= 0b111
    put(catalogue, said(4 << 60), said(5), said(5 << 60), said(0xFFFF << 100))
    catalogue.withdraw(pdq(5 << 60), None, NOW_MS)
    matches = catalogue.search(words([bytes(near)]))
    found = dict(zip(matches.entry_numbers.tolist(), matches.distances_bits.tolist(), strict=True))
    assert found[2] == 3
    assert 3 not in found
    assert len(catalogue.search(words([bytes(near)]), 2)) == 0


def test_a_search_in_an_empty_list_finds_nothing(catalogue: Catalogue) -> None:
    assert len(catalogue.search(words([pdq(1)]))) == 0


# --- epochs ------------------------------------------------------------------------------------


def test_an_epoch_never_changes_whatever_happens_later(catalogue: Catalogue) -> None:
    put(catalogue, said(1), said(2), said(3, withdrawn_ms=9))
    first = catalogue.freeze("split", NOW_MS)
    frozen = catalogue.epoch_entries(first)
    assert frozen == [(1, pdq(1)), (2, pdq(2))]
    catalogue.withdraw(1, None, NOW_MS)
    put(catalogue, said(4), said(3, added_ms=10, listed_ms=10))
    second = catalogue.freeze("split", NOW_MS)
    assert catalogue.epoch_entries(first) == frozen
    assert catalogue.epoch_entries(second) == [(2, pdq(2)), (3, pdq(3)), (4, pdq(4))]
    assert (first, second) == (1, 2)


def test_an_emptied_list_can_be_frozen(catalogue: Catalogue) -> None:
    put(catalogue, said(1))
    catalogue.withdraw(1, None, NOW_MS)
    assert catalogue.epoch_entries(catalogue.freeze("split", NOW_MS)) == []


def test_an_unknown_epoch_is_a_named_error(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownEpoch):
        catalogue.epoch_entries(1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE epoch_entries SET entry_number = 2 WHERE entry_number = 1",
        "DELETE FROM epoch_entries",
        "DELETE FROM epochs",
        "UPDATE epochs SET entries_sha256 = zeroblob(32)",
        "UPDATE entries SET pdq = zeroblob(32)",
        "DELETE FROM entries",
    ],
)
def test_the_database_itself_refuses_to_change_an_epoch(
    catalogue: Catalogue, engine: Engine, statement: str
) -> None:
    put(catalogue, said(1), said(2))
    number = catalogue.freeze("split", NOW_MS)
    catalogue.withdraw(2, None, NOW_MS)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(statement))
    assert catalogue.epoch_entries(number) == [(1, pdq(1)), (2, pdq(2))]


@pytest.mark.parametrize(
    ("trigger", "statement"),
    [
        ("entries_fixed", "UPDATE entries SET pdq = zeroblob(32) WHERE number = 1"),
        ("epoch_entries_kept", "DELETE FROM epoch_entries WHERE entry_number = 1"),
        ("epochs_fixed", "UPDATE epochs SET entries_count = 1"),
        ("epochs_fixed", "INSERT INTO epoch_entries VALUES (1, 3)"),
    ],
)
def test_an_epoch_that_was_tampered_with_is_noticed(
    catalogue: Catalogue, engine: Engine, trigger: str, statement: str
) -> None:
    put(catalogue, said(1), said(2), said(3, withdrawn_ms=1))
    number = catalogue.freeze("split", NOW_MS)
    with engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text(statement))
    with pytest.raises(EpochDamaged):
        catalogue.epoch_entries(number)


def test_the_keys_of_an_epoch_can_be_set_and_destroyed(
    catalogue: Catalogue, engine: Engine
) -> None:
    catalogue.freeze("split", NOW_MS)
    for key in (b"k" * 32, None):
        with engine.begin() as connection:
            connection.execute(tables.epochs.update().values(secret_key=key))
            assert connection.scalar(select(tables.epochs.c.secret_key)) == key


def test_equal_digests_mean_equal_sets() -> None:
    some = [(1, pdq(1)), (2, pdq(2))]
    others = [[], some[:1], [(2, pdq(1)), (3, pdq(2))], [(1, pdq(2)), (2, pdq(1))], some]
    assert len({entries_digest(entries) for entries in others}) == len(others)


# --- the schema --------------------------------------------------------------------------------


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_two_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    opener = (
        "import sys; from pathlib import Path;"
        "from softfall.custodian.catalogue import Catalogue;"
        "Catalogue.open(Path(sys.argv[1])).summary()"
    )
    command = [sys.executable, "-c", opener, str(tmp_path)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]


def test_a_migration_that_fails_leaves_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr("alembic.operations.Operations.create_index", fail)
    with pytest.raises(RuntimeError, match="killed"):
        open_database(tmp_path)
    monkeypatch.undo()
    engine = open_database(tmp_path)
    with engine.connect() as connection:
        assert connection.execute(select(tables.catalogue_state)).one() == (1, 1, 0)
    engine.dispose()


def test_the_hashes_of_these_tests_are_balanced() -> None:
    assert {ones(pdq(seed)) for seed in (0, 1, 5 << 60)} == {128}
