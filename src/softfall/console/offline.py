"""Casework's database opened by whoever has the machine: for the command line, console up or not.

Guarantees: the same offices as the pages use, so the same rules hold and the same lines are
written; what is done here is on record as the operator's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from softfall.casework.database import casework_url, open_casework
from softfall.config import ConsoleSettings
from softfall.console.clock import Clock, system_clock
from softfall.console.passwords import Passwords
from softfall.console.sessions import Sessions
from softfall.console.staff import StaffOffice
from softfall.store.transactions import Database


@dataclass(frozen=True, slots=True)
class Offline:
    """What the command line works with."""

    db: Database
    office: StaffOffice
    clock: Clock


@contextmanager
def opened(settings: ConsoleSettings) -> Iterator[Offline]:
    """The database while the block runs. Raises StoreUnusable."""
    db = open_casework(casework_url(settings))
    try:
        sessions = Sessions(db, system_clock, idle_ms=1, longest_ms=1)
        yield Offline(db, StaffOffice(db, system_clock, sessions, Passwords()), system_clock)
    finally:
        db.close()
