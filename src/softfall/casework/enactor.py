"""Bringing enactments to the provider: for ever until it did them, or refused one by name.

Guarantees: each is claimed for a while by one process (a lease), so that several processes share
the work; one that dies in between is followed by another, and the provider knows the id, so that
nothing is done twice. Enactments of one case are brought in order; a refused one bars none.
Refused by name (any 4xx about the enactment itself) is `failed` and shown, never tried by itself;
what an operator or time mends (no answer, 5xx, a wrong token, routes that are off) is tried again,
later each time, up to `MAX_WAIT_MS`.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import ValidationError
from sqlalchemy import Connection, Row, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from softfall.casework import enacting
from softfall.casework.incoming import Enacted
from softfall.casework.tables import enactments
from softfall.errors import SoftfallError
from softfall.store.transactions import Database

ROUTE: Final = "/v1/staff/enactments"
LEASE_MS: Final = 60_000
FIRST_WAIT_MS: Final = 1_000
MAX_WAIT_MS: Final = 300_000
TIMEOUT_SECONDS: Final = 20.0  # shorter than the lease
IDLE_SECONDS: Final = 1.0

UNREACHABLE: Final = "ProviderUnreachable"
NOT_UNDERSTOOD: Final = "ProviderNotUnderstood"

# What is not about the enactment, but about the way to the provider.
_LATER_STATUSES: Final = frozenset({401, 403, 408, 425, 429})
_LATER_ERRORS: Final = frozenset({"StaffRoutesOff", "RouteUnknown", "MethodRefused"})


@dataclass(frozen=True, slots=True)
class Done:
    """The provider did it, or had done it."""

    answer: Enacted


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider refused it. name: of the error."""

    name: str


@dataclass(frozen=True, slots=True)
class Later:
    """It could not be brought there now. name: of the trouble."""

    name: str


Answer = Done | Refused | Later


class Enactor:
    """One process' bringer of enactments.

    name: this process', unlike any other's. client: knows the provider's URL, its authority and
    the staff token. clock: Unix milliseconds.
    """

    def __init__(
        self, db: Database, client: httpx.Client, clock: Callable[[], int], name: str
    ) -> None:
        self._db = db
        self._client = client
        self._clock = clock
        self._name = name

    def run(self, stop: threading.Event) -> None:
        """Until told to stop. Troubles of the database wait for the next round."""
        while not stop.is_set():
            brought = False
            with suppress(SoftfallError, SQLAlchemyError):  # the database may come back
                brought = self.run_once()
            if not brought:
                stop.wait(IDLE_SECONDS)

    def run_once(self) -> bool:
        """Bring one enactment, if one is due; whether there was one.

        Raises StoreBusy, StorageFull; then the lease ends by itself, and it is brought again.
        """
        with self._db.write() as tx:
            row = _claim(tx, self._name, self._clock())
        if row is None:
            return False
        answer = self._bring(row)
        with self._db.write() as tx:
            if _still_mine(tx, row, self._name):
                _write_down(tx, row, answer, self._clock())
        return True

    def _bring(self, row: Row[Any]) -> Answer:
        try:
            reply = self._client.post(
                ROUTE,
                content=row.body,
                headers={"content-type": "application/json"},
                timeout=TIMEOUT_SECONDS,
            )
        except httpx.HTTPError:
            return Later(UNREACHABLE)
        return _understood(reply, row.enactment_id)


def _understood(reply: httpx.Response, enactment_id: str) -> Answer:
    if reply.status_code == 200:
        try:
            answer = Enacted.model_validate_json(reply.content)
        except ValidationError:
            return Later(NOT_UNDERSTOOD)
        return Done(answer) if answer.enactment_id == enactment_id else Later(NOT_UNDERSTOOD)
    name = _error_name(reply)
    if not 400 <= reply.status_code < 500 or reply.status_code in _LATER_STATUSES:
        return Later(name)
    return Later(name) if name in _LATER_ERRORS else Refused(name)


def _error_name(reply: httpx.Response) -> str:
    """The error's name as the provider tells it; its status where it tells none."""
    try:
        told = reply.json()
    except ValueError:
        told = None
    name = told.get("error") if isinstance(told, dict) else None
    if isinstance(name, str) and name.isidentifier() and len(name) <= 64:
        return name
    return f"HTTP {reply.status_code}"


def _claim(tx: Connection, name: str, now_ms: int) -> Row[Any] | None:
    """The next enactment that is due and nobody's, leased to `name`."""
    earlier = aliased(enactments)
    free = or_(enactments.c.leased_until_ms.is_(None), enactments.c.leased_until_ms <= now_ms)
    first = ~exists().where(
        earlier.c.case == enactments.c.case,
        earlier.c.row < enactments.c.row,
        earlier.c.state == "waiting",
    )
    row = tx.execute(
        select(enactments)
        .where(enactments.c.state == "waiting", enactments.c.next_try_at_ms <= now_ms, free, first)
        .order_by(enactments.c.next_try_at_ms, enactments.c.row)
        .limit(1)
    ).one_or_none()
    if row is not None:
        tx.execute(
            update(enactments)
            .where(enactments.c.row == row.row)
            .values(leased_by=name, leased_until_ms=now_ms + LEASE_MS, tries=row.tries + 1)
        )
    return row


def _still_mine(tx: Connection, row: Row[Any], name: str) -> bool:
    now = tx.execute(
        select(enactments.c.state, enactments.c.leased_by).where(enactments.c.row == row.row)
    ).one()
    return bool(now.state == "waiting" and now.leased_by == name)


def _write_down(tx: Connection, row: Row[Any], answer: Answer, now_ms: int) -> None:
    match answer:
        case Done(enacted):
            enacting.mark_done(tx, row, enacted, now_ms)
        case Refused(name):
            enacting.mark_failed(tx, row, name, now_ms)
        case Later(name):
            tx.execute(
                update(enactments)
                .where(enactments.c.row == row.row)
                .values(
                    leased_by=None,
                    leased_until_ms=None,
                    trouble=name,
                    next_try_at_ms=now_ms + wait_ms(row.tries + 1),
                )
            )


def wait_ms(tries: int) -> int:
    """How long to wait after so many tries that came to nothing."""
    return min(MAX_WAIT_MS, FIRST_WAIT_MS << min(tries - 1, 20))
