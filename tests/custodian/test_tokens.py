"""The custodian's tokens: a day's limit, one question each, keys that end."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, func, select

from softfall.custodian.quota import Quota
from softfall.custodian.quota_tables import metadata, token_keys, tokens_spent
from softfall.custodian.store import open_quota_database
from softfall.custodian.tokens import (
    MAX_ANSWERS,
    REPEAT_MS,
    TokenBook,
    TokensMinted,
    token_key,
)
from softfall.lists.manifest import read
from softfall.options.tokens.custodian import Asked
from softfall.options.tokens.device import Token, begin
from softfall.options.tokens.wire import TokenRefused
from tests.custodian.keeping import (
    DAY_MS,
    HOUR_MS,
    QUESTIONS,
    START_MS,
    Clocks,
    Keeper,
    a_question,
    ask_answer,
    ask_epoch,
    issued,
    post_ask,
    post_issue,
)

PER_DAY = 100


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_quota_database(tmp_path_factory.mktemp("tokens"))


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    with shared_engine.begin() as connection:
        for table in metadata.tables.values():
            connection.execute(table.delete())
    return shared_engine


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def a_book(engine: Engine, clocks: Clocks) -> TokenBook:
    return TokenBook(engine, PER_DAY, lambda: clocks.wall_ms, lambda: clocks.steady_ms)


def a_quota(engine: Engine, clocks: Clocks) -> Quota:
    return Quota(engine, 10**6, lambda: clocks.wall_ms, lambda: clocks.steady_ms)


def asked(nonce: int, question: int) -> Asked:
    return Asked("split", bytes(8), nonce.to_bytes(32), bytes(32), b"q", question.to_bytes(32))


def spend(book: TokenBook, quota: Quota, what: Asked) -> None:
    with quota.counted(1) as transaction:
        book.spend(transaction, what)


def minted(book: TokenBook, public: bytes, count: int) -> list[Token]:
    pending = begin(public, count, os.urandom)
    reply, _ = book.issue(pending.request, [public])
    return pending.finish(reply)


def test_a_token_is_spent_on_one_question_for_ever(engine: Engine, clocks: Clocks) -> None:
    book, quota = a_book(engine, clocks), a_quota(engine, clocks)
    spend(book, quota, asked(1, 1))
    with pytest.raises(TokenRefused, match="another question"):
        spend(book, quota, asked(1, 2))
    clocks.pass_ms(10 * DAY_MS)
    with pytest.raises(TokenRefused, match="another question"):  # a restart, much later
        spend(a_book(engine, clocks), quota, asked(1, 2))
    spend(book, quota, asked(2, 2))


def test_the_same_ask_is_answered_again_for_a_while_and_not_often(
    engine: Engine, clocks: Clocks
) -> None:
    book, quota = a_book(engine, clocks), a_quota(engine, clocks)
    for _ in range(MAX_ANSWERS):
        spend(book, quota, asked(1, 1))
    assert quota.used() == MAX_ANSWERS  # each counts
    with pytest.raises(TokenRefused, match="was answered"):
        spend(book, quota, asked(1, 1))
    spend(book, quota, asked(2, 1))
    clocks.pass_ms(REPEAT_MS + 1)
    with pytest.raises(TokenRefused, match="was answered"):
        spend(book, quota, asked(2, 1))


def test_a_refused_token_costs_no_evaluations_and_a_spent_quota_no_token(
    engine: Engine, clocks: Clocks
) -> None:
    book, quota = a_book(engine, clocks), a_quota(engine, clocks)
    spend(book, quota, asked(1, 1))
    with pytest.raises(TokenRefused):
        spend(book, quota, asked(1, 2))
    assert quota.used() == 1

    def killed_in_between() -> None:
        with quota.counted(1) as transaction:
            book.spend(transaction, asked(2, 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed_in_between()
    assert quota.used() == 1
    spend(book, quota, asked(2, 2))


def test_many_at_once_spend_a_token_once(engine: Engine, clocks: Clocks) -> None:
    book, quota = a_book(engine, clocks), a_quota(engine, clocks)
    start = threading.Barrier(8)

    def try_it(question: int) -> bool:
        start.wait()
        try:
            spend(book, quota, asked(1, question))
        except TokenRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_it, range(8))) == 1
    assert quota.used() == 1


def test_a_days_tokens_are_minted_and_no_more_whatever_restarts(
    engine: Engine, clocks: Clocks
) -> None:
    public = token_key(engine, 14, START_MS)
    for _ in range(4):
        assert len(minted(a_book(engine, clocks), public, 25)) == 25
    with pytest.raises(TokensMinted) as caught:
        minted(a_book(engine, clocks), public, 1)
    assert DAY_MS <= caught.value.retry_after_seconds * 1000 <= DAY_MS + HOUR_MS
    clocks.pass_ms(caught.value.retry_after_seconds * 1000)
    minted(a_book(engine, clocks), public, 25)


def test_setting_the_clock_frees_no_tokens(engine: Engine, clocks: Clocks) -> None:
    public = token_key(engine, 14, START_MS)
    book = a_book(engine, clocks)
    for _ in range(2):
        minted(book, public, 50)
    for step_ms in (-DAY_MS, 3 * DAY_MS, -400 * DAY_MS):
        clocks.wall_ms += step_ms
        with pytest.raises(TokensMinted):
            minted(book, public, 1)


def test_a_token_key_serves_many_epochs_and_then_a_new_one_comes(
    engine: Engine, clocks: Clocks
) -> None:
    first = token_key(engine, 14, START_MS)
    assert token_key(engine, 14, START_MS + 13 * DAY_MS) == first
    second = token_key(engine, 14, START_MS + 14 * DAY_MS)
    assert second != first
    assert token_key(engine, 14, START_MS + 15 * DAY_MS) == second


def test_a_key_ends_with_the_last_epoch_that_names_it_and_its_nonces_with_it(
    engine: Engine, clocks: Clocks
) -> None:
    book, quota = a_book(engine, clocks), a_quota(engine, clocks)
    first = token_key(engine, 14, START_MS)
    (token,) = minted(book, first, 1)
    spend(book, quota, Asked("split", token.key_id, token.nonce, bytes(32), b"q", bytes(32)))
    assert book.end_due([]) == 0  # the newest stays: an epoch may be about to name it
    second = token_key(engine, 14, START_MS + 14 * DAY_MS)
    assert book.end_due([first, second]) == 0
    assert book.end_due([second]) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tokens_spent)) == 0
        assert list(connection.scalars(select(token_keys.c.public_key))) == [second]
    with pytest.raises(TokenRefused):
        minted(book, first, 1)  # nor from memory


def test_an_ended_keys_secret_is_in_no_file_any_more(tmp_path: Path, clocks: Clocks) -> None:
    own = open_quota_database(tmp_path)
    token_key(own, 14, START_MS)
    with own.connect() as connection:
        secret = connection.scalar(select(token_keys.c.secret_key))
    assert secret is not None

    def found() -> bool:
        return any(secret in path.read_bytes() for path in tmp_path.iterdir())

    assert found()
    newest = token_key(own, 14, START_MS + 14 * DAY_MS)
    a_book(own, clocks).end_due([newest])
    assert not found()


@pytest.fixture
def service(keeper: Keeper) -> FastAPI:
    keeper.publish()
    return keeper.app()


def refusal(app: FastAPI, body: bytes) -> tuple[int, str]:
    reply = post_ask(app, body)
    return reply.status_code, reply.json()["error"]


def current_question(app: FastAPI, label: str = "photograph") -> bytes:
    manifest = read(ask_epoch(app, "/v1/epochs/current").content)
    return a_question(manifest, label).request.body


def test_no_question_is_answered_without_a_good_token(service: FastAPI) -> None:
    question = current_question(service)
    (token,) = issued(service, 1)
    assert refusal(service, question) == (400, "MalformedMessage")  # bare
    forged = Token(token.key_id, token.nonce, bytes(64))
    assert refusal(service, forged.ask("split", question)) == (403, "TokenRefused")
    foreign = Token(bytes(8), token.nonce, token.value)
    assert refusal(service, foreign.ask("split", question)) == (403, "TokenRefused")
    assert refusal(service, token.ask("enclave", question)) == (403, "TokenRefused")
    figures = ask_epoch(service, "/metrics").text
    assert "softfall_quota_used_evaluations 0.0" in figures
    assert ask_answer(service, question, token).status_code == 200


def test_a_lost_answer_is_given_again_and_no_other_question_with_it(service: FastAPI) -> None:
    (token,) = issued(service, 1)
    body = token.ask("split", current_question(service))
    first, again = post_ask(service, body), post_ask(service, body)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = token.ask("split", current_question(service, "another photograph"))
    assert refusal(service, other) == (403, "TokenRefused")


def test_when_the_day_is_over_the_service_says_when_to_come_back(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, changed={"tokens_per_day": 5}).set_up(3)
    manifest = keeper.publish()
    app = keeper.app()
    assert len(issued(app, 5)) == 5
    reply = post_issue(app, begin(manifest.token_key, 1, os.urandom).request)
    assert (reply.status_code, reply.json()["error"]) == (429, "TokensMinted")
    assert 86_000 < int(reply.headers["retry-after"]) <= 88_200
    assert "softfall_tokens_minted_today 5.0" in ask_epoch(app, "/metrics").text


def test_tokens_outlive_an_epoch_and_not_their_key(tmp_path: Path) -> None:
    """Also: an old epoch takes old tokens while it answers, a new one only its own."""
    keeper = Keeper(tmp_path, changed={"token_key_days": 2.0}).set_up(3)
    first = keeper.publish()
    app = keeper.app()
    spare, old, older = issued(app, 3)
    keeper.clocks.pass_ms(DAY_MS)
    keeper.add(1, seed=2)
    second = keeper.publish()
    assert (second.token_key, second.public_key != first.public_key) == (first.token_key, True)
    assert ask_answer(app, a_question(second).request.body, spare).status_code == 200
    keeper.clocks.pass_ms(2 * DAY_MS)
    keeper.add(1, seed=3)
    third = keeper.publish()
    assert third.token_key != first.token_key
    body = old.ask("split", a_question(third).request.body)
    assert refusal(app, body) == (403, "TokenRefused")
    assert ask_answer(app, a_question(second).request.body, old).status_code == 200
    keeper.clocks.pass_ms(2 * HOUR_MS)
    reply = ask_answer(app, a_question(second).request.body, older)
    assert (reply.status_code, reply.json()["error"]) == (410, "EpochEnded")


def test_evaluations_are_counted_once_for_each_answer(service: FastAPI) -> None:
    for label in ("one", "two"):
        assert ask_answer(service, current_question(service, label)).status_code == 200
    assert f"softfall_quota_used_evaluations {2 * QUESTIONS}.0" in (
        ask_epoch(service, "/metrics").text
    )
