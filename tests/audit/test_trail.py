import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from softfall.audit import trail
from softfall.audit.chain import LineRefused, genesis
from softfall.audit.keeping import Keeper
from softfall.store.transactions import Database


def test_lines_are_numbered_from_one_and_chained(db: Database) -> None:
    with db.write() as tx:
        numbers = [
            trail.append(tx, 1_000 + i, "mira", "case.opened", f"case-{i}", {"why": "a report"})
            for i in range(3)
        ]
    with db.read() as tx:
        kept = trail.read(tx)
        name = trail.log_name(tx)
    assert numbers == [1, 2, 3] == [line.number for line in kept]
    assert name is not None
    assert [line.previous for line in kept] == [genesis(name), kept[0].hash, kept[1].hash]
    assert all(line.intact for line in kept)


def test_a_deed_that_fails_leaves_no_line(db: Database) -> None:
    def fail() -> None:
        with db.write() as tx:
            trail.append(tx, 1, "mira", "case.opened", "case-1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with db.read() as tx:
        assert trail.last_number(tx) == 0


def test_lines_can_be_read_by_subject_by_action_and_from_a_number_on(db: Database) -> None:
    with db.write() as tx:
        trail.append(tx, 1, "mira", "case.opened", "case-1")
        trail.append(tx, 2, "mira", "case.decided", "case-1")
        trail.append(tx, 3, "noor", "case.opened", "case-2")
    with db.read() as tx:
        assert [line.number for line in trail.read(tx, subject="case-1")] == [1, 2]
        assert [line.number for line in trail.read(tx, action="case.opened")] == [1, 3]
        assert [line.number for line in trail.read(tx, since=1, limit=1)] == [2]
        assert [line.number for line in trail.stream(tx)] == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_lines SET who = 'nobody'",
        "DELETE FROM audit_lines",
        "UPDATE audit_logs SET name = 'another'",
        "DELETE FROM audit_logs",
        "UPDATE audit_checkpoints SET hash = public_key",
        "DELETE FROM audit_checkpoints",
    ],
)
def test_the_database_itself_refuses_to_change_a_line(
    db: Database, keeper: Keeper, change: str
) -> None:
    with db.write() as tx:
        trail.append(tx, 1, "mira", "case.opened", "case-1")
    with db.write() as tx:
        keeper.take(tx, 1)

    def do() -> None:
        with db.write() as tx:
            tx.execute(text(change))

    with pytest.raises(DBAPIError, match="append-only"):
        do()


@pytest.mark.parametrize(
    ("who", "action", "subject", "details"),
    [
        ("", "case.opened", "case-1", {}),
        ("m" * 65, "case.opened", "case-1", {}),
        ("mira", "opened", "case-1", {}),
        ("mira", "Case.opened", "case-1", {}),
        ("mira", "case.opened", "", {}),
        ("mira", "case.opened", "case-1", {"share": 0.5}),
        ("mira", "case.opened", "case-1", {"why": "\0"}),
        ("mira", "case.opened", "case-1", {"why": "\ud800"}),
        ("mira", "case.opened", "case-1", {"why": "f" * 9_000}),
        ("mira", "case.opened", "case-1", {"match": "hash " + "0f" * 32}),
    ],
)
def test_what_a_log_may_not_hold_is_refused(
    db: Database, who: str, action: str, subject: str, details: dict[str, trail.Detail]
) -> None:
    with db.write() as tx:
        with pytest.raises(LineRefused):
            trail.append(tx, 1, who, action, subject, details)
        assert trail.last_number(tx) == 0
