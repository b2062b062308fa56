"""The log in its database, tampered with by whoever may drop a trigger; on both databases."""

import io
from dataclasses import replace

import pytest
from sqlalchemy import Connection, delete, insert, text, update

from softfall.audit import trail
from softfall.audit.chain import Line
from softfall.audit.files import verify_file
from softfall.audit.in_database import export_log, verify_database
from softfall.audit.keeping import Keeper, kept_checkpoints, read_checkpoints
from softfall.audit.tables import checkpoints, lines, logs
from softfall.audit.verifying import Fault, Verdict
from softfall.store.transactions import Database

SIZE = 6


@pytest.fixture
def log(db: Database, keeper: Keeper) -> Database:
    """Six lines, a checkpoint of them, and no triggers any more."""
    with db.write() as tx:
        for number in range(1, SIZE + 1):
            trail.append(tx, number, "mira", "case.opened", f"case-{number}", {"count": number})
    with db.write() as tx:
        assert keeper.take(tx, SIZE) is not None
    with db.write() as tx:
        without_triggers(tx)
    return db


def without_triggers(tx: Connection) -> None:
    if tx.dialect.name == "sqlite":
        found = "SELECT name, '' FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'"
        drop = 'DROP TRIGGER "{0}"'
    else:
        found = (
            "SELECT tgname, tgrelid::regclass FROM pg_trigger "
            "WHERE NOT tgisinternal AND tgname LIKE 'audit_%'"
        )
        drop = 'DROP TRIGGER "{0}" ON {1}'
    rows = tx.execute(text(found)).all()
    assert rows
    for name, table in rows:
        tx.execute(text(drop.format(name, table)))


def looked_over(db: Database, keeper: Keeper, *, carried: bool = False) -> Verdict:
    with db.read() as tx:
        known = read_checkpoints(keeper.file) if carried else []
        return verify_database(tx, known, frozenset({keeper.key.public_key}))


def findings(verdict: Verdict) -> list[tuple[Fault, int]]:
    return [(finding.fault, finding.number) for finding in verdict.findings]


def line(db: Database, number: int) -> Line:
    with db.read() as tx:
        found = trail.read_one(tx, number)
    assert found is not None
    return found


def test_an_untouched_log_is_whole_and_vouched_for(log: Database, keeper: Keeper) -> None:
    verdict = looked_over(log, keeper, carried=True)
    assert (verdict.whole, verdict.lines, verdict.covered) == (True, SIZE, SIZE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at_ms", 77),
        ("who", "noor"),
        ("action", "case.decided"),
        ("subject", "case-9"),
        ("details", "{}"),
        ("previous", bytes(32)),
        ("hash", bytes(32)),
        ("hash", b""),
    ],
)
def test_a_changed_field_is_found(log: Database, keeper: Keeper, name: str, value: object) -> None:
    with log.write() as tx:
        tx.execute(update(lines).where(lines.c.number == 3).values({name: value}))
    assert findings(looked_over(log, keeper)) == [(Fault.CHANGED, 3)]


def test_a_removed_line_is_found(log: Database, keeper: Keeper) -> None:
    with log.write() as tx:
        tx.execute(delete(lines).where(lines.c.number == 3))
    assert findings(looked_over(log, keeper)) == [(Fault.MISSING, 3)]


def test_a_removed_line_with_the_rest_numbered_anew_is_found(log: Database, keeper: Keeper) -> None:
    with log.write() as tx:
        tx.execute(delete(lines).where(lines.c.number == 3))
        for number in range(4, SIZE + 1):
            moved = update(lines).where(lines.c.number == number)
            tx.execute(moved.values(number=number - 1))
    assert findings(looked_over(log, keeper))[0] == (Fault.MOVED, 3)


def test_lines_that_changed_places_are_found(log: Database, keeper: Keeper) -> None:
    with log.write() as tx:
        for start, end in ((2, 99), (5, 2), (99, 5)):
            tx.execute(update(lines).where(lines.c.number == start).values(number=end))
    found = findings(looked_over(log, keeper))
    assert (Fault.MOVED, 2) in found
    assert (Fault.MOVED, 5) in found


