"""A stock that fills itself: with what the lists need, and up to where the provider is."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.keyholder.filling import CHASED, PLENTY, Filling
from softfall.keyholder.stock import BATCHES, Kind
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.parameters import Mode
from tests.options.homomorphic.parties import random_hashes

from .house import House
from .street import until

LOW = 4
STRAGGLERS = 6
MOST = STRAGGLERS + BATCHES * LOW


class Pump:
    """A filling whose dealer counts: one serial a call, as the real one hands them out."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder, stock=LOW, stragglers=STRAGGLERS)
        self.numbers = itertools.count(1)
        self.fetched: list[Kind] = []
        room = self.house.room
        self.stock = room._stock
        self.filling = Filling(self.house.settings, self.stock, room.book, room._log, self.fetch)

    def fetch(self, kind: Kind, count: int) -> list[tuple[int, bytes]]:
        self.fetched.append(kind)
        return [(next(self.numbers), b"a half")]

    def count(self) -> int:
        return sum(self.stock.counts().values())


@pytest.fixture
def pump(tmp_path: Path) -> Iterator[Pump]:
    made = Pump(tmp_path)
    made.filling.start()
    yield made
    made.filling.stop()
    made.house.close()


def test_without_a_list_nothing_is_fetched(pump: Pump) -> None:
    assert pump.filling.count() == PLENTY
    assert pump.filling.needed() == set()
    assert pump.fetched == []


def test_it_fills_for_the_list_and_again_when_some_is_used(pump: Pump) -> None:
    pump.house.carry()
    pump.filling.look()
    kind = Kind(Mode.ONE_BIT, capacity_of(pump.house.parties.version.rows))
    assert until(lambda: pump.stock.count(kind) >= LOW)
    with pump.house.room._engine.begin() as tx:
        pump.stock.take(tx, 3)
    pump.filling.look()
    assert until(lambda: pump.stock.newest(kind) > LOW + 1)
    assert set(pump.fetched) == {kind}


def test_for_a_list_that_has_grown_other_material_is_fetched(pump: Pump) -> None:
    pump.house.carry()
    before = pump.filling.needed()
    more = random_hashes(1100, seed=8)
    pump.house.parties.change(added=list(enumerate(more, start=2000)))
    pump.house.carry()
    assert len(pump.filling.needed()) == 2  # the version before still serves what is under way
    pump.filling.look()
    (kind,) = pump.filling.needed() - before
    assert until(lambda: pump.stock.count(kind) >= LOW)


def test_where_the_provider_is_ahead_it_catches_up_and_keeps_no_heap(pump: Pump) -> None:
    pump.house.carry()
    pump.filling.look()
    kind = pump.house.kind
    assert until(lambda: pump.stock.count(kind) >= LOW)
    pump.filling.expect(60, kind.mode, pump.house.parties.version.rows)
    assert until(lambda: pump.stock.newest(kind) >= 60)
    assert not pump.stock.are_to_come([60], kind.mode, pump.house.parties.version.rows)
    assert pump.count() <= MOST
    pump.stock.sweep()
    files = list((pump.house.settings.data_dir / "stock").iterdir())
    assert len(files) <= MOST + 1


def test_a_serial_that_nobody_deals_is_given_up(
    pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softfall.keyholder.filling.EXPECTED_SECONDS", 0.2)
    pump.house.carry()
    pump.filling.expect(CHASED - 1, Mode.ONE_BIT, pump.house.parties.version.rows)
    kind = pump.house.kind
    assert until(lambda: pump.filling.count() >= LOW)  # it counts again, and so stops to fetch
    assert pump.stock.newest(kind) < CHASED - 1


def test_a_serial_far_ahead_is_fetched_for_once_and_throws_nothing_away(pump: Pump) -> None:
    pump.house.carry()
    pump.filling.look()
    kind, rows = pump.house.kind, pump.house.parties.version.rows
    assert until(lambda: pump.stock.count(kind) >= LOW)
    before = pump.stock.newest(kind)
    assert pump.filling.expect(2**62, kind.mode, rows)
    assert until(lambda: pump.stock.newest(kind) > before)
    for ahead in (2**62, 2**40, before + 2 * CHASED):
        assert not pump.filling.expect(ahead, kind.mode, rows)
    assert pump.stock.count(kind) == pump.stock.newest(kind)  # all that ever came is here
    assert pump.stock.newest(kind) <= before + 3  # an answer of the dealer's, or some meanwhile
