"""Working in company: several provider processes on one database, each hearing of the others' work.

Guarantees: whoever waits here for their mailbox is woken within about `LOOK_SECONDS` when another
process fills it; what a process that ended left unjudged is taken up within about `SWEEP_SECONDS`.
A round that fails changes nothing and is tried again; each change of fortune is logged once.
Why a short look and not LISTEN and NOTIFY: the driver hears of a notification only when it asks
the server anyway, and a connection that broke would lose them silently. A look is one lookup in an
index, left out while nobody waits; docs/operations.md says what it costs.
Moves of envelopes become visible in the order of their numbers: there is one writer at a time.
"""

import threading
import time

from sqlalchemy import func, select

from softfall.edge.logs import Logger, failure
from softfall.provider.bell import Bell
from softfall.provider.judge import Judge
from softfall.provider.tables import mailboxes, transitions
from softfall.store.transactions import Database

LOOK_SECONDS = 0.1
SWEEP_SECONDS = 2.0


class Company:
    """One thread that looks around. For a database that others may share."""

    def __init__(self, db: Database, judge: Judge, bell: Bell, log: Logger) -> None:
        self._db = db
        self._judge = judge
        self._bell = bell
        self._log = log
        self._seen: int | None = None
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="company", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Ring for every mailbox that was filled since the last look, by whichever process.

        Raises StoreAway, StoreBusy.
        """
        if not self._bell.is_heard:
            self._seen = None
            return
        with self._db.read() as tx:
            newest = int(tx.execute(select(func.max(transitions.c.row))).scalar() or 0)
            if newest == self._seen:
                return
            filled = (
                select(mailboxes.c.account)
                .join(transitions, transitions.c.envelope == mailboxes.c.envelope)
                .where(transitions.c.row > (self._seen or 0))
                .distinct()
            )
            # Whoever began to wait before the first look may have missed a ring: wake them all.
            grown = None if self._seen is None else tx.execute(filled).scalars().all()
        self._seen = newest
        if grown is None:
            self._bell.ring_all()
        else:
            self._bell.ring(grown)

    def _run(self) -> None:
        sweep_at = time.monotonic() + SWEEP_SECONDS
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
                if time.monotonic() >= sweep_at:
                    self._judge.take_up()
                    sweep_at = time.monotonic() + SWEEP_SECONDS
                self._trouble = ""
            except Exception as error:  # the server may be away: the next round tries again
                if self._trouble != type(error).__name__:
                    self._trouble = type(error).__name__
                    self._log.warning("nothing is heard of others", **failure(error))
