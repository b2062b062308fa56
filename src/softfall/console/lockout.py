"""How many failed log-ins are allowed: counted in the database, so that all processes share it.

Guarantees: an attempt is counted before the password is looked at, so attempts at the same instant
get no more than those in a row. After `free` failures each further one locks for twice as long, up
to `longest_ms`; what is tried during a lock is not looked at, and does not prolong it.
Nobody can be locked out for ever by others: a browser in which somebody has logged in before is
counted for itself alone, whatever strangers do to the account or from the same address; a lock ends
by itself; an administrator or `softfall staff unlock` ends it at once.
Unknown names are counted like known ones, so a lock does not tell which exist. The keys are
digests: what was typed for a name (now and then a password) is not kept.
Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, delete, insert, select, update

from softfall.console.tables import login_failures
from softfall.errors import RefusedError

MINUTE_MS: Final = 60_000
Kind = Literal["account", "browser", "address", "session"]


class TooManyFailures(RefusedError):
    """Too many log-ins have failed; for a while none is looked at."""

    remedy = "Wait until the lock ends; an administrator, or `softfall staff unlock`, ends it now."

    def __init__(self, retry_after_seconds: int) -> None:
        minutes = max(1, -(-retry_after_seconds // 60))
        super().__init__(f"too many log-ins have failed; try again in {minutes} min")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` failures, then locks that double from `first_ms` to `longest_ms`."""

    free: int
    first_ms: int
    longest_ms: int
    forget_ms: int

    def lock_ms(self, failures: int) -> int:
        """How long the lock is that follows the failure of this number."""
        if failures < self.free:
            return 0
        return int(min(self.longest_ms, self.first_ms * 2 ** min(failures - self.free, 30)))


_DAY_MS = 24 * 60 * MINUTE_MS
RULES: Mapping[Kind, Rule] = {
    "account": Rule(5, MINUTE_MS, 30 * MINUTE_MS, _DAY_MS),
    "browser": Rule(5, MINUTE_MS, 30 * MINUTE_MS, _DAY_MS),
    "address": Rule(30, MINUTE_MS, 60 * MINUTE_MS, _DAY_MS),
    "session": Rule(5, MINUTE_MS, 30 * MINUTE_MS, _DAY_MS),
}


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing that failures are counted for."""

    kind: Kind
    value: str

    @property
    def key(self) -> bytes:
        """What the database knows it by."""
        return hashlib.sha256(f"{self.kind}\0{self.value}".encode()).digest()


def count(tx: Connection, counted: Sequence[Counted], now_ms: int) -> bool:
    """Count an attempt as a failure until it has succeeded; whether failing now begins a lock.

    tx: a writing transaction. Raises TooManyFailures, counting nothing.
    """
    rows = {
        row.key: row
        for row in tx.execute(
            select(login_failures).where(login_failures.c.key.in_([one.key for one in counted]))
        )
    }
    until_ms = max((row.locked_until_ms for row in rows.values()), default=0)
    if until_ms > now_ms:
        raise TooManyFailures(-(-(until_ms - now_ms) // 1000))
    locks = False
    for one in counted:
        rule, row = RULES[one.kind], rows.get(one.key)
        recent = row is not None and row.last_at_ms > now_ms - rule.forget_ms
        failures = (row.failures if row is not None and recent else 0) + 1
        lock_ms = rule.lock_ms(failures)
        locks = locks or lock_ms > 0
        values = {
            "failures": failures, "last_at_ms": now_ms,
            "locked_until_ms": now_ms + lock_ms if lock_ms else 0,
        }  # fmt: skip
        if row is None:
            tx.execute(insert(login_failures).values(key=one.key, **values))
        else:
            tx.execute(update(login_failures).where(login_failures.c.key == one.key).values(values))
    return locks


def succeeded(tx: Connection, counted: Sequence[Counted]) -> None:
    """Take back the attempt that turned out well. An address keeps its other failures."""
    for one in counted:
        mine = login_failures.c.key == one.key
        if one.kind == "address":
            fewer = login_failures.c.failures - 1
            tx.execute(update(login_failures).where(mine).values(failures=fewer, locked_until_ms=0))
        else:
            tx.execute(delete(login_failures).where(mine))


def unlock(tx: Connection, name: str) -> None:
    """Forget an account's failures."""
    key = Counted("account", name).key
    tx.execute(delete(login_failures).where(login_failures.c.key == key))


def locked_until_ms(tx: Connection, names: Sequence[str]) -> Mapping[str, int]:
    """Until when each account's lock lasts, for those that have been locked."""
    keys = {Counted("account", name).key: name for name in names}
    rows = tx.execute(
        select(login_failures.c.key, login_failures.c.locked_until_ms).where(
            login_failures.c.key.in_(list(keys)), login_failures.c.locked_until_ms > 0
        )
    )
    return {keys[bytes(row.key)]: row.locked_until_ms for row in rows}


def forget_old(tx: Connection, now_ms: int) -> None:
    """Forget failures that count no more."""
    longest = max(rule.forget_ms for rule in RULES.values())
    tx.execute(delete(login_failures).where(login_failures.c.last_at_ms < now_ms - longest))
