"""Whatever is done to cases, in whatever order: the table holds, and only people decide."""

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, Row, select

from softfall.casework.database import open_casework
from softfall.casework.described import QueueFilter, Shelf
from softfall.casework.effects import MEASURES
from softfall.casework.incoming import Enactment, Incoming
from softfall.casework.life import Actor, is_legal
from softfall.casework.model import CaseState, Outcome, Role
from softfall.casework.rights import StaffRef
from softfall.casework.tables import appeals, cases, decisions, enactments, timeline
from softfall.errors import InputError, RefusedError
from softfall.store.database import sqlite_url

from .office import (
    CERTIFIED,
    DAY_MS,
    HOUR_MS,
    LEA,
    LOU,
    MIA,
    MO,
    ONE_CERTIFIER,
    UNCONFIRMED,
    Office,
    hold,
    report,
    ruling,
)

LEADS = (LEA, LOU, StaffRef("max", Role.LEAD))
STAFF = st.sampled_from([MO, MIA, *LEADS])
SUBJECTS = st.sampled_from(["ada", "bob", "cy"])
PICK = st.integers(0, 2)
THINGS = st.tuples(
    SUBJECTS, st.sampled_from([CERTIFIED, ONE_CERTIFIER, UNCONFIRMED, "spam", "child-safety"])
)
DEEDS = ("take", "next", "give back", "escalate", "mark", "withdraw")
WORLD = (
    "appeal", "appeal", "enact", "enact late", "an hour", "forty days", "released", "escalated",
    "expired",
)  # fmt: skip
LETS_GO = frozenset({Outcome.RELEASE, Outcome.NO_ACTION})


@cache
def template() -> Path:
    path = Path(tempfile.mkdtemp()) / "template.db"
    db = open_casework(sqlite_url(path))
    db.truncate_log()
    db.close()
    return path


class Casework(RuleBasedStateMachine):
    """An office that everybody works in at once; refusals by name are the expected answer."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "casework.db"
        shutil.copyfile(template(), path)
        self.office = Office(sqlite_url(path))
        self.holds: list[Incoming] = []
        self.decided: dict[str, Outcome] = {}

    def teardown(self) -> None:
        self.office.db.close()
        self.folder.cleanup()

    def ids(self, shelf: Shelf) -> list[str]:
        """Cases of a shelf; all of them if it is empty, so that wrong deeds are tried too."""
        for wanted in (shelf, Shelf.ALL):
            found = self.office.desk.queue(LEA, QueueFilter(shelf=wanted))
            if found:
                return sorted(row.case_id for row in found)
        return []

    def tried(self, deed: Any, *told: Any) -> Any:
        try:
            return deed(*told)
        except (RefusedError, InputError):
            return None

    def on(self, shelf: Shelf, pick: int, deed: Any, *told: Any) -> Any:
        """Try a deed on one of the cases there are."""
        there = self.ids(shelf)
        return self.tried(deed, there[pick % len(there)], *told) if there else None

    @initialize(things=st.lists(THINGS, min_size=2, max_size=5))
    def things_have_come(self, things: list[tuple[str, Any]]) -> None:
        for subject, what in things:
            self.comes(subject, what)

    # Few rules of many arguments: hypothesis leaves whole rules out of a run now and then.

    @rule(thing=THINGS)
    def something_comes(self, thing: tuple[str, Any]) -> None:
        self.comes(*thing)

    @rule(deed=st.sampled_from(DEEDS), staff=STAFF, pick=PICK, yes=st.booleans())
    def staff_do(self, deed: str, staff: StaffRef, pick: int, yes: bool) -> None:
        desk = self.office.desk
        match deed:
            case "take":
                self.on(Shelf.OPEN, pick, desk.take, staff)
            case "next":
                desk.take_next(staff)
            case "give back":
                self.on(Shelf.IN_REVIEW, pick, desk.give_back, staff)
            case "escalate":
                self.on(Shelf.IN_REVIEW, pick, desk.escalate, staff, "not for me")
            case "mark":
                self.on(Shelf.IN_REVIEW, pick, desk.mark_own_picture, staff, yes, "as it seems")
            case "withdraw":
                self.on(Shelf.SECOND_READ, pick, desk.withdraw_proposal, staff, "a mistake")

    @rule(appeals=st.booleans(), staff=STAFF, pick=PICK, yes=st.booleans())
    def leads_do(self, appeals: bool, staff: StaffRef, pick: int, yes: bool) -> None:
        desk = self.office.desk
        for one in (staff, *LEADS):
            if not appeals:
                self.on(Shelf.SECOND_READ, pick, desk.second_read, one, yes, "as I see it")
                continue
            for appeal in desk.appeals(one):
                self.tried(desk.decide_appeal, appeal.appeal_id, one, yes, "as I see it")

    @rule(staff=STAFF, pick=PICK, outcome=st.sampled_from(list(Outcome)), yes=st.booleans())
    def somebody_decides(self, staff: StaffRef, pick: int, outcome: Outcome, yes: bool) -> None:
        """What they took last, or what is in review, theirs or not."""
        view = self.office.desk.take_next(staff) if pick else None
        for case_id in [view.row.case_id] if view else self.ids(Shelf.IN_REVIEW):
            there = self.office.see(case_id)
            told = ruling(
                outcome,
                accounts=there.subjects[:1] if yes else (),
                override_reason="extortion" if yes else "",
            )
            self.tried(self.office.desk.decide, case_id, staff, told)

    @rule(what=st.sampled_from(WORLD), pick=PICK, account=SUBJECTS)
    def the_world_goes_on(self, what: str, pick: int, account: str) -> None:
        held = self.holds[pick % len(self.holds)] if self.holds else None
        match what:
            case "appeal":
                for case_id in self.ids(Shelf.DECIDED) + self.ids(Shelf.CLOSED):
                    self.tried(self.office.appeal, case_id, account)
            case "enact":
                self.office.enact()
            case "enact late" if held is not None and held.held is not None:
                self.office.enact((held.held, "released"))
            case "an hour" | "forty days":
                self.office.later(HOUR_MS if what == "an hour" else 40 * DAY_MS)
                self.office.desk.tick()
            case "released" | "escalated" | "expired" if held is not None:
                self.tried(self.office.moved, held, what)

    def comes(self, subject: str, what: Any) -> None:
        if isinstance(what, str):
            self.office.take_in(report(subject, reason=what))
            return
        incoming = hold(subject, what)
        self.holds.append(incoming)
        self.office.take_in(incoming)

    @invariant()
    def the_table_holds_and_only_people_decide(self) -> None:
        with self.office.db.read() as tx:
            for case in tx.execute(select(cases)).all():
                check_walk(tx, case)
                check_hands(tx, case)
                check_decisions(tx, case, self.decided)
                check_orders(tx, case)


def check_walk(tx: Connection, case: Row[Any]) -> None:
    mine = (timeline.c.case == case.row) & timeline.c.end.is_not(None)
    moves = tx.execute(select(timeline).where(mine).order_by(timeline.c.row)).all()
    walk = [(one.start and CaseState(one.start), CaseState(one.end), Actor(one.actor))
            for one in moves]  # fmt: skip
    assert is_legal(walk)
    assert walk[-1][1] == case.state
    assert (case.closed_at_ms is not None) == (case.state == CaseState.CLOSED)


def check_hands(tx: Connection, case: Row[Any]) -> None:
    """A case in review is in one person's hands, or waits for a second reader."""
    waits = (decisions.c.case == case.row) & (decisions.c.state == "proposed")
    proposals = tx.execute(select(decisions).where(waits)).all()
    assert len(proposals) <= 1
    reviewed = case.state == CaseState.IN_REVIEW
    assert (case.assigned_to is not None) + len(proposals) == int(reviewed)
    if case.escalated_at_ms is not None:
        assert case.assigned_role in (None, Role.LEAD)


