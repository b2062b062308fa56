import itertools

import pytest

from softfall.casework.life import JOINABLE, LIFE, Actor, CaseMoved, is_legal, mermaid, move
from softfall.casework.model import CaseState

STATES: tuple[CaseState | None, ...] = (None, *CaseState)


def test_every_pair_of_states_is_a_row_of_the_table_or_refused() -> None:
    table = {(row.start, row.end): row for row in LIFE}
    for start, end, actor in itertools.product(STATES, CaseState, Actor):
        row = table.get((start, end))
        if row is not None and actor in row.actors:
            assert move(start, end, actor) is row
        else:
            with pytest.raises(CaseMoved):
                move(start, end, actor)


def test_nothing_but_a_person_decides() -> None:
    deciding = [row for row in LIFE if row.end is CaseState.DECIDED]
    people = {Actor.MODERATOR, Actor.LEAD}
    assert deciding
    assert all(row.actors <= people for row in deciding)


def test_every_state_can_be_reached_and_every_one_leads_to_the_end() -> None:
    ways = {(row.start, row.end) for row in LIFE}
    reached: set[CaseState | None] = {None}
    ending: set[CaseState | None] = {CaseState.CLOSED}
    for _ in STATES:
        reached |= {end for start, end in ways if start in reached}
        ending |= {start for start, end in ways if end in ending}
    assert reached == set(STATES)
    assert ending == set(STATES)


def test_a_decided_case_is_never_open_again() -> None:
    after = {CaseState.DECIDED}
    for _ in STATES:
        after |= {row.end for row in LIFE if row.start in after}
    assert not after & JOINABLE


def test_the_diagram_draws_every_row() -> None:
    drawn = mermaid().splitlines()
    assert drawn[0] == "stateDiagram-v2"
    assert sum("-->" in line for line in drawn) == len(LIFE) + 1
    assert "    in_review --> decided: lead, moderator" in drawn


def test_a_walk_off_the_table_is_not_legal() -> None:
    opened = (None, CaseState.OPEN, Actor.INTAKE)
    assert is_legal([opened])
    assert not is_legal([])
    assert not is_legal([opened, (CaseState.OPEN, CaseState.DECIDED, Actor.MODERATOR)])
    assert not is_legal([opened, (CaseState.IN_REVIEW, CaseState.DECIDED, Actor.MODERATOR)])
