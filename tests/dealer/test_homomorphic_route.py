"""The route for homomorphic material: whose half, of which kind, and no room for anything else."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from softfall.crypto import comparing
from softfall.edge.dealer_tokens import make_missing_tokens, token_file
from softfall.options.homomorphic import dealt_wire
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.wire import MalformedMessage
from tests.dealer.dealing import Dealing

ROUTE = "/v1/homomorphic/stock"
ROWS = 70_000  # two parts


@pytest.fixture
def dealing(tmp_path: Path) -> Dealing:
    return Dealing(tmp_path)


def asked(dealing: Dealing, client: TestClient, party: str, **changed: Any) -> httpx.Response:
    body = {"mode": "one_bit", "rows": ROWS, "count": 4, **changed}
    reply: httpx.Response = client.post(ROUTE, json=body, headers=dealing.headers(party))
    return reply


def halves(reply: httpx.Response) -> list[bytes]:
    """What the keyholder was handed."""
    return [half for _, half in dealt_wire.decode_keyholder_stock(reply.content)]


@pytest.mark.parametrize("mode", ["one_bit", "permuted"])
def test_each_party_gets_its_own_halves_of_the_same_serials(dealing: Dealing, mode: str) -> None:
    with dealing.client() as client:
        ours = dealt_wire.decode_stock(asked(dealing, client, "provider", mode=mode).content)
        theirs = []
        for count in (1, 3):
            reply = asked(dealing, client, "keyholder", mode=mode, count=count)
            theirs += [DealtKeyholder.decode(half) for half in halves(reply)]
            assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert len(ours) == 4
    assert [half.serial for half in theirs] == [serial for serial, _ in ours]
    for (_, own), other in zip(ours, theirs, strict=True):
        half = DealtProvider.decode(own)
        assert half.mode is other.mode is Mode[mode.upper()]
        assert half.capacity == other.capacity == ROWS


def test_halves_that_were_streamed_fit(dealing: Dealing) -> None:
    with dealing.client() as client:
        [(_, own)] = dealt_wire.decode_stock(asked(dealing, client, "provider", count=1).content)
        [other] = halves(asked(dealing, client, "keyholder", count=1))
    ours, theirs = DealtProvider.decode(own).spend(), DealtKeyholder.decode(other).spend()
    triples = [half.triple(ROWS) for half in (ours, theirs)]  # type: ignore[union-attr]
    left, right, product = (one ^ two for one, two in zip(*triples, strict=True))
    assert ((left & right) == product).all()
    masks = (half.masks(ROWS) for half in (ours, theirs))  # type: ignore[union-attr]
    whole = comparing.masked(*masks).astype(np.uint32)
    tables = (half.tables(ROWS) for half in (ours, theirs))  # type: ignore[union-attr]
    for (start, stop), one, two in zip(comparing.parts(ROWS), *tables, strict=True):
        assert ((one.below ^ two.below) == (1 << whole[start:stop] % 32) - 1).all()
        assert ((one.equal ^ two.equal) == 1 << whole[start:stop] // 32).all()


def test_one_party_never_reads_the_others_form(dealing: Dealing) -> None:
    with dealing.client() as client:
        provider = asked(dealing, client, "provider").content
        keyholder = asked(dealing, client, "keyholder").content
    with pytest.raises(MalformedMessage):
        dealt_wire.decode_keyholder_stock(provider)
    with pytest.raises(MalformedMessage):
        dealt_wire.decode_stock(keyholder)


def test_each_party_is_dealt_its_own_options_halves_alone(dealing: Dealing) -> None:
    with dealing.client() as client:
        custodian = asked(dealing, client, "custodian")
        keyholder = client.post(
            "/v1/stock", json={"count": 1}, headers=dealing.headers("keyholder")
        )
        nobody = client.post(ROUTE, json={"mode": "one_bit", "rows": 9, "count": 1})
    for reply in (custodian, keyholder):
        assert (reply.status_code, reply.json()["error"]) == (403, "NothingForThisParty")
    assert (nobody.status_code, nobody.json()["error"]) == (401, "DealerTokenWrong")


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": 0}, {"rows": 2**24 + 1}, {"rows": "many"}, {"count": 0}, {"count": 1025},
        {"mode": "clear"}, {"mode": 0}, {"picture": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_a_request_has_room_for_a_kind_and_a_number_and_nothing_else(
    dealing: Dealing, changed: dict[str, object]
) -> None:
    with dealing.client() as client:
        reply = asked(dealing, client, "provider", **changed)
    assert (reply.status_code, reply.json()["error"]) == (422, "InvalidRequest")


def test_the_largest_batch_fits_its_message(tmp_path: Path) -> None:
    dealing = Dealing(tmp_path, max_batch=4096)
    with dealing.client() as client:
        reply = asked(dealing, client, "provider", rows=2**24, count=1024, mode="permuted")
        assert len(dealt_wire.decode_stock(reply.content)) >= 200  # what 4 GiB leave room for
        small = asked(dealing, client, "provider", rows=10, count=1024)
    assert len(dealt_wire.decode_stock(small.content)) == 1024


def test_an_answer_to_the_keyholder_holds_what_fits_and_one_half_at_least(
    dealing: Dealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealt_wire, "ANSWER_BYTES", 1_000_000)
    with dealing.client() as client:
        two = asked(dealing, client, "keyholder", count=9)
        one = asked(dealing, client, "keyholder", rows=10 * ROWS, count=9)
        all_nine = asked(dealing, client, "keyholder", rows=10, count=9)
    assert [len(halves(reply)) for reply in (two, one, all_nine)] == [2, 1, 9]
    assert len(two.content) <= dealt_wire.answer_bytes(Mode.ONE_BIT, ROWS) < 1_000_000 + 500


def test_a_full_backlog_is_told_with_a_time_to_come_back(tmp_path: Path) -> None:
    dealing = Dealing(tmp_path, max_homomorphic_backlog_mib=1)
    with dealing.client() as client:
        assert len(dealt_wire.decode_stock(asked(dealing, client, "provider").content)) == 2
        full = asked(dealing, client, "provider")
        assert (full.status_code, full.json()["error"]) == (429, "DealerStockFull")
        assert int(full.headers["Retry-After"]) > 0
        asked(dealing, client, "keyholder")
        assert asked(dealing, client, "provider").status_code == 200


def test_its_figures_are_counts_alone(dealing: Dealing) -> None:
    with dealing.client() as client:
        asked(dealing, client, "provider", count=3)
        asked(dealing, client, "keyholder", count=1)
        figures = client.get("/metrics").text
    assert 'softfall_dealt_total{party="provider"} 3.0' in figures
    assert 'softfall_dealt_total{party="keyholder"} 1.0' in figures
    assert 'softfall_dealt_homomorphic_waiting{party="keyholder"} 2.0' in figures
    assert 'softfall_dealt_homomorphic_waiting{party="provider"} 0.0' in figures


def test_an_older_installation_deals_as_before_until_the_keyholder_has_a_token(
    tmp_path: Path,
) -> None:
    dealing = Dealing(tmp_path)
    token = dealing.headers("keyholder")
    token_file(dealing.settings.tls_dir, "keyholder").unlink()
    body = {"mode": "one_bit", "rows": 10, "count": 1}
    with dealing.client() as client:
        assert len(dealing.fetch(client, "custodian", 3)) == 3
        assert client.post(ROUTE, json=body, headers=token).status_code == 401
    make_missing_tokens(dealing.settings.tls_dir)
    with dealing.client() as client:
        assert asked(dealing, client, "keyholder").status_code == 200