def check_decisions(tx: Connection, case: Row[Any], known: dict[str, Outcome]) -> None:
    """Decided once, by people, the second reader and the appeal's decider being others."""
    rows = tx.execute(select(decisions).where(decisions.c.case == case.row)).all()
    final = [row for row in rows if row.final_at_ms is not None]
    decided = case.state in (CaseState.DECIDED, CaseState.APPEALED)
    assert len(final) == 1 if decided else len(final) <= 1
    people = {name for row in rows for name in (row.proposed_by, row.second_reader)}
    for row in final:
        assert known.setdefault(case.case_id, Outcome(row.outcome)) == row.outcome
        assert row.outcome != Outcome.REFER or row.second_reader is not None
    assert all(row.proposed_by != row.second_reader for row in rows)
    for appeal in tx.execute(select(appeals).where(appeals.c.case == case.row)):
        assert appeal.decided_by is None or appeal.decided_by not in people


def check_orders(tx: Connection, case: Row[Any]) -> None:
    """Nothing is enacted that nobody decided."""
    asked = select(enactments, decisions.c.outcome, decisions.c.final_at_ms).join(
        decisions, decisions.c.row == enactments.c.decision
    )
    for row in tx.execute(asked.where(enactments.c.case == case.row)):
        body = Enactment.model_validate_json(row.body)
        assert row.final_at_ms is not None
        ends = {each.decision for each in body.holds}
        if row.appeal is None:
            if body.outcome != row.outcome:  # unconfirmed messages, let go without a word
                assert row.outcome in MEASURES
                assert body.outcome == Outcome.RELEASE
                assert not body.tell_subject
                assert not body.reports
            assert ends <= ({"release"} if body.outcome in LETS_GO else {"block"})
            assert body.account_action in ("none", "warn", "restrict")
            assert body.account_action == "none" or body.outcome in MEASURES
            continue
        appeal = tx.execute(select(appeals).where(appeals.c.row == row.appeal)).one()
        assert appeal.upheld is not None
        assert ends <= (set() if appeal.upheld else {"release"})
        assert body.account_action == "none" or (
            body.account_action == "lift" and not appeal.upheld
        )


TestAnyOrder = Casework.TestCase
TestAnyOrder.settings = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
