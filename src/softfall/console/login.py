"""Logging in and out, and changing one's own password.

Guarantees: an unknown name, a disabled account, an account without a password and a wrong password
are one answer (`LoginRefused`), after the same work; failures are limited by `lockout`; a log-in
gets a new session, whatever session the browser showed; a hash made with older parameters is made
anew; a changed password ends the person's other sessions. Each is a line in the audit log; what was
typed for a name that is nobody's is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from softfall.audit.trail import append
from softfall.casework.model import SYSTEM
from softfall.console import lockout
from softfall.console.lockout import Counted
from softfall.console.passwords import Passwords
from softfall.console.sessions import Session, Sessions, digest, new_token
from softfall.console.staff_names import UNKNOWN
from softfall.console.tables import known_browsers, staff
from softfall.errors import RefusedError
from softfall.store.transactions import Database

BROWSER_DAYS: Final = 90
_DAY_MS: Final = 86_400_000


class LoginRefused(RefusedError):
    """Name and password do not belong together, or the account is not in use."""

    remedy = "Check name and password; an administrator can reset the password."


class SubjectUnknown(RefusedError):
    """The organisation's account is nobody's on the staff, or of somebody who was disabled."""

    remedy = "Ask an administrator to link it: `softfall staff link`, or the page Staff."


class WrongPassword(RefusedError):
    """The present password that was given is not the account's."""

    remedy = "Type the password that you logged in with; an administrator can reset it."


@dataclass(frozen=True, slots=True)
class Entered:
    """A log-in that succeeded: the session's token, and the browser's for next time (or none)."""

    name: str
    token: str
    browser: str


class FrontDoor:
    """Who lets staff in and out."""

    def __init__(
        self, db: Database, clock: Callable[[], int], sessions: Sessions, passwords: Passwords
    ) -> None:
        self._db = db
        self._clock = clock
        self._sessions = sessions
        self._passwords = passwords

    def log_in(
        self, name: str, password: str, address: str, browser: str, before: str = ""
    ) -> Entered:
        """Let somebody in. browser, before: tokens that the browser showed, or empty.

        Raises LoginRefused, TooManyFailures.
        """
        name = name.strip().lower()
        with self._db.write() as tx:
            row = self._enabled(tx, staff.c.name == name)
            counted = self._counted(tx, row, name, address, browser)
            locks = lockout.count(tx, counted, self._clock())
        if not self._passwords.fits(row.password if row else None, password) or row is None:
            self._tell_failure(row, locks)
            raise LoginRefused("this name and this password let nobody in")
        again = self._passwords.again(password) if self._passwords.outdated(row.password) else ""
        with self._db.write() as tx:
            if self._enabled(tx, staff.c.row == row.row, row.password) is None:
                raise LoginRefused("the account was changed at this moment")
            if again:
                tx.execute(update(staff).where(staff.c.row == row.row).values(password=again))
            lockout.succeeded(tx, counted)
            return self._let_in(tx, row, browser, before)

    def _let_in(self, tx: Connection, row: Row[Any], browser: str, before: str) -> Entered:
        """A session for the person of this row, who has just shown who they are."""
        now_ms = self._clock()
        if before:
            self._sessions.close_token(tx, before)
        if not self._knows(tx, row.row, browser):
            browser = new_token()
            tx.execute(
                insert(known_browsers).values(
                    token_sha256=digest(browser), staff=row.row, seen_at_ms=now_ms
                )
            )
        else:
            mine = known_browsers.c.token_sha256 == digest(browser)
            tx.execute(update(known_browsers).where(mine).values(seen_at_ms=now_ms))
        append(tx, now_ms, row.name, "staff.logged_in", row.name, {"way": "password"})
        return Entered(row.name, self._sessions.open(tx, row.row), browser)

    def log_in_as_subject(self, subject: str) -> Entered:
        """Let in who the OIDC provider says that this is. Raises SubjectUnknown.

        subject: proved by the caller. Nobody is made a member of staff by this.
        """
        with self._db.write() as tx:
            row = self._enabled(tx, staff.c.oidc_subject == subject)
            if row is None:
                append(tx, self._clock(), SYSTEM, "staff.login_failed", UNKNOWN, {"way": "oidc"})
            else:
                append(tx, self._clock(), row.name, "staff.logged_in", row.name, {"way": "oidc"})
                return Entered(row.name, self._sessions.open(tx, row.row, by_password=False), "")
        raise SubjectUnknown("nobody on the staff is linked to this account")

    def log_out(self, session: Session) -> None:
        """End the session."""
        with self._db.write() as tx:
            self._sessions.close(tx, session.row)
            append(tx, self._clock(), session.name, "staff.logged_out", session.name)

    def change_password(self, session: Session, present: str, new: str) -> None:
        """A person's own new password; their other sessions end.

        Raises WrongPassword, TooManyFailures, PasswordUnfit.
        """
        encoded = self._passwords.hash(new, session.name)
        counted = [Counted("session", str(session.row))]
        with self._db.write() as tx:
            lockout.count(tx, counted, self._clock())
            row = self._enabled(tx, staff.c.row == session.staff_row)
        if row is None or not self._passwords.fits(row.password, present):
            raise WrongPassword("the present password is another one")
        with self._db.write() as tx:
            if self._enabled(tx, staff.c.row == row.row, row.password) is None:
                raise WrongPassword("the password was changed at this moment")
            values = {"password": encoded, "must_change": False}
            tx.execute(update(staff).where(staff.c.row == row.row).values(values))
            self._sessions.close_all(tx, row.row, but=session.row)
            lockout.succeeded(tx, counted)
            append(tx, self._clock(), session.name, "staff.password_changed", session.name)

    def forget_old(self) -> None:
        """Delete what counts no more: ended sessions, old failures, browsers long unseen."""
        now_ms = self._clock()
        with self._db.write() as tx:
            self._sessions.forget_old(tx)
            lockout.forget_old(tx, now_ms)
            unseen = known_browsers.c.seen_at_ms < now_ms - BROWSER_DAYS * _DAY_MS
            tx.execute(delete(known_browsers).where(unseen))

    def _counted(
        self, tx: Connection, row: Row[Any] | None, name: str, address: str, browser: str
    ) -> list[Counted]:
        """What an attempt is counted for: a known browser for itself alone."""
        if row is not None and self._knows(tx, row.row, browser):
            return [Counted("browser", browser)]
        return [Counted("account", name), Counted("address", address)]

    def _knows(self, tx: Connection, staff_row: int, browser: str) -> bool:
        mine = known_browsers.c.token_sha256 == digest(browser)
        found = tx.execute(select(known_browsers.c.staff).where(mine)).scalar()
        return bool(browser) and found == staff_row

    def _enabled(self, tx: Connection, who: Any, password: str | None = None) -> Row[Any] | None:
        asked = select(staff).where(who, staff.c.disabled_at_ms.is_(None))
        if password is not None:
            asked = asked.where(staff.c.password == password)
        return tx.execute(asked).one_or_none()

    def _tell_failure(self, row: Row[Any] | None, locks: bool) -> None:
        subject = row.name if row else UNKNOWN
        with self._db.write() as tx:
            append(tx, self._clock(), SYSTEM, "staff.login_failed", subject, {"locked": locks})