def test_a_log_cut_off_at_its_end_is_found_even_without_its_own_checkpoints(
    log: Database, keeper: Keeper
) -> None:
    with log.write() as tx:
        tx.execute(delete(lines).where(lines.c.number > 4))
    assert findings(looked_over(log, keeper)) == [(Fault.CUT_OFF, 5)]
    with log.write() as tx:
        tx.execute(delete(checkpoints))
    assert looked_over(log, keeper).whole
    assert findings(looked_over(log, keeper, carried=True)) == [(Fault.CUT_OFF, 5)]


def test_a_log_that_was_emptied_is_found_by_what_was_carried_away(
    log: Database, keeper: Keeper
) -> None:
    with log.write() as tx:
        for table in (lines, checkpoints, logs):
            tx.execute(delete(table))
    assert not looked_over(log, keeper, carried=True).whole


def test_a_log_begun_anew_under_the_same_name_is_found(log: Database, keeper: Keeper) -> None:
    with log.write() as tx:
        tx.execute(delete(lines))
        for number in range(1, SIZE + 2):
            trail.append(tx, number, "noor", "case.opened", "case-1")
    assert findings(looked_over(log, keeper, carried=True)) == [(Fault.REWRITTEN, SIZE)]


def test_lines_put_before_the_first_or_under_a_strange_number_are_found(
    log: Database, keeper: Keeper
) -> None:
    whole = line(log, 3)
    for number in (0, -5, 2**62):
        strange = replace(whole, number=number)
        row = {name: getattr(strange, name) for name in Line.__slots__}
        with log.write() as tx:
            tx.execute(insert(lines).values(row))
        assert not looked_over(log, keeper).whole
        with log.write() as tx:
            tx.execute(delete(lines).where(lines.c.number == number))
    assert looked_over(log, keeper).whole


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_lines SET who = CAST(x'ff' AS TEXT) WHERE number = 3",
        "UPDATE audit_lines SET who = x'00' WHERE number = 3",
        "UPDATE audit_lines SET at_ms = 'soon' WHERE number = 3",
        "UPDATE audit_lines SET hash = 4000000000 WHERE number = 3",
        "UPDATE audit_lines SET previous = 'text' WHERE number = 3",
        "UPDATE audit_lines SET number = 'three' WHERE number = 3",
        "UPDATE audit_lines SET number = 3.5 WHERE number = 3",
    ],
)
def test_what_no_service_would_write_is_a_finding(
    log: Database, keeper: Keeper, change: str
) -> None:
    if log.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps a column's type")
    with log.write() as tx:
        tx.exec_driver_sql(change)
    assert any(f.number == 3 for f in looked_over(log, keeper).findings)


def test_an_export_is_the_log_up_to_its_newest_checkpoint(log: Database, keeper: Keeper) -> None:
    with log.write() as tx:
        trail.append(tx, 9, "mira", "case.closed", "case-1")
    file = io.BytesIO()
    with log.read() as tx:
        assert export_log(tx, file) == SIZE
    file.seek(0)
    verdict = verify_file(file, keys=frozenset({keeper.key.public_key}))
    assert (verdict.whole, verdict.lines, verdict.covered) == (True, SIZE, SIZE)


def test_a_changed_log_does_not_become_whole_by_being_exported(
    log: Database, keeper: Keeper
) -> None:
    with log.write() as tx:
        tx.execute(update(lines).where(lines.c.number == 2).values(who="noor"))
    file = io.BytesIO()
    with log.read() as tx:
        export_log(tx, file)
    file.seek(0)
    assert findings(verify_file(file)) == [(Fault.CHANGED, 2)]


def test_the_file_and_the_database_have_the_same_checkpoints(log: Database, keeper: Keeper) -> None:
    with log.read() as tx:
        assert kept_checkpoints(tx) == read_checkpoints(keeper.file)
