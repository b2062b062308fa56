"""How many tokens each account was issued: a limit for each, kept on disk.

Guarantees: in any 24 hours one account is issued at most `per_day` tokens; they are counted before
they are asked for, so a restart hands nothing out twice, and given back where the custodian issued
none. Kept: account, half-hour, number; forgotten after a day.
Why: a patched app that asks for other pieces than its pictures' gets no further than this a day.
Limit: it binds accounts, not the provider itself; that one the custodian's own limit binds.
"""

from sqlalchemy import delete, func, insert, select, update

from softfall.errors import RefusedError
from softfall.provider.accounts import Account
from softfall.provider.clock import Clock
from softfall.provider.tables import tokens_issued
from softfall.store.transactions import Database

DAY_MS = 86_400_000
WINDOW_MS = 1_800_000


class TokensUsedUp(RefusedError):
    """This account was issued all tokens that one account may have in a day."""

    remedy = "Send fewer pictures a day; text goes as ever. No voucher comes with this refusal."


class TokenCounts:
    """The counts of one provider. clock: Unix milliseconds."""

    def __init__(self, db: Database, per_day: int, clock: Clock) -> None:
        self._db = db
        self._per_day = per_day
        self._clock = clock

    def take(self, account: Account, count: int) -> int:
        """Count `count` tokens; returns the window, for `give_back`. Raises TokensUsedUp."""
        now_ms, column = self._clock(), tokens_issued.c
        window_ms = now_ms - now_ms % WINDOW_MS
        own = column.account == account.row
        with self._db.write() as tx:
            old = column.window_start_ms <= now_ms - DAY_MS - WINDOW_MS
            tx.execute(delete(tokens_issued).where(own, old))
            used = tx.scalar(select(func.coalesce(func.sum(column.issued), 0)).where(own))
            if int(used or 0) + count > self._per_day:
                raise TokensUsedUp(f"{self._per_day} tokens a day are used up")
            here = (own, column.window_start_ms == window_ms)
            grown = update(tokens_issued).where(*here).values(issued=column.issued + count)
            if tx.execute(grown).rowcount == 0:
                row = {"account": account.row, "window_start_ms": window_ms, "issued": count}
                tx.execute(insert(tokens_issued).values(row))
        return window_ms

    def give_back(self, account: Account, count: int, window_ms: int) -> None:
        """The tokens were not issued."""
        column = tokens_issued.c
        here = (column.account == account.row, column.window_start_ms == window_ms)
        with self._db.write() as tx:
            tx.execute(update(tokens_issued).where(*here).values(issued=column.issued - count))
