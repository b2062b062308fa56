"""The store: each half once, nothing of it left behind, and the order of serials."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from softfall.dealer.serials import SERIALS_PER_MS
from softfall.dealer.stock import DealerStockFull, Stock, open_database
from softfall.edge.dealer_tokens import ConfirmParty
from softfall.options.confirm import wire
from softfall.options.confirm.material import DealtCustodian, DealtProvider


@contextmanager
def a_stock(folder: Path, born_ms: int = 5, max_backlog: int = 1000) -> Iterator[Stock]:
    engine = open_database(folder)
    try:
        yield Stock(engine, max_backlog, lambda: born_ms, os.urandom)
    finally:
        engine.dispose()


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_store_that_is_made_anew_never_repeats_an_earlier_ones_serials(tmp_path: Path) -> None:
    with a_stock(tmp_path / "one", born_ms=5) as one, a_stock(tmp_path / "two", born_ms=6) as two:
        last = DealtProvider.decode(one.hand_out("provider", 50)[-1]).serial
        first = DealtProvider.decode(two.hand_out("provider", 1)[0]).serial
    assert first > last
    assert first == 6 * SERIALS_PER_MS


def test_a_store_that_is_opened_again_goes_on_where_it_was(tmp_path: Path) -> None:
    with a_stock(tmp_path, born_ms=5) as stock:
        before = stock.hand_out("provider", 3)
    with a_stock(tmp_path, born_ms=9) as stock:
        after = stock.hand_out("provider", 3)
        theirs = stock.hand_out("custodian", 6)
    dealt = [DealtProvider.decode(half).serial for half in before + after]
    assert dealt == list(range(5 * SERIALS_PER_MS, 5 * SERIALS_PER_MS + 6))
    assert [DealtCustodian.decode(half).serial for half in theirs] == dealt


@pytest.mark.parametrize(
    ("first", "second"), [("provider", "custodian"), ("custodian", "provider")]
)
def test_nothing_that_was_handed_out_stays_on_the_disk(
    tmp_path: Path, first: ConfirmParty, second: ConfirmParty
) -> None:
    with a_stock(tmp_path) as stock:
        gone = stock.hand_out(first, 40)
        kept = on_disk(tmp_path)
        waiting = stock.hand_out(second, 40)
        left = on_disk(tmp_path)
    message = {"provider": wire.DEALT_PROVIDER, "custodian": wire.DEALT_CUSTODIAN}
    seeds = {
        party: [wire.octets(message[party].decode(half), "seed") for half in halves]
        for party, halves in ((first, gone), (second, waiting))
    }
    assert not [seed for seed in seeds[first] if seed in kept]  # never written at all
    assert all(seed in kept for seed in seeds[second])  # so the search would see one
    assert not [seed for seed in seeds[first] + seeds[second] if seed in left]


def test_many_who_ask_at_once_never_get_the_same_half(tmp_path: Path) -> None:
    parties: list[ConfirmParty] = ["provider", "custodian"] * 4
    handed: dict[ConfirmParty, list[bytes]] = {"provider": [], "custodian": []}
    with a_stock(tmp_path) as stock:

        def fetch(party: ConfirmParty) -> None:
            for _ in range(5):
                handed[party] += stock.hand_out(party, 7)

        threads = [threading.Thread(target=fetch, args=(party,)) for party in parties]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    provider = [DealtProvider.decode(half).serial for half in handed["provider"]]
    custodian = [DealtCustodian.decode(half).serial for half in handed["custodian"]]
    assert len(provider) == len(set(provider)) == 140
    assert sorted(provider) == sorted(custodian)


def test_a_full_backlog_refuses_and_deals_nothing(tmp_path: Path) -> None:
    with a_stock(tmp_path, max_backlog=4) as stock:
        stock.hand_out("custodian", 9)
        with pytest.raises(DealerStockFull):
            stock.hand_out("custodian", 1)
        assert stock.backlog() == {"provider": 4, "custodian": 0}
        assert len(stock.hand_out("provider", 9)) == 8  # the four that wait, and four fresh ones
