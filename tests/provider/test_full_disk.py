import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from softfall.provider import judge as judge_module
from softfall.provider.files import Incoming

from .cast import LISTED
from .conftest import House

# How SQLite is full or locked; PostgreSQL's ways are tests/store's.
pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@contextmanager
def full_database(house: House) -> Iterator[None]:
    """SQLite may not grow by one page: its own SQLITE_FULL, as on a full disk."""
    engine = house.service.db.engine
    with house.service.db.read() as tx:
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()

    def limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "checkout", limit)
    try:
        yield
    finally:
        event.remove(engine, "checkout", limit)
        event.listen(engine, "checkout", _unlimited)


def _unlimited(connection: Any, *_: object) -> None:
    connection.execute("PRAGMA max_page_count=4294967294")


def test_on_a_full_disk_a_message_is_refused_by_name_and_mail_can_still_be_read(
    house: House,
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    house.send(ada, ada.text("ben"))
    body = ada.text("ben", group_body=bytes(60_000))
    with full_database(house):
        answer = ada.post(body)
        assert (answer.status_code, answer.json()["error"]) == (507, "StorageFull")
        assert len(ben.mailbox()) == 1
        assert house.http.get("/v1/health").status_code == 200
        assert "StorageFull" in house.log.getvalue()
    house.send(ada, body)
    assert len(ben.mailbox()) == 2


def test_what_was_accepted_before_the_disk_was_full_waits_and_is_then_judged(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_module, "STORE_RETRY_SECONDS", 0.05)
    ada, ben = house.join("ada"), house.join("ben")
    service, real = house.service, judge_module.move

    def move(tx: Connection, *rest: Any) -> Any:
        grown = real(tx, *rest)
        tx.execute(text("CREATE TABLE IF NOT EXISTS filler (x)"))
        tx.execute(text("INSERT INTO filler VALUES (zeroblob(100000))"))  # does not fit
        tx.execute(text("DROP TABLE filler"))
        return grown

    monkeypatch.setattr(judge_module, "move", move)
    with full_database(house):
        # These two fit into the pages that are there; judging them does not.
        for body in (ada.text("ben"), ada.media("ben", word=LISTED)):
            assert ada.post(body).status_code == 202
        while "moving failed" not in house.log.getvalue():
            time.sleep(0.01)
        assert ben.mailbox() == []
        assert service.judge.settle(0) is False
    house.settle()
    assert len(ben.mailbox()) == 1
    assert len(house.holds()) == 1


def test_a_file_that_does_not_fit_is_refused_by_name_and_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = house.join("ada")
    body = b"sealed picture"
    path = f"/v1/attachments/{hashlib.sha256(body).hexdigest()}"
    real = Incoming.add

    def add(incoming: Incoming, piece: bytes) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            kept, incoming._out = incoming._out, full
            try:
                real(incoming, piece)
            finally:
                incoming._out = kept

    monkeypatch.setattr(Incoming, "add", add)
    answer = ada.call("PUT", path, content=body)
    assert (answer.status_code, answer.json()["error"]) == (507, "StorageFull")
    folder = house.service.settings.data_dir / "attachments"
    assert [left for left in folder.rglob("*") if left.is_file()] == []
    monkeypatch.undo()
    assert ada.upload(body)


def test_a_database_that_another_process_keeps_locked_is_busy_and_nothing_is_lost(
    house: House,
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    engine = house.service.db.engine
    body = ada.text("ben")

    def impatient(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout=20")

    event.listen(engine, "checkout", impatient)
    other = sqlite3.connect(house.service.settings.data_dir / "provider.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        answer = ada.post(body)
        assert (answer.status_code, answer.json()["error"]) == (503, "StoreBusy")
        assert ben.mailbox() == []  # reading goes on
        other.execute("ROLLBACK")
    finally:
        other.close()
        event.remove(engine, "checkout", impatient)
    house.send(ada, body)
    assert len(ben.mailbox()) == 1
