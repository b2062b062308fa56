"""The people who may use the console: added, given a role, disabled, never deleted.

Guarantees: each deed and its audit line are one transaction. Nobody changes the role of, disables
or resets their own account here; the last enabled administrator stays one. A changed role, a
disabled account and a reset password end the person's sessions.
Refuses: names that the audit log uses for what acts without a person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from softfall.audit.trail import append
from softfall.casework.model import Role
from softfall.casework.rights import StaffRef
from softfall.console import lockout
from softfall.console.passwords import Passwords, drawn_password
from softfall.console.sessions import Sessions
from softfall.console.staff_names import check_name
from softfall.console.tables import known_browsers, staff
from softfall.errors import InputError, RefusedError
from softfall.store.transactions import Database

THEMES: Final = ("auto", "light", "dark")


class StaffUnknown(InputError):
    """Nobody of this name is on the staff."""

    remedy = "See `softfall staff list`, or the console's page Staff."


class StaffNameTaken(InputError):
    """Somebody of this name is on the staff already."""

    remedy = "Choose another name; names are never given to a second person."


class OwnAccount(RefusedError):
    """Nobody administers their own account."""

    remedy = "Ask another administrator; your own password is changed on the page Password."


class LastAdministrator(RefusedError):
    """Without this person, nobody could administer the console."""

    remedy = "Make somebody else an administrator first."


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the staff, as administrators see them."""

    name: str
    role: Role
    disabled: bool
    must_change: bool
    has_password: bool
    oidc_subject: str | None
    locked_until_ms: int
    created_at_ms: int


