import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.provider.life import (
    IN_MAILBOX,
    LIFE,
    TIMEOUTS,
    Actor,
    HoldKind,
    Overdue,
    State,
    UnknownTransition,
    is_legal,
    mermaid,
    move,
    overdue,
)

MOVES = list(product([None, *State], State, Actor))


@pytest.mark.parametrize(("start", "end", "actor"), MOVES)
def test_only_what_the_table_says_can_happen(start: State | None, end: State, actor: Actor) -> None:
    row = next((row for row in LIFE if (row.start, row.end) == (start, end)), None)
    if row is not None and actor in row.actors:
        assert move(start, end, actor) is row
    else:
        with pytest.raises(UnknownTransition):
            move(start, end, actor)


def test_nothing_leaves_a_mailbox_again_and_nothing_decided_is_decided_anew() -> None:
    ends = {State.DELIVERED, State.RELEASED, State.BLOCKED, State.EXPIRED}
    assert ends >= IN_MAILBOX
    left = {(row.start, row.end, *row.actors) for row in LIFE if row.start in ends}
    assert left == {(State.BLOCKED, State.RELEASED, Actor.APPEAL)}, "but by an appeal"


def test_the_judge_alone_never_releases_and_the_sender_never_moves_a_hold() -> None:
    released = next(row for row in LIFE if row.end is State.RELEASED)
    assert released.actors == {Actor.MODERATOR, Actor.CLOCK}
    assert all(row.start is None for row in LIFE if Actor.SENDER in row.actors)


@given(st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_every_walk_through_the_table_is_legal_and_a_torn_one_is_not(chance: random.Random) -> None:
    at: State | None = None
    path: list[tuple[State | None, State, Actor]] = []
    while rows := [row for row in LIFE if row.start is at]:
        row = chance.choice(rows)
        path.append((at, row.end, chance.choice(sorted(row.actors))))
        at = row.end
    assert is_legal(path)
    assert not is_legal(path[1:])
    assert not is_legal([*path, path[0]])


def test_only_what_is_unconfirmed_or_unjudged_is_released_by_time() -> None:
    assert [rule.kind for rule in TIMEOUTS] == list(dict.fromkeys(rule.kind for rule in TIMEOUTS))
    released = {kind for kind in HoldKind if overdue(kind).then is Overdue.RELEASE}
    assert released == {HoldKind.CANDIDATE, HoldKind.OUTAGE}


def test_the_diagram_shows_every_move_of_the_table() -> None:
    drawn = mermaid().splitlines()
    assert drawn[0] == "stateDiagram-v2"
    for row in LIFE:
        actors = ", ".join(sorted(row.actors))
        assert f"    {row.start or '[*]'} --> {row.end}: {actors}" in drawn
