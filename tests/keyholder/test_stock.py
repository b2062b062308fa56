"""The stock of dealt material: each serial once, erased, in step with the provider's."""

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from softfall.config import KeyholderSettings
from softfall.keyholder import tables
from softfall.keyholder.files import KeyholderDiskFull
from softfall.keyholder.stock import (
    IDLE_MS,
    OPENING_MS,
    SPENT_MS,
    Kind,
    MaterialSpent,
    MaterialUnknown,
    Stock,
)
from softfall.keyholder.store import open_database
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.wire import MAX_BATCH
from softfall.store.database import empty_the_log

SMALL, LARGE = Kind(Mode.ONE_BIT, 1024), Kind(Mode.ONE_BIT, 2048)
STRAGGLERS = 3


class Shop:
    """A stock, its clock, and what lies on its disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = SPENT_MS
        self.engine = open_database(folder)
        self.drawn = 0
        self.stock = self.open()

    def open(self) -> Stock:
        folder = self.folder / "stock"
        return Stock(self.engine, folder, STRAGGLERS, 3, lambda: self.now_ms, self.random)

    def random(self, count: int) -> bytes:
        self.drawn += 1
        return key(self.drawn)[:count]

    def put(self, *serials: int, kind: Kind = SMALL) -> None:
        self.stock.put(kind, [(serial, dealt(serial)) for serial in serials])

    def take(self, serial: int) -> bytes:
        with self.engine.begin() as tx:
            taken = self.stock.take(tx, serial)
        return self.stock.open(taken)

    def on_disk(self) -> bytes:
        empty_the_log(self.engine)
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())

    def files(self) -> set[str]:
        return {path.name for path in (self.folder / "stock").iterdir()}


def key(number: int) -> bytes:
    """The so-many-th that is drawn."""
    return hashlib.sha256(f"key {number}".encode()).digest()


def key_of_zeros(count: int) -> bytes:
    return bytes(count)


def dealt(serial: int) -> bytes:
    return f"half of {serial}".encode() * 100


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_the_migrations_make_exactly_the_tables(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_what_was_put_can_be_taken_once_in_any_order(shop: Shop) -> None:
    shop.put(1, 2, 3)
    assert shop.take(2) == dealt(2)
    assert shop.take(1) == dealt(1)
    for stock in (shop.stock, shop.open()):
        with shop.engine.begin() as tx, pytest.raises(MaterialSpent):
            stock.take(tx, 2)
        with shop.engine.begin() as tx, pytest.raises(MaterialUnknown):
            stock.take(tx, 4)


def test_nothing_of_it_lies_on_the_disk_in_clear_and_no_key_once_it_is_taken(shop: Shop) -> None:
    shop.put(1, 2)
    assert dealt(1)[:50] not in shop.on_disk()
    assert key(1) in shop.on_disk()
    shop.take(1)
    assert key(1) not in shop.on_disk()
    assert key(2) in shop.on_disk()
    assert shop.files() == {"2.dealt"}


def test_a_transaction_that_fails_spends_nothing(shop: Shop) -> None:
    shop.put(1)
    with shop.engine.connect() as tx:
        shop.stock.take(tx, 1)
        tx.rollback()
    assert shop.take(1) == dealt(1)


def test_what_was_taken_is_not_swept_before_it_is_opened(shop: Shop) -> None:
    shop.put(1)
    with shop.engine.begin() as tx:
        taken = shop.stock.take(tx, 1)
    shop.stock.tidy([SMALL])
    assert shop.stock.open(taken) == dealt(1)


def test_what_is_never_opened_goes_after_a_while(shop: Shop) -> None:
    shop.put(1)
    with shop.engine.begin() as tx:
        shop.stock.take(tx, 1)
    shop.now_ms += OPENING_MS + 1
    shop.stock.sweep()
    assert shop.files() == set()


def test_a_damaged_file_is_told_and_never_used(shop: Shop) -> None:
    shop.put(1, 2)
    path = shop.folder / "stock" / "1.dealt"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (shop.folder / "stock" / "2.dealt").unlink()
    for serial in (1, 2):
        with shop.engine.begin() as tx:
            taken = shop.stock.take(tx, serial)
        with pytest.raises(MaterialUnknown, match="damaged"):
            shop.stock.open(taken)


def test_one_serials_file_in_anothers_place_is_not_used(shop: Shop) -> None:
    shop.put(1, 2)
    folder = shop.folder / "stock"
    (folder / "1.dealt").write_bytes((folder / "2.dealt").read_bytes())
    with shop.engine.begin() as tx:
        taken = shop.stock.take(tx, 1)
    with pytest.raises(MaterialUnknown):
        shop.stock.open(taken)


def test_only_what_is_still_to_be_asked_for_counts(shop: Shop) -> None:
    shop.put(1, 2, 3, 4)
    shop.put(11, kind=LARGE)
    assert (shop.stock.count(SMALL), shop.stock.count(LARGE)) == (4, 1)
    shop.take(3)
    assert shop.stock.count(SMALL) == 1
    assert shop.stock.counts() == {SMALL: 3, LARGE: 1}


def test_what_was_overtaken_by_far_is_thrown_away(shop: Shop) -> None:
    shop.put(*range(1, 10))
    shop.put(100, kind=LARGE)
    shop.take(8)
    with pytest.raises(MaterialUnknown):
        shop.take(4)
    shop.stock.sweep()
    assert shop.files() == {"5.dealt", "6.dealt", "7.dealt", "9.dealt", "100.dealt"}


def test_two_processes_lots_of_the_provider_may_come_in_any_order(tmp_path: Path) -> None:
    settings = KeyholderSettings()
    engine = open_database(tmp_path)
    stock = Stock(
        engine, tmp_path / "stock", settings.stragglers, settings.stock, lambda: 1, key_of_zeros
    )
    stock.put(SMALL, [(serial, dealt(serial)) for serial in range(3 * MAX_BATCH)])
    for serial in (*range(MAX_BATCH, 2 * MAX_BATCH), *range(MAX_BATCH)):
        with engine.begin() as tx:
            taken = stock.take(tx, serial)
        assert stock.open(taken) == dealt(serial)


def test_what_a_later_dealer_deals_under_the_same_number_is_good(shop: Shop) -> None:
    shop.put(1)
    shop.stock.put(SMALL, [(1, b"another")])
    assert shop.take(1) == b"another"


def test_a_serial_that_was_spent_is_not_taken_in_again(shop: Shop) -> None:
    shop.put(1)
    shop.take(1)
    shop.put(1)
    with shop.engine.begin() as tx, pytest.raises(MaterialSpent):
        shop.stock.take(tx, 1)
    assert shop.files() == set()


def test_it_is_known_what_is_still_to_come(shop: Shop) -> None:
    def to_come(*serials: int, rows: int = 1000) -> bool:
        return shop.stock.are_to_come(serials, Mode.ONE_BIT, rows)

    assert to_come(1)
    shop.put(3, 5)
    assert not to_come(3, 5)
    assert not to_come(4)  # it was passed over
    assert to_come(5, 6)
    shop.take(5)
    assert not to_come(5)
    shop.put(20, kind=LARGE)
    assert to_come(6)
    assert not to_come(6, rows=2000)
    assert shop.stock.are_to_come([6], Mode.PERMUTED, 1000)


def test_what_no_list_needs_goes_but_greater_material_only_after_a_while(shop: Shop) -> None:
    shop.put(1)
    shop.put(2, kind=LARGE)
    shop.put(3, kind=Kind(Mode.PERMUTED, 4096))
    shop.stock.tidy([SMALL, LARGE])
    assert shop.stock.counts() == {SMALL: 1, LARGE: 1}
    shop.stock.tidy([SMALL])  # the list has shrunk: the provider may have much of the other
    assert shop.stock.counts() == {SMALL: 1, LARGE: 1}
    shop.now_ms += IDLE_MS + 1
    shop.stock.tidy([SMALL])
    assert shop.stock.counts() == {SMALL: 1}
    shop.stock.tidy([LARGE])  # the list has grown
    assert shop.stock.counts() == {}
    assert shop.files() == set()


def test_what_was_spent_long_ago_is_forgotten(shop: Shop) -> None:
    shop.put(1)
    shop.take(1)
    shop.now_ms += SPENT_MS + 1
    shop.stock.tidy([SMALL])
    with shop.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.spent)) == 0


def test_threads_that_ask_for_one_serial_at_once_get_it_once(shop: Shop) -> None:
    shop.put(*range(1, 13))
    got: list[int] = []
    lost: list[int] = []
    start = threading.Barrier(4)

    def ask() -> None:
        start.wait()
        for serial in range(1, 13):
            try:
                with shop.engine.begin() as tx:
                    shop.stock.take(tx, serial)
                got.append(serial)
            except (MaterialSpent, MaterialUnknown):
                lost.append(serial)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(1, 13))
    assert len(lost) == 36


def test_what_comes_and_what_is_taken_at_one_time_do_not_wait_for_each_other(shop: Shop) -> None:
    shop.put(1)
    coming = threading.Thread(target=shop.put, args=(2,))
    with shop.engine.begin() as tx:
        shop.stock.take(tx, 1)
        coming.start()
        while "2.dealt" not in shop.files():  # then it waits for this transaction to end
            time.sleep(0.01)
        with pytest.raises(MaterialUnknown):
            shop.stock.take(tx, 2)
    coming.join()
    assert shop.take(2) == dealt(2)


def test_a_full_disk_keeps_what_came_before(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put(1)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(KeyholderDiskFull):
        shop.put(2)
    monkeypatch.undo()
    assert shop.files() == {"1.dealt"}
    assert shop.stock.counts() == {SMALL: 1}


DIES = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from softfall.keyholder import stock as room
from softfall.keyholder.store import open_database
from softfall.options.homomorphic.parameters import Mode

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

folder, instant = Path(sys.argv[1]), sys.argv[2]
engine = open_database(folder)
stock = room.Stock(engine, folder / "stock", 3, 3, lambda: 1, os.urandom)
kind = room.Kind(Mode.ONE_BIT, 1024)
if instant == "a file without its row":
    event.listen(engine, "commit", die)
    stock.put(kind, [(2, b"x" * 5000)])
if instant == "before it is written down":
    event.listen(engine, "commit", die)
with engine.begin() as tx:
    taken = stock.take(tx, 1)
die()
"""


@pytest.mark.parametrize(
    ("instant", "left"),
    [
        ("a file without its row", {"1.dealt"}),
        ("before it is written down", {"1.dealt"}),
        ("before it is used", set()),
    ],
)
def test_a_kill_at_any_instant_uses_nothing_twice(
    tmp_path: Path, instant: str, left: set[str]
) -> None:
    shop = Shop(tmp_path)
    shop.put(1)
    shop.engine.dispose()
    died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path), instant], check=False)
    assert died.returncode == -9
    shop = Shop(tmp_path)
    assert shop.files() == left
    if left:
        assert shop.take(1) == dealt(1)
    else:
        with pytest.raises(MaterialSpent):
            shop.take(1)
