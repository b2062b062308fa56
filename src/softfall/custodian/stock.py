"""The custodian's stock of dealt material for `confirm`: fetched in advance, each serial used once.

Guarantees: a serial leaves the stock in the very transaction that writes down what it is used for
(`confirming.py`), so neither a kill nor a repeat uses it twice. Both parties get their halves in
the same order, so what lies more than `STRAGGLERS` places before the furthest serial asked for is
thrown away: the provider has thrown its halves away too.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, case, delete, func, insert, select, update

from softfall.custodian.confirm_tables import reached, stock

STRAGGLERS = 256


class Stock:
    """What lies in `confirm.db`; a `Shelf` that a filler keeps filled."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self) -> int:
        """How many serials are still to be asked for."""
        furthest = select(reached.c.position).scalar_subquery()
        waiting = select(func.count()).select_from(stock).where(stock.c.position > furthest)
        with self._engine.connect() as connection:
            return int(connection.scalar(waiting) or 0)

    def put(self, batch: Sequence[tuple[int, bytes]]) -> None:
        """Keep what the dealer handed out, (serial, material) each, in its order."""
        with self._engine.begin() as connection:
            # Another dealer's old serials may be the same numbers: what came last is good.
            serials = [serial for serial, _ in batch]
            connection.execute(delete(stock).where(stock.c.serial.in_(serials)))
            for serial, dealt in batch:
                connection.execute(insert(stock).values(serial=serial, dealt=dealt))
            connection.execute(update(reached).values(newest=serials[-1]))


def is_to_come(tx: Connection, serial: int) -> bool:
    """Whether this serial is later than all that came: then the dealer has more for us."""
    newest: int = tx.execute(select(reached.c.newest)).scalar_one()
    return serial > newest


def take(tx: Connection, serial: int) -> bytes | None:
    """One serial's material, gone from the stock with this transaction; None if it is not there."""
    row = tx.execute(
        delete(stock).where(stock.c.serial == serial).returning(stock.c.position, stock.c.dealt)
    ).first()
    if row is None:
        return None
    furthest = case((reached.c.position < row.position, row.position), else_=reached.c.position)
    tx.execute(update(reached).values(position=furthest))
    tx.execute(delete(stock).where(stock.c.position < row.position - STRAGGLERS))
    dealt: bytes = row.dealt
    return dealt
