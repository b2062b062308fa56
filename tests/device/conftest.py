"""A few people with real devices, and a provider in memory between them."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softfall.config import DeviceSettings
from softfall.device.device import HONEST, Device, Parts
from softfall.device.surroundings import REAL
from softfall.store import database
from softfall.testing.epochs import SmallCustodian
from softfall.testing.provider import InMemoryProvider

from .pictures import CHINA, FLOWER, hash_of, jpeg

KEY = bytes(range(32))


class Clock:
    """Unix milliseconds that tests move; sleeping moves it."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def sleep_seconds(self, seconds: float) -> None:
        self.ms += int(seconds * 1000) + 1


class Town:
    """Devices by name; `town["ada"]` is made and registered when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.custodian = SmallCustodian(self.clock.now_ms)
        self.provider = InMemoryProvider(None, self.clock.now_ms)
        self.open: dict[str, Device] = {}
        self.authority = folder / "ca.crt"
        self.authority.write_text("not used in memory", "ascii")

    def publish(self, number: int, *listed: bytes, days: float = 30) -> None:
        self.provider.epoch = self.custodian.publish(number, listed, days)

    def parts(self, honest: Parts = HONEST) -> Parts:
        around = replace(
            REAL,
            now_ms=self.clock.now_ms,
            monotonic_ms=lambda: float(self.clock.ms),
            sleep_seconds=self.clock.sleep_seconds,
        )
        return replace(honest, connect=self.provider.connect, surroundings=around)

    def join(self, name: str, parts: Parts | None = None, **settings: Any) -> Device:
        device = Device.create(
            self.folder / name,
            KEY,
            name,
            "https://provider.example",
            self.authority,
            self.custodian.public_key,
            DeviceSettings(**settings),
            parts=parts or self.parts(),
        )
        self.open[name] = device
        return device

    def __getitem__(self, name: str) -> Device:
        return self.open.get(name) or self.join(name)

    def restart(self, name: str, parts: Parts | None = None) -> Device:
        self.open.pop(name).close()
        self.open[name] = Device.open(self.folder / name, KEY, parts=parts or self.parts())
        return self.open[name]

    def close(self) -> None:
        for device in self.open.values():
            device.close()
        self.open.clear()

    def copy(self, folder: Path) -> "Town":
        """The same people in the same state, apart from this town; close it first."""
        shutil.copytree(self.folder, folder)
        twin = Town.__new__(Town)
        twin.__dict__.update({**self.__dict__, "folder": folder, "open": {}, "clock": Clock()})
        twin.clock.ms = self.clock.ms
        twin.provider = InMemoryProvider(self.provider.epoch, twin.clock.now_ms)
        for kept in ("members", "files", "passed", "receipt_keys", "vouchers"):
            setattr(twin.provider, kept, deepcopy(getattr(self.provider, kept)))
        for name in self.provider.members:
            twin.open[name] = Device.open(folder / name, KEY, parts=twin.parts())
        return twin


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the disk itself keeps its word is not what these tests ask; transactions are."""
    durable = database._make_durable

    def quick(connection: Any, record: Any) -> None:
        durable(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(database, "_make_durable", quick)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def china():
    return jpeg(CHINA)


@pytest.fixture(scope="session")
def flower():
    return jpeg(FLOWER)


@pytest.fixture
def split(town: Town, china):
    """A town whose service runs `split`, with one harmless photograph on the list."""
    town.publish(1, hash_of(china).bits)
    town["ben"]
    return town
