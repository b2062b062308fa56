"""Evidence goes when its time is over, for good, and not a moment before."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from softfall.casework.database import open_casework
from softfall.casework.evidence import legal_hold, retention
from softfall.casework.evidence.retention import retention_ms
from softfall.casework.evidence.tables import evidence, evidence_keys, shifts, views
from softfall.casework.evidence.vault import EvidenceGone
from softfall.casework.model import CaseState, Outcome
from softfall.casework.referral.life import State as ReferralState
from softfall.casework.referral.tables import referrals
from softfall.casework.tables import cases
from softfall.config import CaseworkSettings
from softfall.store.database import sqlite_url
from tests.casework.evidence.room import DAY_MS, HOUR_MS, Room
from tests.databases import Databases


def run(room: Room) -> int:
    return retention.run_once(room.db, room.settings, room.clock)


def closed_case(room: Room, *outcomes: str) -> tuple[int, int, str]:
    """A case that has just closed, its one piece of evidence, and its id."""
    row, case_id = room.case()
    number = room.put(row)
    for outcome in outcomes:
        room.decision(row, outcome)
    with room.db.write() as tx:
        closed = {"state": CaseState.CLOSED, "closed_at_ms": room.now_ms}
        tx.execute(update(cases).where(cases.c.row == row).values(closed))
    return row, number, case_id


def is_there(room: Room, number: int) -> bool:
    try:
        with room.db.read() as tx:
            return room.vault.open(tx, number) == b"a harmless scene"
    except EvidenceGone:
        return False


@pytest.mark.parametrize("outcome", Outcome)
def test_evidence_goes_at_the_end_of_its_outcomes_time(room: Room, outcome: Outcome) -> None:
    _, number, case_id = closed_case(room, outcome)
    days = {
        Outcome.RELEASE: 7, Outcome.NO_ACTION: 30, Outcome.BLOCK: 180,
        Outcome.WARN: 90, Outcome.RESTRICT: 180, Outcome.REFER: 365,
    }[outcome]  # fmt: skip
    room.now_ms += days * DAY_MS - 1
    assert run(room) == 0
    assert is_there(room, number)
    room.now_ms += 1
    assert run(room) == 1
    assert not is_there(room, number)
    assert run(room) == 0
    assert room.lines("evidence.deleted") == [
        {"who": "clock", "subject": case_id, "pieces": 1, "outcomes": [outcome], "kept_days": days}
    ]
    gone = room.rows(evidence)[0]
    assert (gone.sealed, gone.deleted_at_ms, gone.kind) == (None, room.now_ms, "picture")
    assert room.rows(evidence_keys) == []


def test_the_longest_of_several_times_counts_and_a_referral_stays_one_when_reversed(
    room: Room,
) -> None:
    row, number, _ = closed_case(room, "warn")
    room.decision(row, "refer", "reversed")
    room.decision(row, "restrict", "refused")
    room.now_ms += 364 * DAY_MS
    assert run(room) == 0
    room.now_ms += DAY_MS
    assert run(room) == 1
    assert not is_there(room, number)


def test_a_decision_that_an_appeal_reversed_counts_as_no_action(room: Room) -> None:
    row, number, _ = closed_case(room)
    room.decision(row, "block", "reversed")
    room.now_ms += 30 * DAY_MS
    assert run(room) == 1
    assert not is_there(room, number)


def test_what_nobody_decided_is_kept_as_what_was_released(room: Room) -> None:
    assert retention_ms([], CaseworkSettings()) == 7 * DAY_MS
    _, number, _ = closed_case(room)
    room.now_ms += 7 * DAY_MS
    assert run(room) == 1
    assert not is_there(room, number)


@pytest.mark.parametrize("state", [each for each in CaseState if each is not CaseState.CLOSED])
def test_a_case_that_is_not_closed_keeps_its_evidence(room: Room, state: CaseState) -> None:
    row, number, _ = closed_case(room, "release")
    with room.db.write() as tx:
        tx.execute(update(cases).where(cases.c.row == row).values(state=state))
    room.now_ms += 4000 * DAY_MS
    assert run(room) == 0
    assert is_there(room, number)


def test_a_legal_hold_keeps_evidence_until_it_is_lifted(room: Room) -> None:
    room.configure(legal_hold_setters="leo")
    row, number, _ = closed_case(room, "release")
    with room.db.write() as tx:
        hold = legal_hold.place(tx, row, "leo", "order 12", False, room.settings, room.now_ms)
    room.now_ms += 400 * DAY_MS
    assert run(room) == 0
    assert is_there(room, number)
    with room.db.write() as tx:
        legal_hold.lift(tx, row, hold.hold_id, "leo", "order 13", room.settings, room.now_ms)
    assert run(room) == 1
    assert not is_there(room, number)


@pytest.mark.parametrize("state", ReferralState)
def test_evidence_stays_while_a_referral_is_on_its_way(room: Room, state: ReferralState) -> None:
    _, number, case_id = closed_case(room, "refer")
    row = {
        "case_id": case_id, "subject": "mallory", "state": state, "state_since_ms": 1,
        "revision": 1, "begun": 0, "failures": 0, "due_ms": 0, "lease_until_ms": 0,
    }  # fmt: skip
    with room.db.write() as tx:
        tx.execute(insert(referrals).values(row))
    room.now_ms += 366 * DAY_MS
    rests = state in (ReferralState.DRAFT, ReferralState.FINISHED, ReferralState.WITHDRAWN)
    assert run(room) == int(rests)
    assert is_there(room, number) != rests


def test_other_cases_keep_theirs(room: Room) -> None:
    _, first, _ = closed_case(room, "release")
    room.now_ms += 3 * DAY_MS
    _, second, _ = closed_case(room, "release")
    room.now_ms += 4 * DAY_MS
    assert run(room) == 1
    assert (is_there(room, first), is_there(room, second)) == (False, True)


def test_more_cases_than_one_round_takes_go_in_the_next(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for _ in range(3):
        closed_case(room, "release")
    room.now_ms += 7 * DAY_MS
    assert [run(room), run(room), run(room)] == [2, 1, 0]


def on_disk(databases: Databases, room: Room) -> bytes:
    """The database's own files: tables and logs of SQLite; PostgreSQL's tables."""
    if databases.kind == "sqlite":
        place = Path(room.db.engine.url.database or "")
        return b"".join(each.read_bytes() for each in place.parent.iterdir() if each.is_file())
    databases.server.execute("CHECKPOINT")
    base = databases.server.folder / "data" / "base"
    return b"".join(each.read_bytes() for each in base.rglob("*") if each.is_file())


def test_the_files_hold_the_wrapped_key_no_more(databases: Databases, room: Room) -> None:
    closed_case(room, "release")
    with room.db.read() as tx:
        wrapped = bytes(tx.execute(select(evidence_keys.c.wrapped_key)).scalar_one())
    assert wrapped in on_disk(databases, room)  # the search can find it
    room.now_ms += 7 * DAY_MS
    assert run(room) == 1
    assert wrapped not in on_disk(databases, room)


def test_sqlites_files_hold_the_ciphertext_no_more(tmp_path: Path) -> None:
    room = Room(open_casework(sqlite_url(tmp_path / "casework.db")))
    _, number, _ = closed_case(room, "release")
    with room.db.read() as tx:
        wanted = select(evidence.c.sealed).where(evidence.c.row == number)
        sealed = bytes(tx.execute(wanted).scalar_one())
    files = [tmp_path / "casework.db", tmp_path / "casework.db-wal"]
    assert any(sealed in each.read_bytes() for each in files)
    room.now_ms += 7 * DAY_MS
    run(room)
    assert not any(sealed in each.read_bytes() for each in files)


def test_views_and_shifts_are_forgotten_once_no_limit_needs_them(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    room.look(case_id, number)
    room.now_ms += DAY_MS
    run(room)
    assert len(room.rows(views)) == 1
    room.now_ms += DAY_MS + HOUR_MS
    run(room)
    assert (len(room.rows(views)), len(room.rows(shifts))) == (0, 1)
    room.now_ms += 30 * DAY_MS
    run(room)
    assert room.rows(shifts) == []
    assert len(room.lines("evidence.viewed")) == 1
