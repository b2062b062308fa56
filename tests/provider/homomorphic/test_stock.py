"""Dealt material at the provider: by mode and size, each serial once, on both databases."""

from collections.abc import Iterator

import pytest

from softfall.edge.stock_keeping import Batch
from softfall.options.homomorphic.parameters import Mode
from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.homomorphic.stock import HomomorphicStock, Kind
from softfall.store.transactions import Database
from tests.databases import Databases

SMALL, LARGE = Kind(Mode.ONE_BIT, 1024), Kind(Mode.ONE_BIT, 4096)
PERMUTED = Kind(Mode.PERMUTED, 1024)


class Dealer:
    """Hands out the next serials, and remembers of which kind."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.next_serial = 1

    def deal(self, kind: Kind, count: int) -> Batch:
        self.kinds.append(kind)
        first, self.next_serial = self.next_serial, self.next_serial + count
        return [(serial, b"dealt %d" % serial) for serial in range(first, first + count)]


@pytest.fixture
def dealer() -> Dealer:
    return Dealer()


@pytest.fixture
def stock(databases: Databases, dealer: Dealer) -> Iterator[HomomorphicStock]:
    db = Database(databases.migrated(CONFIRM_MIGRATIONS), CONFIRM_MIGRATIONS)
    yield HomomorphicStock(db, dealer.deal)
    db.close()


def serials(taken: list[tuple[int, bytes]]) -> list[int]:
    return [serial for serial, _ in taken]


def test_a_serial_that_was_taken_is_gone(stock: HomomorphicStock) -> None:
    stock.want([SMALL])
    stock.fetch(4)
    assert stock.take(Mode.ONE_BIT, 900, 2) == [(1, b"dealt 1"), (2, b"dealt 2")]
    assert serials(stock.take(Mode.ONE_BIT, 900, 9)) == [3, 4]
    assert stock.take(Mode.ONE_BIT, 900, 1) == []


def test_material_for_fewer_rows_or_another_mode_is_never_used(stock: HomomorphicStock) -> None:
    stock.want([SMALL, PERMUTED])
    stock.fetch(1)
    stock.fetch(1)
    assert stock.count() == 1
    assert stock.take(Mode.ONE_BIT, 1025, 2) == []
    assert serials(stock.take(Mode.PERMUTED, 1024, 2)) == [2]
    assert serials(stock.take(Mode.ONE_BIT, 1024, 2)) == [1]


def test_what_is_scarcest_is_fetched_first(stock: HomomorphicStock, dealer: Dealer) -> None:
    stock.want([SMALL, PERMUTED])
    for _ in range(4):
        stock.fetch(2)
    assert dealer.kinds.count(SMALL) == dealer.kinds.count(PERMUTED) == 2


def test_a_list_that_grew_takes_larger_material_and_the_small_goes(
    stock: HomomorphicStock, dealer: Dealer
) -> None:
    stock.want([SMALL])
    stock.fetch(3)
    stock.want([LARGE])
    assert stock.count() == 0
    stock.fetch(2)
    assert serials(stock.take(Mode.ONE_BIT, 10, 9)) == [4, 5]
    assert dealer.kinds == [SMALL, LARGE]


def test_nothing_is_fetched_while_no_list_is_in_use(
    stock: HomomorphicStock, dealer: Dealer
) -> None:
    assert stock.count() > 10_000
    assert list(stock.fetch(5)) == []
    assert dealer.kinds == []


def test_what_a_new_dealer_hands_out_takes_the_place_of_an_old_ones(
    stock: HomomorphicStock, dealer: Dealer
) -> None:
    stock.want([SMALL])
    stock.fetch(2)
    dealer.next_serial = 1
    stock.fetch(1)
    assert sorted(serials(stock.take(Mode.ONE_BIT, 1, 9))) == [1, 2]


def test_serials_that_the_keyholder_lacks_are_passed_over(stock: HomomorphicStock) -> None:
    stock.want([SMALL])
    stock.fetch(5)
    stock.pass_over(Mode.ONE_BIT, 3)
    stock.pass_over(Mode.ONE_BIT, 0)
    assert serials(stock.take(Mode.ONE_BIT, 1, 9)) == [4, 5]
