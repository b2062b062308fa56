import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest
from sqlalchemy import select, update

from softfall.errors import UnavailableError
from softfall.options.contract import (
    Candidate,
    Clear,
    Held,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.options.enclave.provider import SealedToAnotherKey
from softfall.options.frames.provider import FramesProvider
from softfall.provider import judge as judge_module
from softfall.provider.judge import MAX_ATTEMPTS, MAX_RECOVERIES, Bench, decide, decision_of
from softfall.provider.keepers import Keepers
from softfall.provider.life import Actor, HoldKind, State
from softfall.provider.relay import CustodianUnavailable
from softfall.provider.service import Ports
from softfall.provider.tables import envelopes
from softfall.store.transactions import StoreBusy
from softfall.wire import Party

from .cast import LISTED, UNLISTED, WORD, Custodian, WordHalf
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
    wrapped = house.service.epochs.half(1)
    assert isinstance(wrapped, FramesProvider)
    half = wrapped.half
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


class Pairs:
    """A half that judges several at once, and remembers how many; `trouble` of one word."""

    name: ClassVar[str] = "split"

    def __init__(self, words: WordHalf, trouble: Exception | None = None) -> None:
        self.words = words
        self.trouble = trouble
        self.lots: list[int] = []
        self.alone = 0
        self.begun, self.gate = threading.Event(), threading.Event()

    def form(self, submission: Submission) -> Malformed | None:
        return self.words.form(submission)

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        self.begun.set()
        self.gate.wait(30)
        self.alone += 1
        return self.words.judge(submission, ports)

    def judge_batch(
        self, submissions: Sequence[Submission], ports: ProviderPorts
    ) -> list[Verdict | UnavailableError]:
        self.lots.append(len(submissions))
        if self.trouble is not None:
            raise self.trouble
        return [self.words.judge(submission, ports) for submission in submissions]


def judged_together(house: House, monkeypatch: pytest.MonkeyPatch, pairs: Pairs) -> list[str]:
    """Six pictures, the first of which is being judged while the others arrive; their ends."""
    epochs = house.service.epochs
    assert epochs is not None
    monkeypatch.setattr(epochs, "half", lambda epoch: pairs)
    ada, _ = house.join("ada"), house.join("ben")
    words = [UNLISTED, LISTED, UNLISTED, LISTED, UNLISTED, LISTED]
    ids = []
    for word in words:
        ids.append(secrets.token_bytes(16))
        submission = {"option": "split", "epoch": 1, "body": word}
        answer = ada.post(ada.media("ben", submission=submission, envelope_id=ids[-1]))
        assert answer.status_code == 202
        until(lambda: len(ids) > 1 or pairs.begun.is_set())
    pairs.gate.set()
    house.settle()
    return [house.life(each)[-1]["end"] for each in ids]


@pytest.fixture
def punctual(open_house: Open) -> Iterator[House]:
    """A provider where media wait for nothing."""
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, delivery_jitter_ms=0) as house:
        yield house


def until(happened: Callable[[], object]) -> None:
    for _ in range(500):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def test_what_is_due_together_is_judged_together_each_by_its_own_verdict(
    punctual: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = Pairs(half_of(punctual))
    ends = judged_together(punctual, monkeypatch, pairs)
    assert ends == ["delivered", "held"] * 3
    assert (pairs.alone, pairs.lots) == (1, [5])


@pytest.mark.usefixtures("impatient")
def test_a_lot_that_fails_is_judged_again_one_by_one(
    punctual: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = Pairs(half_of(punctual), RuntimeError("of one of them"))
    assert judged_together(punctual, monkeypatch, pairs) == ["delivered", "held"] * 3
    assert (pairs.alone, pairs.lots) == (6, [5])


@pytest.mark.usefixtures("impatient")
def test_an_outage_of_the_half_is_told_in_the_hold(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")

    def fail() -> None:
        raise CustodianUnavailable("nobody is there")

    half_of(house).fail = fail
    house.send(ada, ada.media("ben"))
    (hold,) = house.holds()
    assert (hold["kind"], hold["reason"]) == ("outage", "nobody is there, 4 times")


def outage_with(
    open_house: Open, rule: str, error: Exception
) -> tuple[list[str], list[tuple[str, str]]]:
    """A picture that nobody could judge: (end, why) of its last move; and the holds."""
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, custodian_outage_rule=rule) as house:
        ada, ben = house.join("ada"), house.join("ben")

        def fail() -> None:
            raise error

        half_of(house).fail = fail
        house.send(ada, ada.media("ben"))
        ends = [house.life(each["receipt"]["envelope_id"])[-1]["why"] for each in ben.mailbox()]
        return ends, [(hold["kind"], hold["reason"]) for hold in house.holds()]


@pytest.mark.usefixtures("impatient")
def test_where_the_rule_is_to_deliver_what_an_outage_left_unjudged_is_delivered_and_says_why(
    open_house: Open,
) -> None:
    delivered, holds = outage_with(open_house, "deliver", CustodianUnavailable("nobody is there"))
    assert delivered == ["unchecked: nobody is there, 4 times"]
    assert holds == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "error",
    [RuntimeError("a fault"), StoreBusy("another writer"), SealedToAnotherKey("another key")],
    ids=repr,
)
def test_no_rule_delivers_what_a_fault_or_the_picture_itself_left_unjudged(
    open_house: Open, error: Exception
) -> None:
    delivered, holds = outage_with(open_house, "deliver", error)
    assert delivered == []
    assert [kind for kind, _ in holds] == ["outage"]


@pytest.mark.usefixtures("impatient")
def test_no_rule_delivers_a_submission_whose_epoch_is_gone(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, custodian_outage_rule="deliver") as house:
        ada, ben = house.join("ada"), house.join("ben")
        house.service.judge.stop()
        assert ada.post(ada.media("ben")).status_code == 202
        assert house.service.epochs is not None
        monkeypatch.setattr(house.service.epochs, "half", lambda epoch: None)
        restarted(house)
        assert [hold["kind"] for hold in house.holds()] == ["outage"]
        assert ben.mailbox() == []
