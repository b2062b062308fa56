"""The table of a referral's life: it leaves no question open, and no way to send twice."""

from pathlib import Path

import pytest

from softfall.casework.referral.life import (
    ASKING,
    LIFE,
    MOVED_BY_SENDER,
    OUTCOMES,
    WHAT_TO_DO,
    Event,
    State,
    UnknownReferralMove,
    is_known,
    mermaid,
    move,
)

PAGE = Path(__file__).parents[3] / "docs" / "referral.md"


@pytest.mark.parametrize("state", sorted({*ASKING, State.UNSURE, State.RETRACTING}))
def test_every_question_has_a_row_for_every_outcome(state: State) -> None:
    for outcome in OUTCOMES:
        assert is_known(state, outcome), f"{state}, {outcome}"


def test_a_row_is_one_of_a_kind() -> None:
    keys = [(row.start, row.event) for row in LIFE]
    assert len(keys) == len(set(keys))


def test_every_state_but_the_last_can_be_left_and_every_one_is_reached() -> None:
    assert {row.end for row in LIFE} | {State.DRAFT} == set(State)
    assert set(State) - {row.start for row in LIFE} == {State.FINISHED}


def test_nothing_leaves_the_draft_but_by_an_approval() -> None:
    assert [row.event for row in LIFE if row.start is State.DRAFT] == [Event.APPROVED]


def test_only_a_queued_referral_opens_a_report() -> None:
    assert {row.start for row in LIFE if row.end is State.OPENING} == {State.QUEUED}


def test_what_may_be_finished_is_begun_again_only_by_a_person_and_only_once_retracted() -> None:
    """From `finish unsure` no row leads to a new report; from a stop, the way is `retracting`."""
    assert {row.end for row in LIFE if row.start is State.UNSURE} == {
        State.UNSURE,
        State.FINISHED,
        State.STOPPED,
    }
    ends = {row.event: row.end for row in LIFE if row.start is State.STOPPED}
    assert ends == {
        Event.BEGIN_AGAIN: State.RETRACTING,
        Event.WITHDRAW: State.WITHDRAWING,
        Event.MARK_FINISHED: State.FINISHED,
    }


def test_an_uncertain_upload_or_description_is_never_repeated_into_the_same_report() -> None:
    for state in (State.UPLOADING, State.DESCRIBING):
        assert move(state, Event.UNCERTAIN).end is State.RETRACTING


def test_every_stop_tells_a_person_what_to_do() -> None:
    stops = {row.event for row in LIFE if row.end is State.STOPPED}
    assert stops <= WHAT_TO_DO.keys()
    assert all(WHAT_TO_DO[event] for event in stops)


def test_the_sender_moves_whatever_is_not_for_a_person() -> None:
    for_people = {State.DRAFT, State.FINISHED, State.STOPPED, State.WITHDRAWN}
    assert set(State) - for_people == MOVED_BY_SENDER


def test_another_move_is_refused_by_name() -> None:
    with pytest.raises(UnknownReferralMove):
        move(State.FINISHED, Event.SUBMIT)


def test_the_pages_diagram_is_drawn_from_the_table() -> None:
    assert f"```mermaid\n{mermaid()}\n```" in PAGE.read_text("utf-8")