class StaffOffice:
    """Who keeps the staff's accounts. `by` is the administrator's name, or "operator" (the CLI)."""

    def __init__(
        self, db: Database, clock: Callable[[], int], sessions: Sessions, passwords: Passwords
    ) -> None:
        self._db = db
        self._clock = clock
        self._sessions = sessions
        self._passwords = passwords

    def members(self) -> list[Member]:
        """Everybody, by name."""
        with self._db.read() as tx:
            rows = tx.execute(select(staff).order_by(staff.c.name)).all()
            locks = lockout.locked_until_ms(tx, [row.name for row in rows])
        return [
            Member(
                row.name, Role(row.role), row.disabled_at_ms is not None, bool(row.must_change),
                row.password is not None, row.oidc_subject, locks.get(row.name, 0),
                row.created_at_ms,
            )
            for row in rows
        ]  # fmt: skip

    def add(
        self, by: str, name: str, role: Role, password: str | None, must_change: bool = False
    ) -> None:
        """Somebody new; without a password, until one is set, only by the OIDC provider.

        Raises StaffNameUnfit, StaffNameTaken, PasswordUnfit.
        """
        check_name(name)
        encoded = None if password is None else self._passwords.hash(password, name)
        with self._db.write() as tx:
            if tx.execute(select(staff.c.row).where(staff.c.name == name)).one_or_none():
                raise StaffNameTaken(f"{name} is on the staff already")
            tx.execute(
                insert(staff).values(
                    name=name, role=role, password=encoded, must_change=must_change,
                    theme="auto", created_at_ms=self._clock(),
                )
            )  # fmt: skip
            self._tell(tx, by, "staff.added", name, {"role": str(role)})

    def set_role(self, by: str, name: str, role: Role) -> None:
        """Another role. Raises StaffUnknown, OwnAccount, LastAdministrator."""
        with self._db.write() as tx:
            row = self._another(tx, by, name)
            if row.role == role:
                return
            self._leave_one(tx, row)
            tx.execute(update(staff).where(staff.c.row == row.row).values(role=role))
            self._sessions.close_all(tx, row.row)
            told = {"before": row.role, "after": str(role)}
            self._tell(tx, by, "staff.role_changed", name, told)

    def disable(self, by: str, name: str) -> None:
        """Nobody logs in as this person any more. As `set_role` raises."""
        with self._db.write() as tx:
            row = self._another(tx, by, name)
            if row.disabled_at_ms is not None:
                return
            self._leave_one(tx, row)
            now_ms = self._clock()
            tx.execute(update(staff).where(staff.c.row == row.row).values(disabled_at_ms=now_ms))
            self._sessions.close_all(tx, row.row)
            self._tell(tx, by, "staff.disabled", name, {})

    def enable(self, by: str, name: str) -> None:
        """The person may log in again. Raises StaffUnknown, OwnAccount."""
        with self._db.write() as tx:
            row = self._another(tx, by, name)
            if row.disabled_at_ms is None:
                return
            tx.execute(update(staff).where(staff.c.row == row.row).values(disabled_at_ms=None))
            self._tell(tx, by, "staff.enabled", name, {})

    def unlock(self, by: str, name: str) -> None:
        """End the lock after failed log-ins. Raises StaffUnknown."""
        with self._db.write() as tx:
            find(tx, name)
            lockout.unlock(tx, name)
            self._tell(tx, by, "staff.unlocked", name, {})

    def reset(self, by: str, name: str) -> str:
        """A new password, drawn, told once, to be changed at the first log-in.

        Raises StaffUnknown, OwnAccount.
        """
        password = drawn_password()
        self._replace(by, name, password, must_change=True)
        return password

    def set_password(self, by: str, name: str, password: str) -> None:
        """A password chosen by the operator. Raises StaffUnknown, OwnAccount, PasswordUnfit."""
        self._replace(by, name, password, must_change=False)

    def link_oidc(self, by: str, name: str, subject: str | None) -> None:
        """Which subject of the OIDC provider this person is; None: none.

        Raises StaffUnknown, OwnAccount, StaffNameTaken where the subject is somebody else's.
        """
        with self._db.write() as tx:
            row = self._another(tx, by, name)
            held = select(staff.c.name).where(staff.c.oidc_subject == subject)
            holder = tx.execute(held).scalar() if subject is not None else None
            if holder not in (None, name):
                raise StaffNameTaken("this subject is linked to somebody else")
            tx.execute(update(staff).where(staff.c.row == row.row).values(oidc_subject=subject))
            self._tell(tx, by, "staff.oidc_linked", name, {"linked": subject is not None})

    def set_theme(self, staff_row: int, theme: str) -> None:
        """How a person likes the pages: one of `THEMES`; another word is "auto"."""
        kept = theme if theme in THEMES else "auto"
        with self._db.write() as tx:
            tx.execute(update(staff).where(staff.c.row == staff_row).values(theme=kept))

    def _replace(self, by: str, name: str, password: str, must_change: bool) -> None:
        encoded = self._passwords.hash(password, name)
        with self._db.write() as tx:
            row = self._another(tx, by, name)
            values = {"password": encoded, "must_change": must_change}
            tx.execute(update(staff).where(staff.c.row == row.row).values(values))
            tx.execute(delete(known_browsers).where(known_browsers.c.staff == row.row))
            self._sessions.close_all(tx, row.row)
            lockout.unlock(tx, name)
            self._tell(tx, by, "staff.password_reset", name, {})

    def _another(self, tx: Connection, by: str, name: str) -> Row[Any]:
        row = find(tx, name)
        if by == name:
            raise OwnAccount("nobody administers their own account")
        return row

    def _leave_one(self, tx: Connection, row: Row[Any]) -> None:
        """Raises LastAdministrator if `row` is the last one who is enabled."""
        if row.role != Role.ADMINISTRATOR or row.disabled_at_ms is not None:
            return
        able = (staff.c.role == Role.ADMINISTRATOR) & staff.c.disabled_at_ms.is_(None)
        if tx.execute(select(func.count()).where(able)).scalar_one() < 2:
            raise LastAdministrator(f"{row.name} is the last administrator")

    def _tell(
        self, tx: Connection, by: str, action: str, name: str, details: dict[str, str | bool]
    ) -> None:
        append(tx, self._clock(), by, action, name, details)


def find(tx: Connection, name: str) -> Row[Any]:
    """A person's row. Raises StaffUnknown."""
    row = tx.execute(select(staff).where(staff.c.name == name)).one_or_none()
    if row is None:
        raise StaffUnknown("nobody of this name is on the staff")
    return row


def staff_ref(tx: Connection, name: str) -> StaffRef:
    """Somebody who is on the staff now, as a case's rules know them. Raises StaffUnknown."""
    row = find(tx, name)
    if row.disabled_at_ms is not None:
        raise StaffUnknown("nobody of this name may work here now")
    return StaffRef(row.name, Role(row.role))
