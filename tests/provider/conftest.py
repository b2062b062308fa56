"""One provider in this process, its custodian a fake behind the same port."""

import io
import logging
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from softfall.config import ProviderSettings
from softfall.edge.logs import make_logger
from softfall.provider.app import make
from softfall.provider.database import MIGRATIONS
from softfall.provider.handover import Console
from softfall.provider.options import OfferedOption
from softfall.provider.service import Service
from tests.databases import Databases

from .cast import WORDS, App, Clock, Custodian, no_wait, register

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

STAFF = "a staff token"

# What is tested here is not in the database, or others use the same of it: SQLite will do.
ON_SQLITE = {
    f"tests.provider.test_{name}"
    for name in ("accounts", "logs", "mirror", "nothing_before", "outage", "surface_routes")
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the second run, on PostgreSQL, of the modules above."""
    items[:] = [item for item in items if not _is_second_run_too_many(item)]


def _is_second_run_too_many(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or item.module.__name__ not in ON_SQLITE:
        return False
    told = getattr(item, "callspec", None)
    return told is not None and told.params.get("databases") == "postgresql"


class House:
    """A running provider and everything around it."""

    def __init__(
        self, http: TestClient, clock: Clock, custodian: Custodian, log: io.StringIO
    ) -> None:
        self.http = http
        self.clock = clock
        self.custodian = custodian
        self.log = log

    @property
    def service(self) -> Service:
        service: Service = self.http.app.state.service  # type: ignore[attr-defined]
        return service

    def join(self, name: str) -> App:
        return register(self.http, name, self.clock)

    def settle(self) -> None:
        assert self.service.judge.settle()

    def send(self, app: App, body: bytes) -> None:
        answer = app.post(body)
        told = (answer.status_code, answer.json())
        assert told == (202, {"accepted": True}), self.log.getvalue()
        self.settle()

    def staff(self, method: str, path: str, **more: Any) -> Any:
        return self.http.request(method, path, headers={"authorization": f"Bearer {STAFF}"}, **more)

    def holds(self) -> list[dict[str, Any]]:
        return list(self.staff("GET", "/v1/staff/holds").json()["holds"])

    def life(self, envelope_id: bytes) -> list[dict[str, Any]]:
        answer = self.staff("GET", f"/v1/staff/envelopes/{envelope_id.hex()}/life")
        return list(answer.json()["moves"])


Open = Callable[..., Any]


@pytest.fixture
def open_house(tmp_path: Path, databases: Databases) -> Open:
    """Start a provider on this test's folder: `with open_house(option="none") as house`.

    The test runs twice: on SQLite, as a first start makes it, and on PostgreSQL.
    """
    (tmp_path / "provider").mkdir(mode=0o700)
    url = databases.migrated(MIGRATIONS)
    where = {"database_url": url}
    if databases.kind == "sqlite":
        shutil.copyfile(make_url(url).database or "", tmp_path / "provider" / "provider.db")
        where = {}

    @contextmanager
    def opening(
        custodian: Custodian | None = None,
        clock: Clock | None = None,
        offered: OfferedOption | None = None,
        console: Console | None = None,
        **changes: Any,
    ) -> Iterator[House]:
        around = custodian or Custodian()
        now = clock or Clock()
        log = io.StringIO()
        defaults = {"data_dir": tmp_path / "provider", "staff_token": STAFF, **where}
        settings = ProviderSettings(**{**defaults, **changes})
        app = make(
            settings,
            clock=now,
            randomness=no_wait(),
            custodian=around.client(),
            option=offered or (WORDS if settings.option == "split" else None),
            console=console,
            log=make_logger("provider", log),
        )
        with TestClient(app, base_url="https://provider") as http:
            house = House(http, now, around, log)
            if around.manifest and settings.option == "split":
                wait_for_epoch(house)
            yield house

    return opening


def wait_for_epoch(house: House) -> None:
    assert house.service.epochs is not None
    for _ in range(3000):
        if house.service.epochs.current is not None:
            return
        time.sleep(0.01)
    raise AssertionError(f"no epoch came: {house.log.getvalue()}")


@pytest.fixture
def house(open_house: Open) -> Iterator[House]:
    """A provider with a list of one word."""
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)
