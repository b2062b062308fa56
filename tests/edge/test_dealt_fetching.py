"""A party's way to the dealer's homomorphic material: what it takes, and what it refuses."""

import random
from pathlib import Path

import httpx
import pytest

from softfall.edge.dealer_tokens import HomomorphicParty
from softfall.edge.dealt_fetching import HomomorphicDealerClient
from softfall.edge.stock_keeping import DealerUnavailable
from softfall.edge.tls import init_tls
from softfall.options.homomorphic import dealer, dealt_wire
from softfall.options.homomorphic.parameters import Mode

ROWS = 1024


@pytest.fixture(scope="module")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    init_tls(folder / "tls")
    return folder / "tls"


def client_of(
    tls_dir: Path, party: HomomorphicParty, status: int, body: bytes
) -> tuple[HomomorphicDealerClient, list[httpx.Request]]:
    """A client whose dealer says always the same."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, content=body)

    client = HomomorphicDealerClient("https://dealer.example", tls_dir, party)
    client._http = httpx.Client(
        base_url="https://dealer.example", transport=httpx.MockTransport(answer)
    )
    return client, asked


def halves(mode: Mode = Mode.ONE_BIT, rows: int = ROWS) -> tuple[bytes, bytes]:
    dealt = dealer.deal(9, mode, rows, random.Random(1).randbytes)
    return stock_of(dealt.provider), keyholder_stock_of(dealt.keyholder)


def stock_of(*dealt: bytes) -> bytes:
    return dealt_wire.STOCK_PROVIDER.encode({"version": 1, "dealt": list(dealt)})


def keyholder_stock_of(*dealt: bytes) -> bytes:
    return dealt_wire.STOCK_KEYHOLDER.encode({"version": 1, "dealt": list(dealt)})


def test_each_party_takes_its_own_form_and_tells_kind_and_number_alone(tls_dir: Path) -> None:
    provider, keyholder = halves()
    for party, body in (("provider", provider), ("keyholder", keyholder)):
        client, asked = client_of(tls_dir, party, 200, body)  # type: ignore[arg-type]
        [(serial, half)] = client.fetch(Mode.ONE_BIT, ROWS, 5)
        assert serial == 9
        assert half in body
        assert asked[0].content == b'{"mode":"one_bit","rows":1024,"count":5}'
        client.close()


def twice(stock: bytes) -> list[bytes]:
    """The same half twice: serials must increase."""
    return [half for _, half in dealt_wire.decode_keyholder_stock(stock)] * 2


def test_what_is_of_another_kind_or_form_is_refused(tls_dir: Path) -> None:
    provider, keyholder = halves()
    cheap, small = halves(mode=Mode.PERMUTED), halves(rows=ROWS - 1)
    bad: list[tuple[HomomorphicParty, int, bytes]] = [
        ("provider", 200, cheap[0]),
        ("provider", 200, small[0]),
        ("provider", 200, keyholder),
        ("provider", 200, stock_of()),
        ("provider", 200, b""),
        ("provider", 429, provider),
        ("provider", 204, b""),
        ("keyholder", 200, cheap[1]),
        ("keyholder", 200, small[1]),
        ("keyholder", 200, provider),
        ("keyholder", 200, keyholder[:-1]),
        ("keyholder", 200, keyholder + bytes(1000)),
        ("keyholder", 200, keyholder_stock_of()),
        ("keyholder", 200, keyholder_stock_of(*twice(keyholder))),
        ("keyholder", 500, keyholder),
    ]
    for party, status, body in bad:
        client, _ = client_of(tls_dir, party, status, body)
        with pytest.raises(DealerUnavailable):
            client.fetch(Mode.ONE_BIT, ROWS, 1)


def test_an_answer_is_read_no_further_than_it_may_be_long(tls_dir: Path) -> None:
    read = []

    def endless() -> "httpx.SyncByteStream":
        class Endless(httpx.SyncByteStream):
            def __iter__(self):  # type: ignore[no-untyped-def]
                while True:
                    read.append(1)
                    yield bytes(1 << 20)

        return Endless()

    least = dealt_wire.answer_bytes(Mode.ONE_BIT, ROWS)
    client, _ = client_of(tls_dir, "keyholder", 200, b"")
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=endless()))
    client._http = httpx.Client(base_url="https://dealer.example", transport=transport)
    with pytest.raises(DealerUnavailable, match="no end"):
        client.fetch(Mode.ONE_BIT, ROWS, 1)
    assert len(read) <= 2 + least // (1 << 20)


def test_a_dealer_that_is_away_is_said_to_be_away(tls_dir: Path) -> None:
    client = HomomorphicDealerClient("https://127.0.0.1:1", tls_dir, "provider")
    with pytest.raises(DealerUnavailable, match="gave no answer"):
        client.fetch(Mode.ONE_BIT, ROWS, 1)
