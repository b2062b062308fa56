"""Deciding about candidates: with a custodian's own confirmations, and a way there that fails."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from softfall.options.confirm import custodian, dealer, wire
from softfall.options.confirm.custodian import Kept
from softfall.options.confirm.device import make_shares
from softfall.options.confirm.keys import make_keys
from softfall.options.confirm.material import DealtCustodian
from softfall.options.contract import Candidate, Clear, Held, Malformed, ScanSecret, Verdict
from softfall.options.split.provider import SplitProvider
from softfall.provider.confirm_tables import confirm_runs, confirm_stock, metadata
from softfall.provider.confirming import (
    FRESH_STARTS,
    MAX_ENTRIES,
    Confirmer,
    ConfirmUnavailable,
    StaleSerial,
    Step,
    UnlistedEntry,
)
from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.judge import Bench, CannotJudge, decide
from softfall.provider.life import Actor, HoldKind, State
from softfall.provider.stock import KEPT_MS, ConfirmStock
from softfall.store.database import sqlite_url
from softfall.store.transactions import Database

from .cast import Clock
from .split_epoch import SplitEpoch, random_hash

LISTED = random_hash(seed=1)
ENTRIES = {number: random_hash(seed=number) for number in range(1, 30)}
KEYS = make_keys(bytes(32), "split", 1)


class LostReply(Exception):
    """The answer was given, and never came."""


class Keeper:
    """A custodian's halves, which answer the same again for the same; no limits, no disk."""

    def __init__(self) -> None:
        self.halves: dict[int, bytes] = {}
        self.answers: dict[tuple[str, bytes], bytes] = {}
        self.kept: dict[int, bytes] = {}
        self.asked: list[tuple[str, bytes]] = []
        self.fault: Callable[[Step, int], Exception | None] = lambda step, number: None

    def ask(self, step: Step, body: bytes) -> bytes:
        self.asked.append((step, body))
        if (step, body) not in self.answers:
            self.answers[step, body] = self._begin(body) if step == "begin" else self._finish(body)
        fault = self.fault(step, sum(asked == step for asked, _ in self.asked))
        if fault is not None:
            raise fault
        return self.answers[step, body]

    def _begin(self, body: bytes) -> bytes:
        asked = custodian.read(body)
        if asked.entry not in ENTRIES:
            raise UnlistedEntry
        if asked.serial not in self.halves:
            raise StaleSerial
        half = DealtCustodian.decode(self.halves.pop(asked.serial))
        begun, kept = custodian.begin(body, half, KEYS, ENTRIES[asked.entry])
        if kept is not None:
            self.kept[asked.serial] = kept
        return begun

    def _finish(self, body: bytes) -> bytes:
        serial, _ = custodian.read_finish(body)
        return custodian.finish(body, Kept.decode(self.kept.pop(serial)))


