"""Dealing by kind: each half once, seeds alone at rest, and none of what was handed out."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from softfall.dealer.homomorphic_stock import Backlog, Handed, HomomorphicStock, Kind
from softfall.dealer.stock import DealerStockFull, Stock, open_database
from softfall.dealer.tables import seeds
from softfall.edge.dealer_tokens import HomomorphicParty
from softfall.options.confirm.material import DealtProvider
from softfall.options.homomorphic.dealt_wire import columns_bytes
from softfall.options.homomorphic.parameters import Mode

SMALL, LARGE = Kind(Mode.ONE_BIT, 1024), Kind(Mode.ONE_BIT, 4096)
CHEAP = Kind(Mode.PERMUTED, 1024)
PLENTY = Backlog(1000, 1 << 30)


@contextmanager
def both_stocks(
    folder: Path, backlog: Backlog = PLENTY
) -> Iterator[tuple[HomomorphicStock, Stock]]:
    engine = open_database(folder)
    confirm = Stock(engine, 1000, lambda: 5, os.urandom)
    try:
        yield HomomorphicStock(engine, backlog, confirm.turn, lambda: 5, os.urandom), confirm
    finally:
        engine.dispose()


@contextmanager
def a_stock(folder: Path, backlog: Backlog = PLENTY) -> Iterator[HomomorphicStock]:
    with both_stocks(folder, backlog) as (stock, _):
        yield stock


def serials(handed: list[Handed]) -> list[int]:
    return [each.serial for each in handed]


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("first", "second"), [("provider", "keyholder"), ("keyholder", "provider")]
)
def test_whoever_comes_first_both_get_the_same_serials_and_the_same_seeds(
    tmp_path: Path, first: HomomorphicParty, second: HomomorphicParty
) -> None:
    with a_stock(tmp_path) as stock:
        one = stock.hand_out(first, SMALL, 5)
        other = stock.hand_out(second, SMALL, 3) + stock.hand_out(second, SMALL, 4)
        rest = stock.hand_out(first, SMALL, 2)
    assert serials(one + rest) == serials(other)
    for mine, theirs in zip(one, other, strict=False):
        assert mine.seeds.provider == theirs.seeds.provider
    keyholders = other if second == "keyholder" else one
    assert all(len(each.seeds.keyholder) == 32 for each in keyholders[:5])


def test_kinds_do_not_mix_and_no_serial_is_of_two(tmp_path: Path) -> None:
    with both_stocks(tmp_path) as (stock, confirm):
        handed = {kind: stock.hand_out("provider", kind, 4) for kind in (SMALL, LARGE, CHEAP)}
        confirmed = [DealtProvider.decode(half).serial for half in confirm.hand_out("provider", 4)]
        for kind in (CHEAP, SMALL, LARGE):
            theirs = stock.hand_out("keyholder", kind, 4)
            assert serials(theirs) == serials(handed[kind])
            assert {each.kind for each in theirs} == {kind}
    all_serials = [serial for each in handed.values() for serial in serials(each)] + confirmed
    assert len(set(all_serials)) == 16


@pytest.mark.parametrize(
    ("first", "second"), [("provider", "keyholder"), ("keyholder", "provider")]
)
def test_what_a_party_was_handed_is_not_on_the_disk(
    tmp_path: Path, first: HomomorphicParty, second: HomomorphicParty
) -> None:
    with a_stock(tmp_path) as stock:
        handed = stock.hand_out(first, SMALL, 40)
        waiting = on_disk(tmp_path)
        stock.hand_out(second, SMALL, 40)
        left = on_disk(tmp_path)
    for each in handed:
        # A keyholder's half that is gone can't be made again: its seed is not there.
        assert (each.seeds.keyholder in waiting) is (second == "keyholder")
        assert each.seeds.provider in waiting  # the other half is still made from it
        assert each.seeds.provider not in left
        assert each.seeds.keyholder not in left


def test_a_provider_that_comes_second_leaves_no_seed_of_the_keyholders(tmp_path: Path) -> None:
    with a_stock(tmp_path) as stock:
        stock.hand_out("keyholder", SMALL, 3)
        with stock._engine.connect() as connection:
            assert list(connection.scalars(select(seeds.c.keyholder_seed))) == [None] * 3
        assert all(each.seeds.keyholder == b"" for each in stock.hand_out("provider", SMALL, 3))


def test_a_store_that_is_opened_again_has_what_waited(tmp_path: Path) -> None:
    with a_stock(tmp_path) as stock:
        before = stock.hand_out("provider", SMALL, 3)
    with a_stock(tmp_path) as stock:
        after = stock.hand_out("provider", SMALL, 2)
        assert stock.hand_out("keyholder", SMALL, 5) == before + after


def test_many_threads_of_both_parties_get_each_serial_once(tmp_path: Path) -> None:
    with a_stock(tmp_path) as stock:
        handed: dict[HomomorphicParty, list[Handed]] = {"provider": [], "keyholder": []}

        def fetch(party: HomomorphicParty) -> None:
            for _ in range(10):
                handed[party] += stock.hand_out(party, SMALL, 3)

        threads = [
            threading.Thread(target=fetch, args=(party,)) for party in handed for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for got in handed.values():
        assert len(got) == len(set(serials(got))) == 90


def test_a_full_backlog_by_number_refuses(tmp_path: Path) -> None:
    with a_stock(tmp_path, Backlog(4, 1 << 30)) as stock:
        assert len(stock.hand_out("provider", SMALL, 9)) == 4
        with pytest.raises(DealerStockFull):
            stock.hand_out("provider", SMALL, 1)
        assert stock.waiting()["keyholder"].serials == 4
        assert len(stock.hand_out("keyholder", SMALL, 9)) == 8


def test_a_full_backlog_by_bytes_refuses_and_counts_only_what_the_keyholder_must_fetch(
    tmp_path: Path,
) -> None:
    most = Backlog(1000, 3 * columns_bytes(*LARGE) + 1)
    with a_stock(tmp_path, most) as stock:
        assert len(stock.hand_out("provider", LARGE, 9)) == 3
        with pytest.raises(DealerStockFull):
            stock.hand_out("provider", LARGE, 1)
        assert stock.waiting()["keyholder"] == Backlog(3, 3 * columns_bytes(*LARGE))
        assert len(stock.hand_out("keyholder", LARGE, 50)) == 50  # for the provider: seeds


def test_what_waits_of_another_kind_makes_room(tmp_path: Path) -> None:
    """A list that has grown must not find the dealer full of what nobody will fetch any more."""
    with a_stock(tmp_path, Backlog(1000, 4 * columns_bytes(*LARGE))) as stock:
        old = stock.hand_out("provider", SMALL, 12)
        assert len(stock.hand_out("provider", LARGE, 3)) == 3
        left = stock.waiting()["keyholder"]
        assert left.size_bytes <= 4 * columns_bytes(*LARGE)
        newest = serials(stock.hand_out("keyholder", SMALL, left.serials - 3))
        assert newest == serials(old)[-len(newest) :]  # the oldest went
        assert len(stock.hand_out("provider", LARGE, 1)) == 1
        with pytest.raises(DealerStockFull):
            stock.hand_out("provider", LARGE, 1)
