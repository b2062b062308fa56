"""Tokens through the provider: relayed as they are, counted for each account, no way round."""

import secrets
import threading

import httpx
import pytest

from softfall.options.tokens.custodian import Mint, derive_secret
from softfall.options.tokens.device import PendingTokens, begin

from .cast import App, Custodian
from .conftest import House, Open

MINT = Mint(derive_secret(bytes(32)))
HOURS = 24


def wanted(count: int) -> PendingTokens:
    return begin(MINT.public_key, count, secrets.token_bytes)


def get(app: App, count: int) -> httpx.Response:
    return app.call("POST", "/v1/tokens/issue", content=wanted(count).request)


@pytest.fixture
def minting(open_house: Open):  # type: ignore[no-untyped-def]
    """A provider whose accounts may have 10 tokens a day, and a custodian that mints."""

    class Minting(Custodian):
        async def _handle(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/tokens/issue" and self.fault is None:
                self.asked.append(request)
                return httpx.Response(200, content=MINT.issue(request.content))
            return await super()._handle(request)

    custodian = Minting()
    custodian.publish(1)
    with open_house(custodian, tokens_per_account_per_day=10) as house:
        yield house


def test_tokens_are_relayed_as_they_are_and_nothing_says_whose(minting: House) -> None:
    ada = minting.join("ada")
    pending = wanted(3)
    minting.custodian.asked.clear()
    answer = ada.call("POST", "/v1/tokens/issue", content=pending.request)
    assert len(pending.finish(answer.content)) == 3
    (asked,) = [r for r in minting.custodian.asked if r.method == "POST"]
    assert (asked.url.path, asked.content) == ("/v1/tokens/issue", pending.request)
    assert b"ada" not in b"".join(v for _, v in asked.headers.raw)


def test_an_account_has_its_days_tokens_and_no_more(minting: House) -> None:
    ada, ben = minting.join("ada"), minting.join("ben")
    assert [get(ada, count).status_code for count in (6, 4)] == [200, 200]
    refused = get(ada, 1)
    assert (refused.status_code, refused.json()["error"]) == (403, "TokensUsedUp")
    assert get(ben, 10).status_code == 200  # each has a limit of its own
    minting.clock.pass_hours(HOURS - 1)
    assert get(ada, 1).status_code == 403
    minting.clock.pass_hours(1.6)
    assert get(ada, 10).status_code == 200


def test_who_has_used_up_its_tokens_gets_no_voucher_for_that(minting: House) -> None:
    """Or running out on purpose would be a way to send pictures unmatched."""
    ada = minting.join("ada")
    get(ada, 10)
    assert "voucher" not in get(ada, 1).json()
    minting.custodian.fault = 503  # not even while the custodian is away as well
    assert "voucher" not in get(ada, 1).json()


def test_a_restart_hands_nothing_out_twice(open_house: Open) -> None:
    custodian = Custodian()
    custodian.publish(1)
    custodian.answer = MINT.issue(wanted(10).request)
    with open_house(custodian, tokens_per_account_per_day=10) as house:
        ada = house.join("ada")
        assert get(ada, 10).status_code == 200
    with open_house(custodian, tokens_per_account_per_day=10) as house:
        ada.http = house.http
        assert get(ada, 1).json()["error"] == "TokensUsedUp"


@pytest.mark.parametrize("fault", [httpx.ConnectError("down"), 429, 503], ids=repr)
def test_where_the_custodian_mints_none_there_is_a_voucher_and_nothing_is_counted(
    minting: House, fault: Exception | int
) -> None:
    ada = minting.join("ada")
    minting.custodian.fault = fault
    for _ in range(5):
        answer = get(ada, 10)
        assert (answer.status_code, answer.json()["error"]) == (503, "CustodianUnavailable")
        assert answer.json()["voucher"]
    minting.custodian.fault = None
    assert get(ada, 10).status_code == 200


def test_what_is_not_a_request_for_tokens_is_neither_relayed_nor_counted(minting: House) -> None:
    ada = minting.join("ada")
    minting.custodian.asked.clear()
    for junk in (b"", b"junk", bytes(3000)):
        answer = ada.call("POST", "/v1/tokens/issue", content=junk)
        assert answer.json()["error"] == "MalformedMessage"
    assert [r for r in minting.custodian.asked if r.method == "POST"] == []
    assert get(ada, 10).status_code == 200


def test_many_requests_at_once_never_get_more_than_the_limit(minting: House) -> None:
    ada = minting.join("ada")
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(get(ada, 3).status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 3 + [403] * 5


def test_where_nothing_is_matched_there_are_no_tokens(open_house: Open) -> None:
    with open_house(option="none") as house:
        assert get(house.join("ada"), 1).json()["error"] == "OptionNotOffered"
