"""What the keyholder answers: each serial once, each query a few times, whatever is killed."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event

from softfall.keyholder.lists import EpochNotHere, HintsMissing, WrongListVersion
from softfall.keyholder.runs import (
    NotWrittenDown,
    RunExpired,
    RunUnknown,
    TooManyRuns,
)
from softfall.keyholder.stock import MaterialSpent, MaterialUnknown
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.keyholder import OtherMaterial
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Match, Mismatched, NoMatch, Spent
from softfall.wire import MalformedMessage, Value
from tests.options.homomorphic.parties import changed, hash_at, random_hashes

from .house import LISTED, House

UNLISTED = random_hashes(1, seed=99)[0]
SECOND_MS = 1000


@pytest.mark.parametrize("mode", list(Mode))
def test_a_listed_picture_matches_and_another_does_not(tmp_path: Path, mode: Mode) -> None:
    house = House(tmp_path, mode)
    house.carry()
    house.fill()
    near = house.submit(hash_at(LISTED[5], 31), "near")
    far = house.submit(hash_at(LISTED[5], 32), "far")
    assert house.outcomes(near, far) == [Match((5,)), NoMatch()]
    house.close()


def test_it_goes_on_with_the_next_list_version_and_still_answers_by_the_one_before(
    house: House,
) -> None:
    run = house.run(house.submit(LISTED[7]))
    begin = run.begin()
    house.parties.change(added=[(1001, UNLISTED)], withdrawn=[7])
    house.carry()
    house.fill()
    finish = run.go_on(house.begin(begin))
    assert finish is not None
    assert run.results(house.room.runs.finish(finish)) == [Match((7,))]
    found = house.outcomes(house.submit(UNLISTED, "new"), house.submit(LISTED[7], "old"))
    assert found == [Match((1001,)), NoMatch()]


def test_a_serial_is_used_once_also_after_a_restart(house: House) -> None:
    begin = house.run(house.submit(UNLISTED)).begin()
    house.begin(begin)
    for room in (house.room, house.open()):
        with pytest.raises(MaterialSpent):
            room.runs.begin(*room.runs.asked(begin))


def test_a_serial_that_never_came_is_told_apart(house: House) -> None:
    house.dealer.deal(house.kind)
    run = house.run(house.submit(UNLISTED), serials=[5])
    begin = run.begin()
    assert house.room.runs.awaits_material(*house.room.runs.asked(begin))
    with pytest.raises(MaterialUnknown):
        house.begin(begin)


def test_one_spent_serial_in_a_batch_spends_none_of_the_others(house: House) -> None:
    house.begin(house.run(house.submit(UNLISTED), serials=[2]).begin())
    run = house.run(house.submit(UNLISTED, "a"), house.submit(UNLISTED, "b"), serials=[1, 3])
    values = wire.decode(wire.BEGIN, run.begin())
    runs = wire.nested(values, "runs")
    runs[1]["serial"] = wire.serial_bytes(2)
    begin = wire.BEGIN.encode({**values, "runs": list[Value](runs)})
    with pytest.raises(MaterialSpent):
        house.begin(begin)
    assert house.room._stock.counts() == {house.kind: 3}


def test_a_query_is_answered_about_a_few_times_in_its_epoch_also_after_a_restart(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, runs_per_query=2)
    house.carry()
    house.fill(8)
    again = house.submit(UNLISTED)
    house.outcomes(again)
    house.outcomes(again)
    house.close()
    house.room = house.open()
    others = house.submit(UNLISTED, "another"), house.submit(LISTED[3], "a third")
    for _ in range(2):  # being told so does not count as a run
        assert house.outcomes(others[0], again, others[1]) == [NoMatch(), Spent(), Match((3,))]
    assert house.room._stock.counts() == {}  # its serials were spent as well
    assert house.room.runs.waiting() == 0
    house.close()


def test_a_batch_may_not_name_a_query_more_often_than_it_is_answered_about(tmp_path: Path) -> None:
    house = House(tmp_path, runs_per_query=2)
    house.carry()
    house.fill(5)
    again = house.submit(UNLISTED)
    assert house.outcomes(again, again, again) == [NoMatch(), NoMatch(), Spent()]
    assert house.outcomes(again) == [Spent()]
    house.close()


def test_a_second_question_is_answered_once_and_after_a_restart_not_at_all(house: House) -> None:
    run = house.run(house.submit(UNLISTED, "a"))
    finish = run.go_on(house.begin(run.begin()))
    assert finish is not None
    with pytest.raises(RunUnknown):
        house.open().runs.finish(finish)
    house.room.runs.finish(finish)
    with pytest.raises(RunUnknown):
        house.room.runs.finish(finish)
    assert house.outcomes(house.submit(UNLISTED, "anew")) == [NoMatch()]


def test_a_late_second_question_is_refused_by_name(house: House) -> None:
    run = house.run(house.submit(UNLISTED))
    finish = run.go_on(house.begin(run.begin()))
    assert finish is not None
    house.steady_ms += 31 * SECOND_MS
    with pytest.raises(RunExpired):
        house.room.runs.finish(finish)
    with pytest.raises(RunUnknown):
        house.room.runs.finish(finish)


def test_what_nobody_finishes_is_forgotten(house: House) -> None:
    house.begin(house.run(house.submit(UNLISTED)).begin())
    assert house.room.runs.waiting() == 1
    house.steady_ms += 121 * SECOND_MS
    house.room.runs.tidy()
    assert house.room.runs.waiting() == 0


def test_no_more_runs_wait_than_are_allowed_and_late_ones_make_room(tmp_path: Path) -> None:
    house = House(tmp_path, runs_at_once=1)
    house.carry()
    house.fill()
    house.begin(house.run(house.submit(UNLISTED, "a")).begin())
    second = house.run(house.submit(UNLISTED, "b")).begin()
    with pytest.raises(TooManyRuns) as refused:
        house.begin(second)
    assert refused.value.retry_after_seconds == 1
    house.steady_ms += 31 * SECOND_MS
    house.begin(second)  # its serial was not spent with the refusal
    assert house.room.runs.waiting() == 1
    house.close()


def test_other_serials_than_those_that_go_on_finish_nothing(house: House) -> None:
    run = house.run(house.submit(UNLISTED, "a"), house.submit(UNLISTED, "b"))
    finish = run.go_on(house.begin(run.begin()))
    assert finish is not None
    values = wire.decode(wire.FINISH, finish)
    only = wire.FINISH.encode({**values, "runs": list[Value](wire.nested(values, "runs")[:1])})
    with pytest.raises(OtherMaterial):
        house.room.runs.finish(only)
    house.room.runs.finish(finish)


def test_a_capsule_that_opens_otherwise_is_a_mismatch_and_leaves_nothing_behind(
    house: House,
) -> None:
    other = wire.octets(wire.decode(wire.QUERY, house.submit(UNLISTED, "b").body), "capsule")
    wrong = changed(house.submit(UNLISTED, "a"), capsule=other)
    assert house.outcomes(wrong) == [Mismatched()]
    assert house.room.runs.waiting() == 0


def test_what_is_of_another_list_or_form_spends_nothing(house: House) -> None:
    begin = house.run(house.submit(UNLISTED)).begin()
    values = wire.decode(wire.BEGIN, begin)
    short = wire.nested(values, "runs")
    short[0]["masked"] = b"abc"
    changes: list[tuple[dict[str, Value], type[Exception]]] = [
        ({"epoch": 8}, EpochNotHere),
        ({"list_version": 1}, WrongListVersion),
        ({"runs": list[Value](short)}, MalformedMessage),
    ]
    for change, refusal in changes:
        with pytest.raises(refusal):
            house.begin(wire.BEGIN.encode({**values, **change}))
    with pytest.raises(MalformedMessage):
        house.begin(begin[:-1])
    house.begin(begin)


def test_without_its_hints_a_list_answers_nothing(bare: House) -> None:
    bare.room.book.take(bare.carried())
    bare.fill()
    with pytest.raises(HintsMissing):
        bare.outcomes(bare.submit(UNLISTED))


def test_an_ended_epoch_answers_nothing(house: House) -> None:
    begin = house.run(house.submit(UNLISTED)).begin()
    house.now_ms *= 2
    with pytest.raises(EpochNotHere):
        house.begin(begin)
    assert house.room.tidy() == [7]
    with pytest.raises(EpochNotHere):
        house.begin(begin)


def test_where_the_disk_is_full_nothing_is_answered_and_nothing_spent(house: House) -> None:
    begin = house.run(house.submit(UNLISTED)).begin()

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    engine = house.room._engine
    event.listen(engine, "do_execute", full)
    asked, hints = house.room.runs.asked(begin)
    with pytest.raises(NotWrittenDown, match="full"):
        house.room.runs.begin(asked, hints)
    event.remove(engine, "do_execute", full)
    house.begin(begin)
