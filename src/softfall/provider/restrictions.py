"""Restrictions: an account that, by a person's decision, may not send for a while.

Guarantees: it is refused by name, told until when and that it may appeal; reading, reporting, and
appealing always work. A restriction ends by itself, or when a person lifts it; a later one takes
the place of an earlier.
Limit: under `tell_subject: false` (a legal hold) nobody is told, and yet the refusal shows.
"""

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from softfall.errors import RefusedError
from softfall.provider.casework_tables import restrictions
from softfall.provider.clock import days_ms

What = Literal["everything", "media"]


class AccountRestricted(RefusedError):
    """This account may not send this for a while: a person decided so."""

    remedy = "Wait until then, or appeal: the notice of the decision says how, and until when."


def check(tx: Connection, account: int, what: What, is_media: bool, now_ms: int) -> None:
    """Pass an account that may send this. what: may not be sent. Raises AccountRestricted."""
    if what == "media" and not is_media:
        return
    until_ms = until(tx, account, now_ms)
    if until_ms is not None:
        day = datetime.fromtimestamp(until_ms / 1000, UTC)
        raise AccountRestricted(f"this account may not send {what} until {day:%Y-%m-%d %H:%M} UTC")


def until(tx: Connection, account: int, now_ms: int) -> int | None:
    """Until when an account is restricted; None if it is not."""
    longest = select(func.max(restrictions.c.until_ms)).where(
        restrictions.c.account == account,
        restrictions.c.lifted_at_ms.is_(None),
        restrictions.c.until_ms > now_ms,
    )
    found = tx.execute(longest).scalar()
    return None if found is None else int(found)


def restrict(tx: Connection, account: int, enactment_id: str, days: int, now_ms: int) -> int:
    """Restrict an account for `days`, in place of any earlier restriction; until when."""
    lift(tx, account, now_ms)
    until_ms = now_ms + days_ms(days)
    tx.execute(
        insert(restrictions).values(
            account=account, enactment_id=enactment_id, since_ms=now_ms, until_ms=until_ms
        )
    )
    return until_ms


def lift(tx: Connection, account: int, now_ms: int) -> None:
    """End every restriction of an account now."""
    in_force = (restrictions.c.account == account, restrictions.c.lifted_at_ms.is_(None))
    tx.execute(update(restrictions).where(*in_force).values(lifted_at_ms=now_ms))
