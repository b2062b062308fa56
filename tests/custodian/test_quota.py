from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from softfall.custodian.quota import Quota, QuotaSpent, evaluations, metadata
from softfall.custodian.store import open_database, open_quota_database
from tests.custodian.keeping import (
    HOUR_MS,
    QUESTIONS,
    START_MS,
    Clocks,
    Keeper,
    a_question,
    ask_answer,
    ask_epoch,
    issued,
)

PER_HOUR = 1000
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_quota_database(tmp_path_factory.mktemp("quota"))


@pytest.fixture
def clocks(engine: Engine) -> Clocks:
    with engine.begin() as connection:
        connection.execute(evaluations.delete())
    return Clocks()


def a_quota(engine: Engine, clocks: Clocks) -> Quota:
    return Quota(engine, PER_HOUR, lambda: clocks.wall_ms, lambda: clocks.steady_ms)


def spent(quota: Quota, count: int) -> bool:
    try:
        quota.take(count)
    except QuotaSpent:
        return True
    return False


def test_the_quota_is_used_to_the_last_and_no_further(engine: Engine, clocks: Clocks) -> None:
    quota = a_quota(engine, clocks)
    quota.take(PER_HOUR - 1)
    assert spent(quota, 2)
    quota.take(1)
    assert quota.used() == PER_HOUR
    assert spent(quota, 1)


def test_a_refusal_counts_nothing_and_says_how_long_to_wait(engine: Engine, clocks: Clocks) -> None:
    quota = a_quota(engine, clocks)
    quota.take(600)
    clocks.pass_ms(10 * MINUTE_MS)
    quota.take(400)
    with pytest.raises(QuotaSpent) as caught:
        quota.take(600)
    assert quota.used() == PER_HOUR
    clocks.pass_ms((caught.value.retry_after_seconds - 1) * 1000)
    assert spent(quota, 600)
    clocks.pass_ms(1000)
    quota.take(600)


def test_more_than_a_whole_hours_quota_is_never_answered(engine: Engine, clocks: Clocks) -> None:
    with pytest.raises(QuotaSpent) as caught:
        a_quota(engine, clocks).take(PER_HOUR + 1)
    assert caught.value.retry_after_seconds > 3600


def test_a_restart_hands_nothing_out_twice(engine: Engine, clocks: Clocks) -> None:
    for _ in range(4):
        a_quota(engine, clocks).take(250)
    assert spent(a_quota(engine, clocks), 1)


def test_time_while_the_service_was_off_counts(engine: Engine, clocks: Clocks) -> None:
    a_quota(engine, clocks).take(PER_HOUR)
    clocks.wall_ms += HOUR_MS + 2 * MINUTE_MS
    clocks.steady_ms = 0
    a_quota(engine, clocks).take(PER_HOUR)


@pytest.mark.parametrize("step_ms", [-HOUR_MS, -365 * 24 * HOUR_MS, HOUR_MS, 365 * 24 * HOUR_MS])
def test_setting_the_clock_while_the_service_runs_frees_nothing(
    engine: Engine, clocks: Clocks, step_ms: int
) -> None:
    quota = a_quota(engine, clocks)
    quota.take(PER_HOUR)
    clocks.wall_ms += step_ms
    assert spent(quota, 1)


def test_a_clock_set_back_before_a_restart_frees_nothing_nor_locks_up(
    engine: Engine, clocks: Clocks
) -> None:
    a_quota(engine, clocks).take(PER_HOUR)
    clocks.wall_ms -= 30 * 24 * HOUR_MS
    clocks.steady_ms = 0
    quota = a_quota(engine, clocks)
    assert spent(quota, 1)
    clocks.pass_ms(HOUR_MS + 2 * MINUTE_MS)  # an hour of the service's own time is enough
    quota.take(PER_HOUR)


