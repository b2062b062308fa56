"""Who judges what, and who is woken, where several work on one database; no process is started."""

import asyncio
import io

import pytest
from sqlalchemy import select, update

from softfall.edge.logs import make_logger
from softfall.provider.bell import Waiter
from softfall.provider.company import Company
from softfall.provider.database import open_main
from softfall.provider.keepers import Keepers
from softfall.provider.life import Actor, State
from softfall.provider.mail import Decision, move
from softfall.provider.tables import envelopes
from softfall.store.transactions import Database

from .conftest import House

ON_POSTGRESQL = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


@pytest.fixture
def stopped(house: House) -> House:
    """A provider that has taken in three messages, a picture among them, and judges no more."""
    ada = house.join("ada")
    house.join("ben")
    house.service._company.stop()
    house.service.judge.stop()
    for body in (ada.text("ben"), ada.media("ben"), ada.text("ben")):
        assert ada.post(body).status_code == 202
    return house


def nothing() -> set[int]:
    return set()


def recoveries(db: Database) -> list[int]:
    with db.read() as tx:
        return list(tx.execute(select(envelopes.c.recoveries).order_by(envelopes.c.row)).scalars())


def test_what_an_ended_process_left_is_taken_up_once_and_counted(stopped: House) -> None:
    keepers = Keepers(stopped.service.db, 2)
    rows = keepers.left_over(nothing)
    assert [is_media for _, is_media in rows] == [False, True, False]
    assert recoveries(stopped.service.db) == [1, 1, 1]
    assert keepers.left_over(lambda: {row for row, _ in rows}) == []
    keepers.leave()
    assert keepers.left_over(nothing) == []  # who has left takes up nothing


@ON_POSTGRESQL
def test_what_a_living_process_is_at_is_left_to_it_until_it_ends(stopped: House) -> None:
    db = stopped.service.db
    one, two = Keepers(db, 2), Keepers(db, 3)
    mine = {row for row, _ in one.left_over(nothing)}
    assert two.left_over(nothing) == []
    assert recoveries(db) == [1, 1, 1]
    one.leave()
    while not (taken := two.left_over(lambda: mine)):
        pass  # the server ends a session in its own time
    assert {row for row, _ in taken} == mine
    assert recoveries(db) == [2, 2, 2]
    two.leave()


def test_what_was_committed_though_the_commit_failed_is_found_at_the_second_look(
    stopped: House,
) -> None:
    db = stopped.service.db
    keepers = Keepers(db, 2)
    rows = keepers.left_over(nothing)
    at_work = {row for row, _ in rows[:2]}
    assert keepers.left_over(lambda: at_work) == []  # it may be on its way to the judge
    assert keepers.left_over(lambda: at_work) == rows[2:]
    assert keepers.left_over(lambda: at_work | {rows[2][0]}) == []
    assert recoveries(db) == [1, 1, 1]  # that is no recovery
    keepers.leave()


@ON_POSTGRESQL
def test_who_waits_is_woken_by_what_another_process_delivers_and_nobody_else_is(
    stopped: House,
) -> None:
    service = stopped.service
    other = open_main(service.settings.database_url)
    company = Company(service.db, service.judge, service.bell, make_logger("x", io.StringIO()))
    with service.db.read() as tx:
        rows = list(tx.execute(select(envelopes.c.row).order_by(envelopes.c.row)).scalars())
    decision = Decision(State.DELIVERED, Actor.JUDGE, "text")

    def deliver(row: int) -> tuple[int, ...]:
        with other.write() as tx:
            return move(tx, row, decision, service.clock())

    async def is_woken(waiter: Waiter) -> bool:
        await asyncio.sleep(0)  # a ring comes with the loop's next turn
        return await waiter.wait(0.01)

    async def story() -> None:
        (ben,) = deliver(rows[0])
        with service.bell.listen(ben) as waiter, service.bell.listen(ben + 100) as stranger:
            company.look()  # what came before the first look may have been missed: all are woken
            assert await is_woken(waiter)
            assert await is_woken(stranger)
            company.look()
            assert not await is_woken(waiter)
            deliver(rows[2])
            company.look()
            assert await is_woken(waiter)
            assert not await is_woken(stranger)

    asyncio.run(story())
    other.close()


@ON_POSTGRESQL
def test_while_nobody_waits_nothing_is_asked(stopped: House) -> None:
    service = stopped.service
    company = Company(service.db, service.judge, service.bell, make_logger("x", io.StringIO()))
    service.db.engine.dispose()
    with service.db.write() as tx:
        tx.execute(update(envelopes).values(recoveries=0))
    company.look()
    assert company._seen is None
