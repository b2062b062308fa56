"""Real processes on one database: nothing double, and nothing lost to kill -9."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from softfall.casework.database import MIGRATIONS
from softfall.casework.enactor import LEASE_MS
from softfall.casework.life import Actor, is_legal
from softfall.casework.model import CaseState, Outcome
from tests.databases import Databases

from .fake_provider import FakeProvider
from .office import LEA, MO, START_MS, Office, hold, report
from .process import STEPS

ROOT = Path(__file__).parents[2]


Run = Callable[..., list[tuple[int, str]]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs jobs of `process`, each a list of words, in processes of their own, all at once."""
    command = [sys.executable, "-m", "tests.casework.process"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdin
        assert parent.stdout

        def ends(*jobs: list[object]) -> list[tuple[int, str]]:
            assert parent.stdin
            assert parent.stdout
            parent.stdin.write(json.dumps([[str(word) for word in job] for job in jobs]) + "\n")
            parent.stdin.flush()
            return [(status, told) for status, told in json.loads(parent.stdout.readline())]

        yield ends
        parent.stdin.close()


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_while_it_brings_a_decision_loses_and_doubles_nothing(
    databases: Databases, run: Run, step: str
) -> None:
    office = Office(databases.migrated(MIGRATIONS))
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.BLOCK)
    (order,) = office.orders(case_id)
    provider = FakeProvider()
    ((ended, _),) = run(["enact", office.url, provider.url, START_MS, step])
    assert ended == (0 if step == "never" else -signal.SIGKILL)
    ((ended, _),) = run(["enact", office.url, provider.url, START_MS + LEASE_MS, "never"])
    assert ended == 0
    assert list(provider.done) == [order.enactment_id]
    view = office.see(case_id)
    assert [each.state for each in view.enactments] == ["done"]
    assert view.sources[0].hold_state == "blocked"
    assert office.audited(case_id).count("decision.enacted") == 1
    provider.stop()
    office.db.close()


def test_several_processes_never_give_one_case_to_two(databases: Databases, run: Run) -> None:
    office = Office(databases.migrated(MIGRATIONS))
    for number in range(20):
        office.take_in(report(f"account {number}"))
    ends = run(*(["take", office.url, f"staff-{number}"] for number in range(4)))
    assert [status for status, _ in ends] == [0, 0, 0, 0]
    told = [line.split() for _, printed in ends for line in printed.splitlines()]
    assert len(told) == 20
    assert len({case_id for case_id, _ in told}) == 20
    for case_id, name in told:
        assert office.see(case_id).row.assigned_to == name
    office.db.close()


def test_a_process_killed_in_the_midst_of_a_deed_leaves_it_done_or_not_begun(
    databases: Databases, run: Run
) -> None:
    office = Office(databases.migrated(MIGRATIONS))
    ((ended, counted),) = run(["deed", office.url, office.take_in(hold("first")), 0])
    assert ended == 0
    for statement in range(2, int(counted), max(1, int(counted) // 14)):
        case_id = office.take_in(report(f"account {statement}"))
        ((ended, _),) = run(["deed", office.url, case_id, statement])
        assert ended == -signal.SIGKILL
        check_whole(office, case_id)
        finish(office, case_id)
        check_whole(office, case_id)
        assert office.see(case_id).row.state is CaseState.DECIDED
        assert len(office.orders(case_id)) == 1
    office.db.close()


def check_whole(office: Office, case_id: str) -> None:
    """Whatever there is of a case belongs together."""
    view = office.see(case_id)
    actors = {"intake": Actor.INTAKE, "mo": Actor.MODERATOR, "lea": Actor.LEAD}
    moves = [(one.start, one.end, actors[one.who]) for one in view.timeline if one.end]
    assert is_legal(moves)  # type: ignore[arg-type]
    assert moves[-1][1] is view.row.state
    audited = office.audited(case_id)
    decided = view.row.state is CaseState.DECIDED
    assert ("case.decided" in audited) == decided == bool(office.orders(case_id))
    assert ("case.assigned" in audited) == (view.row.state is not CaseState.OPEN)
    assert ("case.referral_proposed" in audited) == bool(view.decisions)
    assert (view.row.proposed_by == "mo") == (bool(view.decisions) and not decided)


def finish(office: Office, case_id: str) -> None:
    """Go on from where the killed process was."""
    view = office.see(case_id)
    if view.row.state is CaseState.DECIDED:
        return
    if view.row.proposed_by is None:
        office.decide(case_id, Outcome.REFER, MO)
    office.desk.second_read(case_id, LEA, True, "agreed")