def test_swinging_the_clock_to_and_fro_over_restarts_frees_nothing(
    engine: Engine, clocks: Clocks
) -> None:
    a_quota(engine, clocks).take(PER_HOUR)
    for step_ms in (-2 * HOUR_MS, 2 * HOUR_MS, -2 * HOUR_MS, 2 * HOUR_MS):
        clocks.wall_ms += step_ms
        clocks.steady_ms = 0
        assert spent(a_quota(engine, clocks), 1)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 25 * MINUTE_MS), st.integers(1, 500), st.booleans()), max_size=25
    )
)
def test_no_sixty_minutes_ever_hold_more_than_the_quota(
    engine: Engine, steps: list[tuple[int, int, bool]]
) -> None:
    clocks = Clocks()
    with engine.begin() as connection:
        connection.execute(evaluations.delete())
    quota = a_quota(engine, clocks)
    taken: list[tuple[int, int]] = []
    for pass_ms, count, restart in steps:
        clocks.pass_ms(pass_ms)
        if restart:
            quota = a_quota(engine, clocks)
        if not spent(quota, count):
            taken.append((clocks.wall_ms, count))
        hour = [counted for at_ms, counted in taken if at_ms > clocks.wall_ms - HOUR_MS]
        assert sum(hour) <= PER_HOUR


def test_old_windows_are_forgotten(engine: Engine, clocks: Clocks) -> None:
    quota = a_quota(engine, clocks)
    for _ in range(200):
        quota.take(1)
        clocks.pass_ms(MINUTE_MS)
    with engine.connect() as connection:
        assert len(connection.execute(evaluations.select()).all()) <= 62
    assert clocks.wall_ms > START_MS


def test_the_service_answers_up_to_the_quota_whoever_asks_then_says_when(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, changed={"evaluations_per_hour": 3 * QUESTIONS - 1}).set_up(3)
    manifest = keeper.publish()
    app = keeper.app()
    bodies = [a_question(manifest, f"device {n}").request.body for n in range(3)]
    assert [ask_answer(app, body).status_code for body in bodies] == [200, 200, 429]
    for service in (app, keeper.app()):  # the second one was started just now
        reply = ask_answer(service, bodies[2])
        assert reply.json()["error"] == "QuotaSpent"
        assert 3500 < int(reply.headers["retry-after"]) <= 3660
        assert ask_epoch(service, "/v1/health").status_code == 200
    keeper.clocks.pass_ms(HOUR_MS + MINUTE_MS)
    assert ask_answer(app, bodies[2]).status_code == 200


def test_a_malformed_question_costs_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, changed={"evaluations_per_hour": QUESTIONS}).set_up(3)
    manifest = keeper.publish()
    app = keeper.app()
    body = a_question(manifest).request.body
    for _ in range(3):
        assert ask_answer(app, body[:-1]).status_code == 400
    assert ask_answer(app, body).status_code == 200


def test_what_can_not_be_counted_is_not_answered(keeper: Keeper) -> None:
    manifest = keeper.publish()
    app = keeper.app()
    (token,) = issued(app, 1)
    path = keeper.settings.data_dir / "quota.db"
    holder = open_quota_database(keeper.settings.data_dir).connect()
    size = holder.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    assert size
    holder.close()
    path.write_bytes(b"no database any more" + path.read_bytes()[20:])
    reply = ask_answer(app, a_question(manifest).request.body, token)
    assert (reply.status_code, reply.json()["error"]) == (503, "QuotaNotCounted")


def test_a_long_import_keeps_no_answer_waiting(keeper: Keeper) -> None:
    manifest = keeper.publish()
    app = keeper.app()
    with open_database(keeper.settings.data_dir).connect() as importing:
        importing.exec_driver_sql("BEGIN IMMEDIATE")  # holds the list's write lock, as an import
        body = a_question(manifest).request.body
        assert ask_answer(app, body).status_code == 200


def test_the_migrations_make_exactly_the_quotas_table(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [
            change for change in compare_metadata(context, metadata)
            if "alembic_version" not in str(change)
        ] == []  # fmt: skip