class House:
    """A provider's confirmer on a database of its own, and a custodian."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "confirm.db"
        self.clock = Clock()
        self.keeper = Keeper()
        self.serial = 0
        self.open()

    def open(self) -> None:
        """As a service that has just started."""
        self.db = Database(sqlite_url(self.path), CONFIRM_MIGRATIONS)
        self.stock = ConfirmStock(self.db, self.clock)
        self.confirmer = Confirmer(self.stock, self.keeper.ask, pause=lambda seconds: None)

    def restart(self) -> None:
        self.db.close()
        self.open()

    def deal(self, count: int, to_custodian: bool = True, to_provider: bool = True) -> None:
        for _ in range(count):
            self.serial += 1
            dealt = dealer.deal(self.serial, os.urandom)
            if to_provider:
                self.stock.put([(self.serial, dealt.provider)])
            if to_custodian:
                self.keeper.halves[self.serial] = dealt.custodian

    def decide(self, candidate: Candidate) -> Verdict:
        return self.confirmer.decide("split", 1, candidate)

    def count(self, table: Any) -> int:
        with self.db.read() as tx:
            return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def a_candidate(bits: bytes = LISTED, entries: tuple[int, ...] = (1,), key: int = 1) -> Candidate:
    secret = ScanSecret(bytes([key]) * 32, "split", 1)
    made = make_shares(bits, secret, secret.key(bits), KEYS.public)
    return Candidate("candidate", {"entries": list(entries)}, entries, made.body)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.deal(40)
    yield made
    made.db.close()


def test_the_first_entry_within_31_bits_is_named_and_all_are_asked_about(house: House) -> None:
    verdict = house.decide(a_candidate(ENTRIES[3], (2, 3, 4)))
    assert isinstance(verdict, Held)
    assert verdict.evidence == {"entries": [2, 3, 4], "confirmed": True, "entry": 3}
    assert [custodian.read(b).entry for s, b in house.keeper.asked if s == "begin"] == [2, 3, 4]


def test_a_candidate_that_no_entry_is_near_is_clear(house: House) -> None:
    assert isinstance(house.decide(a_candidate(random_hash(99), (1, 2, 3))), Clear)


def asked_entries(house: House) -> list[int]:
    return [custodian.read(body).entry for step, body in house.keeper.asked if step == "begin"]


def test_numbers_that_are_no_entries_hold_nobody_and_the_answer_stays(house: House) -> None:
    candidate = a_candidate(entries=(900, 901))
    assert isinstance(house.decide(candidate), Clear)
    house.restart()
    assert isinstance(house.decide(candidate), Clear)
    assert asked_entries(house) == [900, 901]  # once each: the second time it was known
    with house.db.read() as tx:
        assert (
            tx.execute(select(confirm_runs.c.dealt, confirm_runs.c.begun)).all()
            == [(None, None)] * 2
        )


@pytest.mark.parametrize("bits", [ENTRIES[3], random_hash(99)])
def test_among_numbers_that_are_no_entries_all_are_asked_about_whatever_comes_out(
    house: House, bits: bytes
) -> None:
    verdict = house.decide(a_candidate(bits, (900, 3, 901, 4)))
    assert asked_entries(house) == [900, 3, 901, 4]
    if bits == ENTRIES[3]:
        assert isinstance(verdict, Held)
        assert verdict.evidence["entry"] == 3
    else:
        assert isinstance(verdict, Clear)


def test_no_more_entries_are_asked_about_than_are_allowed(house: House) -> None:
    entries = tuple(range(1, 25))
    assert isinstance(house.decide(a_candidate(random_hash(99), entries)), Clear)
    assert len(house.keeper.asked) == 2 * MAX_ENTRIES


def test_what_was_decided_before_is_not_asked_again_also_after_a_restart(house: House) -> None:
    candidate = a_candidate(ENTRIES[2], (1, 2))
    first = house.decide(candidate)
    house.restart()
    assert house.decide(candidate) == first
    assert len(house.keeper.asked) == 4


@pytest.mark.parametrize("step", ["begin", "finish"])
def test_a_lost_reply_is_asked_for_again_with_the_very_same_message(
    house: House, step: Step
) -> None:
    house.keeper.fault = lambda at, number: LostReply() if at == step and number == 1 else None
    candidate = a_candidate()
    with pytest.raises(LostReply):
        house.decide(candidate)
    house.restart()
    assert isinstance(house.decide(candidate), Held)
    sent = [body for at, body in house.keeper.asked if at == step]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_a_second_first_answer_is_never_worked_with(house: House) -> None:
    """Whoever could have one mask used on two answers would learn of what it hides."""
    house.keeper.fault = lambda at, number: LostReply() if at == "finish" else None
    candidate = a_candidate()
    with pytest.raises(LostReply):
        house.decide(candidate)
    for key, answer in house.keeper.answers.items():
        if key[0] == "begin":
            values = wire.CONFIRM_BEGUN.decode(answer)
            house.keeper.answers[key] = wire.CONFIRM_BEGUN.encode({**values, "masked": bytes(256)})
    house.keeper.fault = lambda at, number: None
    house.restart()
    assert isinstance(house.decide(candidate), Held)
    finishes = {body for at, body in house.keeper.asked if at == "finish"}
    assert len(finishes) == 1


def test_a_serial_that_the_custodian_does_not_know_is_given_up_for_a_fresh_one(
    house: House,
) -> None:
    house.keeper.halves = {
        number: half for number, half in house.keeper.halves.items() if number > 20
    }
    assert isinstance(house.decide(a_candidate()), Held)
    assert house.stock.count() < 20
    assert isinstance(house.decide(a_candidate(key=2)), Held)


def test_a_custodian_that_knows_no_serial_at_all_ends_in_no_verdict(house: House) -> None:
    house.keeper.halves.clear()
    house.deal(300, to_custodian=False)
    with pytest.raises(ConfirmUnavailable):
        house.decide(a_candidate())
    assert 1 < len(house.keeper.asked) <= FRESH_STARTS
    assert house.count(confirm_runs) == 0


def test_without_dealt_material_there_is_no_verdict_and_later_there_is(house: House) -> None:
    with house.db.write() as tx:
        tx.execute(confirm_stock.delete())
    house.keeper.halves.clear()
    with pytest.raises(ConfirmUnavailable, match="no dealt material"):
        house.decide(a_candidate())
    house.deal(1)
    assert isinstance(house.decide(a_candidate()), Held)


def test_material_serves_one_share_and_entry_and_is_gone_once_the_bit_is_known(
    house: House,
) -> None:
    for key in (1, 2, 3):
        house.decide(a_candidate(key=key))
    assert house.stock.count() == 37
    begun = [
        wire.CONFIRM_BEGIN.decode(body)["serial"]
        for at, body in house.keeper.asked
        if at == "begin"
    ]
    assert len(set(begun)) == 3
    with house.db.read() as tx:
        assert (
            tx.execute(select(confirm_runs.c.dealt, confirm_runs.c.begun)).all()
            == [(None, None)] * 3
        )


def test_a_share_that_is_not_the_committed_one_is_malformed(house: House) -> None:
    mine, other = (wire.CONFIRM_SHARES.decode(a_candidate(key=key).shares) for key in (1, 2))
    mixed = wire.CONFIRM_SHARES.encode({**mine, "sealed": other["sealed"]})
    verdict = house.decide(Candidate("candidate", {}, (1,), mixed))
    assert verdict == Malformed("the sealed share is not the committed one")
    assert house.decide(Candidate("candidate", {}, (1,), b"junk")) == Malformed(
        "malformed confirm shares"
    )


def test_an_answer_in_another_form_is_not_kept_and_is_no_verdict(house: House) -> None:
    ask = house.keeper.ask
    house.confirmer = Confirmer(house.stock, lambda step, body: b"junk")
    with pytest.raises(ConfirmUnavailable):
        house.decide(a_candidate())
    house.confirmer = Confirmer(house.stock, ask)
    assert isinstance(house.decide(a_candidate()), Held)


def test_bits_are_forgotten_when_no_living_epoch_can_ask_for_them(house: House) -> None:
    house.decide(a_candidate())
    house.stock.tidy()
    assert house.count(confirm_runs) == 1
    house.clock.now_ms += KEPT_MS + 1
    house.stock.tidy()
    assert house.count(confirm_runs) == 0


def test_spent_material_is_in_no_file(house: House) -> None:
    with house.db.read() as tx:
        dealt = tx.execute(
            select(confirm_stock.c.dealt).order_by(confirm_stock.c.position)
        ).scalar()
    assert isinstance(dealt, bytes)
    seed = wire.DEALT_PROVIDER.decode(dealt)["seed"]
    assert isinstance(seed, bytes)
    files = [house.path, house.path.with_name("confirm.db-wal")]
    assert any(seed in path.read_bytes() for path in files)
    house.decide(a_candidate())
    house.stock.tidy()
    assert not any(seed in path.read_bytes() for path in files)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(house: House) -> None:
    with house.db.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []


def test_a_candidate_is_held_as_confirmed_delivered_or_not_judged_as_confirm_says() -> None:
    epoch = SplitEpoch()
    half = SplitProvider(1, epoch.prepared.artefact)
    listed = epoch.submission(epoch.listed)

    def judged(confirm: Callable[..., Verdict] | None) -> Any:
        bench = Bench(lambda number: half, None, "hold", confirm)  # type: ignore[arg-type]
        return decide(bench, listed, Actor.JUDGE)

    held = judged(lambda *_: Held("confirmed", {"confirmed": True}))
    assert (held.end, held.hold_kind) == (State.HELD, HoldKind.CONFIRMED)
    assert judged(lambda *_: Clear("not confirmed")).end is State.DELIVERED
    assert judged(lambda *_: Malformed("m")).hold_kind is HoldKind.MALFORMED

    def away(*_: object) -> Verdict:
        raise ConfirmUnavailable("no dealt material is left")

    with pytest.raises(CannotJudge, match="no dealt material"):
        judged(away)
    with pytest.raises(CannotJudge, match="nothing here confirms"):
        judged(None)
