"""A device that dies at any step goes on as if it had not: each step is tried, one by one.

The processes of test_killed.py die at random instants; here every transaction (before and after it
is through) and every call to the provider (before and after it took effect) is a place to die.
"""

from collections.abc import Callable
from contextlib import contextmanager

import pytest

from softfall.device.device import Device
from softfall.device.outcomes import Shown
from softfall.device.store import SealedStore

from .conftest import Town
from .pictures import FLOWER, jpeg

PHOTO = jpeg(FLOWER, side=64)


class Died(BaseException):
    """What no handler of the product catches."""


class Fate:
    """Counts the steps of one device and ends it at the chosen one."""

    def __init__(self, town: Town, monkeypatch, name: str) -> None:
        self.steps = 0
        self.last: int | None = None
        self.armed = False
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
        if not self.armed or not mine:
            return
        self.steps += 1
        if self.steps == self.last:
            raise Died


def die(town: Town, name: str) -> Device:
    """What the kernel does for a killed process: connections and locks go, nothing is tidied up."""
    device = town.open.pop(name)
    device._store._engine.dispose()
    device._lock.close()
    town.open[name] = Device.open(town.folder / name, device_key(), parts=town.parts())
    return town.open[name]


def device_key() -> bytes:
    return bytes(range(32))


def run_all(make_town: Callable[[], Town], monkeypatch, name: str, prepare, act, check) -> int:
    """Try `act` with a death at each step; how many steps there were."""
    last = 0
    while True:
        last += 1
        with monkeypatch.context() as patch:
            town = make_town()
            prepare(town)
            town[name]._store.fate = name
            fate = Fate(town, patch, name)
            fate.last, fate.armed = last, True
            try:
                act(town)
            except Died:
                fate.armed = False
                die(town, name)
                check(town, died=True)
            else:
                fate.armed = False
                check(town, died=False)
                town.close()
                return last - 1
            town.close()


@pytest.fixture
def make_town(tmp_path):
    made = []

    def make() -> Town:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(folder)
        return Town(folder)

    return make


def shown(device: Device) -> list[str]:
    return [a.text for a in device.history() if isinstance(a, Shown)]


def settle(town: Town) -> None:
    for _ in range(2):
        for name in list(town.open):
            town[name].sync()


def test_a_sender_that_dies_anywhere_sends_once_or_not_at_all(make_town, monkeypatch):
    def prepare(town: Town) -> None:
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

    assert run_all(make_town, monkeypatch, "ada", prepare, act, check) > 10


def test_a_photographer_of_a_group_that_dies_anywhere_sends_once_or_not_at_all(
    make_town, monkeypatch
):
    def prepare(town: Town) -> None:
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

    assert run_all(make_town, monkeypatch, "ada", prepare, act, check) > 10


def test_a_recipient_that_dies_anywhere_shows_each_message_once(make_town, monkeypatch):
    def prepare(town: Town) -> None:
        town.publish(1)
        town["ben"]
        town["ada"].send_text("ben", "one")
        town["carol"].send_text(["ben", "ada"], "two")
        town["ada"].send_photo("ben", PHOTO, text="three")

    def act(town: Town) -> None:
        town["ben"].sync()

    def check(town: Town, died: bool) -> None:
        settle(town)
        assert shown(town["ben"]) == ["one", "two", "three"]
        town["ben"].send_text("ada", "answer")
        settle(town)
        assert "answer" in shown(town["ada"])

    assert run_all(make_town, monkeypatch, "ben", prepare, act, check) > 10
