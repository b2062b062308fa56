"""What the keyholder answers the provider: anything but an answer is an outage, never a verdict."""

from collections.abc import Callable

import numpy as np
import pytest

from softfall.options.homomorphic import keyholder, wire
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import BadKeyholderAnswer, Match, NoMatch, Run
from tests.options.homomorphic.parties import SECRET, hash_at
from tests.options.homomorphic.test_servers import BASE, PARTIES, Values, altered, both_modes

BEGUN_CHANGES: dict[str, Callable[[Values], object]] = {
    "values cut": lambda v: v["runs"][0].update(values=v["runs"][0]["values"][:-1]),
    "values added": lambda v: v["runs"][0].update(values=v["runs"][0]["values"] + b"\x00"),
    "opened added": lambda v: v["runs"][0].update(opened=v["runs"][0]["opened"] + b"\x00"),
    "another serial": lambda v: v["runs"][0].update(serial=b"\x00" * 7 + b"\x01"),
    "a serial out of range": lambda v: v["runs"][0].update(serial=b"\xff" * 8),
    "a run less": lambda v: v["runs"].pop(),
    "a run more": lambda v: v["runs"].append(v["runs"][0]),
    "another order": lambda v: v["runs"].reverse(),
}
FINISHED_CHANGES: dict[str, Callable[[Values], object]] = {
    "bits cut": lambda v: v["runs"][0].update(bits=v["runs"][0]["bits"][:-1]),
    "bits added": lambda v: v["runs"][0].update(bits=v["runs"][0]["bits"] + b"\x00"),
    "another serial": BEGUN_CHANGES["another serial"],
    "a run less": BEGUN_CHANGES["a run less"],
    "a run more": BEGUN_CHANGES["a run more"],
    "another order": BEGUN_CHANGES["another order"],
}


def two_runs(mode: Mode) -> tuple[Run, bytes, keyholder.Kept]:
    parties = PARTIES[mode]
    away = hash_at(BASE, 60)
    run, dealt = parties.run_of([parties.send(pdq)[0] for pdq in (BASE, away)])
    begun, kept = keyholder.begin(keyholder.read(run.begin()), parties.hints, dealt, [SECRET])
    return run, begun, kept


@both_modes
@pytest.mark.parametrize("change", BEGUN_CHANGES)
def test_a_first_answer_that_is_not_one_is_an_outage_never_a_verdict(
    mode: Mode, change: str
) -> None:
    run, begun, _ = two_runs(mode)
    with pytest.raises(BadKeyholderAnswer):
        run.go_on(altered(wire.BEGUN, begun, BEGUN_CHANGES[change]))


@both_modes
@pytest.mark.parametrize("change", FINISHED_CHANGES)
def test_a_second_answer_that_is_not_one_is_an_outage_never_a_verdict(
    mode: Mode, change: str
) -> None:
    run, begun, kept = two_runs(mode)
    finish = run.go_on(begun)
    assert finish is not None
    finished = keyholder.finish(finish, kept)
    with pytest.raises(BadKeyholderAnswer):
        run.results(altered(wire.FINISHED, finished, FINISHED_CHANGES[change]))


@both_modes
def test_garbage_in_place_of_either_answer_is_an_outage(mode: Mode) -> None:
    rng = np.random.default_rng(3)
    for size in (0, 1, 100, 10_000):
        run, begun, _ = two_runs(mode)
        with pytest.raises(BadKeyholderAnswer):
            run.go_on(rng.bytes(size))
        assert run.go_on(begun) is not None
        with pytest.raises(BadKeyholderAnswer):
            run.results(rng.bytes(size))
        with pytest.raises(BadKeyholderAnswer):
            run.results(None)


def test_a_match_without_an_entry_contradicts_itself() -> None:
    run, begun, kept = two_runs(Mode.ONE_BIT)
    finish = run.go_on(begun)
    assert finish is not None
    finished = keyholder.finish(finish, kept)
    tag = altered(wire.FINISHED, finished, lambda v: v["runs"][1].update(tag=bytes(16)))
    with pytest.raises(BadKeyholderAnswer):
        run.results(tag)  # the second picture is far from every entry
    told = altered(wire.FINISHED, finished, lambda v: v["runs"][1].update(match=1))
    with pytest.raises(BadKeyholderAnswer):
        run.results(told)  # a bit of the other mode


def test_a_permuted_match_without_an_entry_contradicts_itself() -> None:
    run, begun, kept = two_runs(Mode.PERMUTED)
    finish = run.go_on(begun)
    assert finish is not None
    finished = keyholder.finish(finish, kept)
    with pytest.raises(BadKeyholderAnswer):
        run.results(altered(wire.FINISHED, finished, lambda v: v["runs"][1].update(match=1)))
    assert run.results(finished) == [Match((5,)), NoMatch()]
