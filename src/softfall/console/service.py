"""The console put together: every part made once, on one database.

Guarantees: what is on disk decides what happens at a start; nothing is opened before that.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from softfall.casework.database import casework_url, open_casework
from softfall.config import Settings
from softfall.console.callers import Callers
from softfall.console.login import FrontDoor
from softfall.console.passwords import Passwords
from softfall.console.rounds import Round, Rounds
from softfall.console.sessions import Sessions
from softfall.console.staff import StaffOffice
from softfall.edge.console_tokens import read_console_token
from softfall.edge.logs import Logger, make_logger
from softfall.store.transactions import Database, alive

Clock = Callable[[], int]

_MINUTE_MS = 60_000
_TIDY_SECONDS = 600.0


def system_clock() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Around:
    """What the console is given from outside: time, how passwords are hashed, where to tell."""

    clock: Clock = system_clock
    passwords: Passwords = field(default_factory=Passwords)
    log: Logger = field(default_factory=lambda: make_logger("console"))


class ConsoleService:
    """Everything that the routes use."""

    def __init__(self, settings: Settings, around: Around) -> None:
        console = settings.console
        self.settings = settings
        self.clock = around.clock
        self.log = around.log
        self.provider_token = read_console_token(console.tls_dir)
        self.db: Database = open_casework(casework_url(console))
        idle_ms = round(console.session_idle_minutes * _MINUTE_MS)
        longest_ms = round(console.session_hours * 60 * _MINUTE_MS)
        self.sessions = Sessions(self.db, self.clock, idle_ms, longest_ms)
        self.door = FrontDoor(self.db, self.clock, self.sessions, around.passwords)
        self.office = StaffOffice(self.db, self.clock, self.sessions, around.passwords)
        self.callers = Callers()
        self._rounds = Rounds(self._work(), self.log)

    def health(self) -> dict[str, str | int | bool]:
        """Raises what the database does."""
        alive(self.db)
        return {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs, so does what the console does by itself."""
        self._rounds.start()
        try:
            yield
        finally:
            self._rounds.stop()
            self.db.close()

    def _work(self) -> list[Round]:
        return [Round("tidy sessions", _TIDY_SECONDS, self.door.forget_old)]
