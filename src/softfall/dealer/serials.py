"""Which serials are dealt next: one counter for everything that this dealer deals.

Guarantees: serials grow, and no two dealt things have the same one. A store that is made anew
begins above all that an earlier one can have dealt, as long as the clock was not set back between.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from softfall.dealer.tables import counter

# A new store's first serial is its birth in ms times this: no dealer deals faster, on average.
SERIALS_PER_MS: Final = 2**20


def begin_counting(tx: Connection, now_ms: Callable[[], int]) -> None:
    """Set a new store's first serial. now_ms: milliseconds since 1970, asked for a new store."""
    if tx.scalar(select(func.count()).select_from(counter)) == 0:
        tx.execute(insert(counter).values(next_serial=now_ms() * SERIALS_PER_MS))


def next_serials(tx: Connection, count: int) -> range:
    """The next `count` serials, used up with this transaction."""
    after: int = tx.execute(
        update(counter)
        .values(next_serial=counter.c.next_serial + count)
        .returning(counter.c.next_serial)
    ).scalar_one()
    return range(after - count, after)
