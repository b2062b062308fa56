import random
from typing import Any

import pytest
from sqlalchemy import select, update

from softfall.options.contract import (
    Candidate,
    Clear,
    Held,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.provider import judge as judge_module
from softfall.provider.judge import MAX_ATTEMPTS, MAX_RECOVERIES, Bench, decide, decision_of
from softfall.provider.keepers import Keepers
from softfall.provider.life import Actor, HoldKind, State
from softfall.provider.relay import CustodianUnavailable
from softfall.provider.service import Ports
from softfall.provider.tables import envelopes
from softfall.wire import Party

from .cast import LISTED, WORD, Custodian, WordHalf
from .conftest import House, Open

VERDICTS: list[tuple[Verdict, State, HoldKind | None]] = [
    (Clear("c"), State.DELIVERED, None),
    (Candidate("c", {"entries": [1]}, (1,), b"shares"), State.HELD, HoldKind.CANDIDATE),
    (Held("h", {"entries": [1]}), State.HELD, HoldKind.CANDIDATE),
    (Held("h", {"confirmed": True}), State.HELD, HoldKind.CONFIRMED),
    (Held("h", {"confirmed": 1}), State.HELD, HoldKind.CANDIDATE),
    (Malformed("m"), State.HELD, HoldKind.MALFORMED),
]


@pytest.mark.parametrize(("verdict", "end", "kind"), VERDICTS)
def test_a_verdict_becomes_a_move_with_its_reason(
    verdict: Verdict, end: State, kind: HoldKind | None
) -> None:
    decision = decision_of(verdict, Actor.JUDGE)
    assert (decision.end, decision.hold_kind) == (end, kind)
    assert decision.why == verdict.reason


@pytest.mark.parametrize(("rule", "end"), [("hold", State.HELD), ("deliver", State.DELIVERED)])
def test_the_outage_rule_is_the_only_judge_of_an_outage(rule: Any, end: State) -> None:
    def nobody(epoch: int) -> None:
        raise AssertionError("asked")

    bench = Bench(nobody, Ports(None, None), rule)  # type: ignore[arg-type]
    assert decide(bench, Submission("outage", 1, b""), Actor.JUDGE).end is end


def half_of(house: House) -> WordHalf:
    assert house.service.epochs is not None
    half = house.service.epochs.half(1)
    assert isinstance(half, WordHalf)
    return half


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "RETRY_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(judge_module, "STORE_RETRY_SECONDS", 0.02)


@pytest.mark.usefixtures("impatient")
def test_a_judge_that_fails_for_a_while_is_asked_again(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    faults = [RuntimeError("with words of a secret")] * (MAX_ATTEMPTS - 1)

    def fail() -> None:
        if faults:
            raise faults.pop()

    half_of(house).fail = fail
    house.send(ada, ada.media("ben"))
    assert len(ben.mailbox()) == 1
    assert house.log.getvalue().count("judging failed") == MAX_ATTEMPTS - 1
    assert "secret" not in house.log.getvalue()


@pytest.mark.usefixtures("impatient")
def test_a_judge_that_fails_for_good_holds_and_never_delivers(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")

    def fail() -> None:
        raise MemoryError

    half_of(house).fail = fail
    house.send(ada, ada.media("ben"))
    house.send(ada, ada.text("ben"))
    assert [d["receipt"]["option"] for d in ben.mailbox()] == [""]
    (hold,) = house.holds()
    assert (hold["kind"], hold["reason"]) == ("outage", "judging failed, 4 times")


@pytest.mark.usefixtures("impatient")
def test_a_submission_whose_epoch_is_gone_is_held_and_not_guessed(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    epochs = house.service.epochs
    assert epochs is not None
    house.service.judge.stop()
    assert ada.post(ada.media("ben")).status_code == 202
    epochs._loaded = ()
    restarted(house)
    (hold,) = house.holds()
    assert (hold["kind"], hold["reason"]) == ("outage", "its list epoch is no longer here, 4 times")
    assert ben.mailbox() == []


def restarted(house: House) -> None:
    """A new judge on the same database, as after a kill."""
    service = house.service
    old = service.judge
    service.judge = judge_module.Judge(
        service.db, old._bench, service.bell, service.clock, service.figures, old._log, 0,
        random.Random(1), old._outbox, Keepers(service.db, 2),
    )  # fmt: skip
    service.desk._judge = service.judge
    service.judge.start()
    house.settle()


def test_what_a_kill_left_unjudged_is_judged_after_the_restart(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    house.service.judge.stop()
    bodies = [ada.text("ben"), ada.media("ben"), ada.media("ben", word=LISTED)]
    assert [ada.post(body).status_code for body in bodies] == [202] * 3
    assert ben.mailbox() == []
    restarted(house)
    assert len(ben.mailbox()) == 2
    assert len(house.holds()) == 1
    for envelope in ben.mailbox():
        life = house.life(envelope["receipt"]["envelope_id"])
        assert [move["who"] for move in life] == ["sender", "recovery"]


def test_an_envelope_that_brings_the_service_down_each_time_is_held_unjudged(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    house.service.judge.stop()
    assert ada.post(ada.media("ben")).status_code == 202
    with house.service.db.write() as tx:
        tx.execute(update(envelopes).values(recoveries=MAX_RECOVERIES))
    restarted(house)
    assert ben.mailbox() == []
    (hold,) = house.holds()
    assert hold["kind"] == "outage"
    assert hold["reason"] == f"unjudged after {MAX_RECOVERIES} restarts"


@pytest.mark.usefixtures("impatient")
def test_while_the_store_fails_an_envelope_stays_where_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    real, failures = judge_module.move, [OSError(5, "a disk fault")] * 5

    def move(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*args)

    monkeypatch.setattr(judge_module, "move", move)
    house.send(ada, ada.media("ben", word=LISTED))
    house.send(ada, ada.text("ben"))
    assert len(ben.mailbox()) == 1
    assert [hold["kind"] for hold in house.holds()] == ["candidate"]


def test_text_does_not_wait_for_media(open_house: Open) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, delivery_jitter_ms=3_600_000) as house:
        ada, ben = house.join("ada"), house.join("ben")
        assert ada.post(ada.media("ben")).status_code == 202
        assert ada.post(ada.text("ben")).status_code == 202
        assert house.service.judge._lanes[False].settle(30)
        assert [d["receipt"]["option"] for d in ben.mailbox()] == [""]
        with house.service.db.read() as tx:
            states = sorted(tx.execute(select(envelopes.c.state)).scalars())
        assert states == [State.DELIVERED, State.RECEIVED]


def test_a_judge_reaches_the_custodian_and_nobody_else(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    said = house.custodian.answer = WORD.encode({"epoch": 1, "word": b"said"})
    heard: list[object] = []

    def judge(submission: Submission, ports: ProviderPorts) -> Verdict:
        heard.append(ports.ask(Party.CUSTODIAN, b"a question"))
        with pytest.raises(CustodianUnavailable):
            ports.ask(Party.DEVICE, b"a question")
        return Clear("asked")

    half_of(house).judge = judge  # type: ignore[method-assign]
    house.send(ada, ada.media("ben"))
    assert heard == [said]
    assert len(ben.mailbox()) == 1
