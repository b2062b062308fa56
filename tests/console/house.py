"""A console in this process: its clock at hand, its staff made in a moment, no rounds by itself."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx import Response

from softfall.audit.chain import Line
from softfall.audit.trail import read
from softfall.casework.model import Role
from softfall.config import ConsoleSettings, Settings
from softfall.console.app import make
from softfall.console.passwords import Passwords
from softfall.console.service import Around, ConsoleService
from softfall.edge.logs import make_logger

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

PASSWORD = "quiet rivers run deep"
ORIGIN = "https://console"
START_MS = 1_760_000_000_000
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Clock:
    """Stands until it is told otherwise."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def pass_minutes(self, minutes: float) -> None:
        self.now_ms += round(minutes * 60_000)


def cheap() -> PasswordHasher:
    """Parameters for tests alone: what is tested is who gets in, not how long it takes."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Browser:
    """A browser: keeps cookies, says where its requests come from, reads the page's token."""

    def __init__(self, app: FastAPI) -> None:
        self.http = TestClient(app, base_url=ORIGIN, follow_redirects=False)
        self.headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}

    def get(self, path: str, **more: Any) -> Response:
        return self.http.get(path, headers=self.headers, **more)

    def csrf(self, path: str = "/password") -> str:
        found = _CSRF.search(self.get(path).text)
        assert found, f"{path} has no form"
        return found[1]

    def post(self, path: str, data: dict[str, str] | None = None, page: str = "") -> Response:
        token = self.csrf(page or "/password")
        return self.http.post(path, data={**(data or {}), "csrf": token}, headers=self.headers)

    def log_in(self, name: str, password: str = PASSWORD) -> Response:
        return self.post("/login", {"name": name, "password": password}, page="/login")


class House:
    """A running console and everything around it."""

    def __init__(self, app: FastAPI, clock: Clock, log: io.StringIO) -> None:
        self.app = app
        self.clock = clock
        self.log = log

    @property
    def service(self) -> ConsoleService:
        service: ConsoleService = self.app.state.service
        return service

    def add(self, name: str, role: Role) -> None:
        self.service.office.add("operator", name, role, PASSWORD)

    def browser(self) -> Browser:
        return Browser(self.app)

    def person(self, role: Role, name: str = "") -> Browser:
        """Somebody new with this role, logged in."""
        name = name or f"{role}-{len(self.service.office.members())}"
        self.add(name, role)
        browser = self.browser()
        assert browser.log_in(name).status_code == 303
        return browser

    def lines(self, action: str | None = None) -> list[Line]:
        with self.service.db.read() as tx:
            return read(tx, action=action)


@contextmanager
def console(folder: Path, tls_dir: Path, database_url: str = "", **changes: Any) -> Iterator[House]:
    """A console on this folder; `changes` are of its [console] settings."""
    clock, log = Clock(), io.StringIO()
    oidc = changes.pop("oidc", None)
    sections = {
        name: changes.pop(name) for name in ("casework", "referral", "hotline") if name in changes
    }
    settings = Settings.model_construct(
        console=ConsoleSettings(
            data_dir=folder, tls_dir=tls_dir, database_url=database_url,
            requests_per_minute=100_000, **changes,
        ),
        **sections,
    )  # fmt: skip
    around = Around(
        clock=clock,
        passwords=Passwords(cheap()),
        log=make_logger("console", log),
        oidc=oidc,
        rounds=False,
    )
    app = make(settings, around)
    with TestClient(app, base_url=ORIGIN):
        yield House(app, clock, log)
