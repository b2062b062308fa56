"""Sessions of staff: who is at the browser, for how long.

Guarantees: a token is 256 random bits, and only its SHA-256 is kept; a session ends after
`idle_ms` without a request and after `longest_ms` in any case, by the server's clock; ended at the
server, its token is worth nothing. A change of role, a disabled account or a changed password
counts from the next request on, since each request reads the person anew.
The token against forged requests derives from the session's own, so it is kept nowhere.
Source: OWASP Session Management Cheat Sheet.
"""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from softfall.casework.model import Role
from softfall.casework.rights import StaffRef
from softfall.console.tables import staff, staff_sessions
from softfall.errors import RefusedError, UnavailableError
from softfall.store.transactions import Database

SEEN_EVERY_MS: Final = 60_000  # a session's last use is written down this often at most
SESSION_IN_SCOPE: Final = "softfall.session"  # where a request's scope keeps who is signed in
MAX_SESSIONS: Final = 10  # of one person; the oldest goes


class NotSignedIn(RefusedError):
    """The request shows no session, or one that has ended."""

    remedy = "Log in again."


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. `csrf` is what each request that changes something must carry."""

    row: int
    staff_row: int
    name: str
    role: Role
    theme: str
    must_change: bool
    has_password: bool
    csrf: str

    @property
    def ref(self) -> StaffRef:
        """As casework knows this person."""
        return StaffRef(self.name, self.role)


class Sessions:
    """Opening, finding and ending sessions."""

    def __init__(
        self, db: Database, clock: Callable[[], int], idle_ms: int, longest_ms: int
    ) -> None:
        self._db = db
        self._clock = clock
        self._idle_ms = idle_ms
        self._longest_ms = longest_ms

    def open(self, tx: Connection, staff_row: int, by_password: bool = True) -> str:
        """A new session's token. Without a password, none need be changed first."""
        token, now_ms = new_token(), self._clock()
        kept = (
            select(staff_sessions.c.row)
            .where(staff_sessions.c.staff == staff_row)
            .order_by(staff_sessions.c.row.desc())
            .limit(MAX_SESSIONS - 1)
        )
        tx.execute(
            delete(staff_sessions).where(
                staff_sessions.c.staff == staff_row, staff_sessions.c.row.not_in(kept)
            )
        )
        tx.execute(
            insert(staff_sessions).values(
                token_sha256=digest(token), staff=staff_row,
                created_at_ms=now_ms, seen_at_ms=now_ms,
                by_password=by_password,
            )
        )  # fmt: skip
        return token

    def find(self, token: str) -> Session:
        """Whose session this is. Raises NotSignedIn."""
        now_ms = self._clock()
        with self._db.read() as tx:
            row = tx.execute(
                select(staff_sessions, staff.c.name, staff.c.role, staff.c.theme,
                       staff.c.must_change, staff.c.password, staff.c.disabled_at_ms)
                .join(staff, staff.c.row == staff_sessions.c.staff)
                .where(staff_sessions.c.token_sha256 == digest(token))
            ).one_or_none()  # fmt: skip
        if row is None or row.disabled_at_ms is not None:
            raise NotSignedIn("nobody is signed in here")
        idle = now_ms - row.seen_at_ms >= self._idle_ms
        if idle or now_ms - row.created_at_ms >= self._longest_ms:
            raise NotSignedIn("the session has ended")
        if now_ms - row.seen_at_ms >= min(SEEN_EVERY_MS, self._idle_ms // 4):
            self._seen(row.row, now_ms)
        due = bool(row.must_change and row.by_password)
        return Session(
            row.row, row.staff, row.name, Role(row.role), row.theme, due,
            row.password is not None, csrf_of(token),
        )  # fmt: skip

    def close(self, tx: Connection, session_row: int) -> None:
        """End one session."""
        tx.execute(delete(staff_sessions).where(staff_sessions.c.row == session_row))

    def close_token(self, tx: Connection, token: str) -> None:
        """End the session of this token, if there is one."""
        tx.execute(delete(staff_sessions).where(staff_sessions.c.token_sha256 == digest(token)))

    def close_all(self, tx: Connection, staff_row: int, but: int | None = None) -> None:
        """End all of a person's sessions, but one if so asked."""
        theirs = staff_sessions.c.staff == staff_row
        if but is not None:
            theirs = theirs & (staff_sessions.c.row != but)
        tx.execute(delete(staff_sessions).where(theirs))

    def forget_old(self, tx: Connection) -> None:
        """Delete sessions that have ended by time."""
        now_ms = self._clock()
        tx.execute(
            delete(staff_sessions).where(
                (staff_sessions.c.seen_at_ms <= now_ms - self._idle_ms)
                | (staff_sessions.c.created_at_ms <= now_ms - self._longest_ms)
            )
        )

    def _seen(self, session_row: int, now_ms: int) -> None:
        # A full disk must not stop people from reading; the session only ends earlier then.
        with suppress(UnavailableError), self._db.write() as tx:
            tx.execute(
                update(staff_sessions)
                .where(staff_sessions.c.row == session_row)
                .values(seen_at_ms=now_ms)
            )


def new_token() -> str:
    """256 random bits, as cookies carry them."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def csrf_of(token: str) -> str:
    """The token against forged requests of the session (or log-in page) with this token."""
    return hashlib.sha256(b"softfall csrf\0" + token.encode("utf-8", "surrogatepass")).hexdigest()
