"""What the dealer hands out, to whom, and what its API has no room for."""

import random
from pathlib import Path

import pytest

from softfall.options.confirm import custodian
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import Mismatch
from tests.dealer.dealing import BORN_MS, Dealing
from tests.options.confirm.parties import ENTRY, EPOCH, KEYS, OPTION, at_distance, shares_of


@pytest.fixture
def dealing(tmp_path: Path) -> Dealing:
    return Dealing(tmp_path)


def serials(batch: list[tuple[int, bytes]]) -> list[int]:
    return [serial for serial, _ in batch]


def test_both_parties_get_the_same_serials_in_order_each_its_own_half(dealing: Dealing) -> None:
    with dealing.client() as client:
        first = dealing.fetch(client, "provider", 5)
        same = dealing.fetch(client, "custodian", 3)
        later = dealing.fetch(client, "custodian", 4)
        rest = dealing.fetch(client, "provider", 3)
    expected = [BORN_MS * 2**20 + i for i in range(8)]
    assert serials(first) + serials(rest) == expected
    assert serials(same) + serials(later) == expected[:7]
    for serial, dealt in first:
        assert DealtProvider.decode(dealt).serial == serial
    for serial, dealt in same:
        assert DealtCustodian.decode(dealt).serial == serial


@pytest.mark.parametrize(("distance_bits", "expected"), [(31, True), (32, False)])
def test_what_the_dealer_hands_out_confirms_exactly(
    dealing: Dealing, distance_bits: int, expected: bool
) -> None:
    source = random.Random(distance_bits)
    with dealing.client() as client:
        ours, theirs = (dealing.fetch(client, party, 20) for party in ("provider", "custodian"))
    for (_, provider_half), (_, custodian_half) in zip(ours, theirs, strict=True):
        hash_bits = source.randbytes(32)
        entry = at_distance(hash_bits, distance_bits, source)
        dealt = DealtProvider.decode(provider_half)
        asking = Confirming(dealt, shares_of(hash_bits).body, OPTION, EPOCH, ENTRY)
        material = DealtCustodian.decode(custodian_half)
        begun, kept = custodian.begin(asking.begin(), material, KEYS, entry)
        finish = asking.go_on(begun)
        assert kept is not None
        assert not isinstance(finish, Mismatch)
        finished = custodian.finish(finish, custodian.Kept.decode(kept))
        assert asking.bit(finished) is expected


def test_only_a_party_with_its_token_is_dealt_to(dealing: Dealing) -> None:
    swapped = dealing.headers("provider")["Authorization"][:-1] + "~"
    with dealing.client() as client:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": swapped}):
            reply = client.post("/v1/stock", json={"count": 1}, headers=headers)
            assert (reply.status_code, reply.json()["error"]) == (401, "DealerTokenWrong")
        assert serials(dealing.fetch(client, "custodian", 1)) == [BORN_MS * 2**20]


@pytest.mark.parametrize(
    "body", [{}, {"count": 0}, {"count": 4097}, {"count": "many"}, {"count": 1, "entry": 7}]
)
def test_a_request_has_room_for_a_number_and_nothing_else(dealing: Dealing, body: object) -> None:
    with dealing.client() as client:
        reply = client.post("/v1/stock", json=body, headers=dealing.headers("provider"))
    assert (reply.status_code, reply.json()["error"]) == (422, "InvalidRequest")


def test_a_request_of_more_than_a_few_words_is_cut_off(dealing: Dealing) -> None:
    with dealing.client() as client:
        reply = client.post(
            "/v1/stock", content=b'{"count": 1' + b" " * 300 + b"}",
            headers=dealing.headers("provider"),
        )  # fmt: skip
    assert (reply.status_code, reply.json()["error"]) == (413, "RequestTooLarge")


def test_one_answer_holds_a_batch_at_most(tmp_path: Path) -> None:
    dealing = Dealing(tmp_path, max_batch=7)
    with dealing.client() as client:
        assert len(dealing.fetch(client, "provider", 4096)) == 7


def test_the_largest_batch_fits_its_message(tmp_path: Path) -> None:
    dealing = Dealing(tmp_path, max_batch=4096)
    with dealing.client() as client:
        for party in ("custodian", "provider"):
            assert len(dealing.fetch(client, party, 4096)) == 4096


def test_a_party_that_runs_too_far_ahead_of_the_other_must_wait(tmp_path: Path) -> None:
    dealing = Dealing(tmp_path, max_backlog=10)
    with dealing.client() as client:
        assert len(dealing.fetch(client, "provider", 8)) == 8
        assert len(dealing.fetch(client, "provider", 8)) == 2
        full = client.post("/v1/stock", json={"count": 1}, headers=dealing.headers("provider"))
        assert (full.status_code, full.json()["error"]) == (429, "DealerStockFull")
        assert int(full.headers["Retry-After"]) > 0
        assert len(dealing.fetch(client, "custodian", 4)) == 4
        assert len(dealing.fetch(client, "provider", 8)) == 4


def test_its_figures_are_counts_alone(dealing: Dealing) -> None:
    with dealing.client() as client:
        dealing.fetch(client, "provider", 3)
        figures = client.get("/metrics").text
    assert 'softfall_dealt_total{party="provider"} 3.0' in figures
    assert 'softfall_dealt_waiting{party="custodian"} 3.0' in figures
    assert 'softfall_dealt_waiting{party="provider"} 0.0' in figures
