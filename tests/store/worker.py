"""A process of its own on a store: `python -m tests.store.worker URL DEED [NUMBER]`.

It says on standard output how far it is; what it does there is `DEEDS`.
"""

import sys
import time
from pathlib import Path

from sqlalchemy import text

from softfall.store.presence import Presence
from softfall.store.transactions import Database

MIGRATIONS = Path(__file__).parent / "counting"


def open_only(db: Database, _: int) -> None:
    """Be brought up to date."""
    say("open")


def count(db: Database, times: int) -> None:
    """Read, think, and write what was read plus one: lost updates would show."""
    for _ in range(times):
        with db.write() as tx:
            value = tx.execute(text("SELECT value FROM counters")).scalar_one()
            time.sleep(0.001)
            tx.execute(text("UPDATE counters SET value = :value"), {"value": value + 1})
    say("counted")


def linger(db: Database, _: int) -> None:
    """Keep one write, then be in the midst of another until killed."""
    with db.write() as tx:
        tx.execute(text("UPDATE counters SET value = 1"))
    say("kept")
    with db.write() as tx:
        tx.execute(text("UPDATE counters SET value = 2"))
        tx.execute(text("INSERT INTO counters VALUES ('half', 0)"))
        say("in the midst")
        time.sleep(600)


def be(db: Database, number: int) -> None:
    """Be alive under a number until killed."""
    Presence(db, number).living()
    say("here")
    time.sleep(600)


DEEDS = {"be": be, "open": open_only, "count": count, "linger": linger}


def say(what: str) -> None:
    """To whoever started this."""
    print(what, flush=True)


if __name__ == "__main__":
    number = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    DEEDS[sys.argv[2]](Database(sys.argv[1], MIGRATIONS), number)
