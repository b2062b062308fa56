"""A device that dies at any step goes on as if it had not: each step is tried, one by one.

The processes of test_killed.py die at random instants; here every transaction (before and after it
is through) and every call to the provider (before and after it took effect) is a place to die.
"""

from contextlib import contextmanager

import pytest

from softfall.device.device import Device
from softfall.device.outcomes import Shown
from softfall.device.store import SealedStore

from .conftest import KEY, Town
from .pictures import FLOWER, jpeg

# A device dies at each of its writes: minutes on a busy machine.
pytestmark = pytest.mark.timeout(1500)

PHOTO = jpeg(FLOWER, side=64)


class Died(BaseException):
    """What no handler of the product catches."""


class Fate:
    """Counts the steps of one device and ends it at the chosen one."""

    def __init__(self, town: Town, monkeypatch, name: str) -> None:
        self.steps = 0
        self.last: int | None = None
        self.name = name
        real = SealedStore.transaction

        @contextmanager
        def transaction(store):
            outermost = store._open is None
            with real(store):
                yield
                if outermost:
                    self.step(store)
            if outermost:
                self.step(store)

        monkeypatch.setattr(SealedStore, "transaction", transaction)
        town.provider.on_call = lambda account, call, done: self.step(account)

    def step(self, whose) -> None:
        mine = whose == self.name or getattr(whose, "fate", None) == self.name
        if not mine:
            return
        self.steps += 1
        if self.steps == self.last:
            raise Died


def die(town: Town, name: str) -> None:
    """What the kernel does for a killed process: connections and locks go, nothing is tidied up."""
    device = town.open.pop(name)
    device._store._engine.dispose()
    device._lock.close()
    town.open[name] = Device.open(town.folder / name, KEY, parts=town.parts())


def at_every_step(first: Town, tmp_path, monkeypatch, name: str, act, check) -> int:
    """Let `name` die at each step of `act`, each time from the same state; how many there are."""
    first.close()
    last = 0
    while True:
        last += 1
        town = first.copy(tmp_path.parent / f"{tmp_path.name}-{last}")
        with monkeypatch.context() as patch:
            town[name]._store.fate = name
            fate = Fate(town, patch, name)
            fate.last = last
            try:
                act(town)
                died = False
            except Died:
                died = True
        town.provider.on_call = lambda *_: None
        if died:
            die(town, name)
        check(town, died)
        town.close()
        if not died:
            return last - 1


def shown(device: Device) -> list[str]:
    return [a.text for a in device.history() if isinstance(a, Shown)]


def settle(town: Town) -> None:
    for _ in range(2):
        for name in list(town.open):
            town[name].sync()


def test_a_sender_that_dies_anywhere_sends_once_or_not_at_all(town: Town, tmp_path, monkeypatch):
    town["ada"], town["ben"]

    def act(town: Town) -> None:
        town["ada"].send_text("ben", "first")
        town["ada"].send_text("ben", "second")

    def check(town: Town, died: bool) -> None:
        settle(town)
        arrived = shown(town["ben"])
        assert arrived in ([], ["first"], ["first", "second"])
        assert died or arrived == ["first", "second"]
        assert town["ada"].outbox() == []
        town["ada"].send_text("ben", "after")
        town["ben"].send_text("ada", "answer")
        settle(town)
        assert shown(town["ben"]) == [*arrived, "after"]
        assert shown(town["ada"]) == ["answer"]

    assert at_every_step(town, tmp_path, monkeypatch, "ada", act, check) > 10


def test_a_photographer_of_a_group_that_dies_anywhere_sends_once_or_not_at_all(
    town: Town, tmp_path, monkeypatch
):
    town.publish(1)
    for name in ("ada", "ben", "carol"):
        town[name]

    def act(town: Town) -> None:
        town["ada"].send_photo(["ben", "carol"], PHOTO, text="photo")

    def check(town: Town, died: bool) -> None:
        settle(town)
        arrived = shown(town["ben"])
        assert arrived == shown(town["carol"])
        assert arrived in ([], ["photo"])
        assert died or arrived == ["photo"]
        town["ada"].send_text(["ben", "carol"], "after")
        settle(town)
        assert shown(town["ben"]) == shown(town["carol"]) == [*arrived, "after"]

    assert at_every_step(town, tmp_path, monkeypatch, "ada", act, check) > 10


def test_a_recipient_that_dies_anywhere_shows_each_message_once(town: Town, tmp_path, monkeypatch):
    town.publish(1)
    town["ben"]
    town["ada"].send_text("ben", "one")
    town["ada"].send_photo("ben", PHOTO, text="two")

    def act(town: Town) -> None:
        town["ben"].sync()

    def check(town: Town, died: bool) -> None:
        settle(town)
        assert shown(town["ben"]) == ["one", "two"]
        town["ben"].send_text("ada", "answer")
        settle(town)
        assert shown(town["ada"]) == ["answer"]

    assert at_every_step(town, tmp_path, monkeypatch, "ben", act, check) > 10
