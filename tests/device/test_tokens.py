"""A device's tokens: in stock before they are needed, spent once, and no way round when gone."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.device.outcomes import CHECKED, UNCHECKED_OUTAGE, Sent
from softfall.device.transport import RefusedByService, ServiceUnreachable
from softfall.options.tokens.custodian import Mint, derive_secret
from softfall.options.tokens.device import BadTokens, Token
from softfall.options.tokens.wire import ASK, TOKEN_REPLY, TOKEN_REQUEST
from softfall.testing.epochs import SmallEpoch
from softfall.testing.transport import InMemoryTransport

from .conftest import Town
from .pictures import FLOWER, jpeg


@pytest.fixture(scope="module")
def flower() -> bytes:
    return jpeg(FLOWER)


@pytest.fixture
def split(town: Town) -> Town:
    """A town whose service runs `split`; each device keeps four tokens."""
    town.publish(1)
    town.join("ben")
    town.join("ada", tokens_kept=4)
    return town


def mint(town: Town) -> Mint:
    epoch = town.provider.epoch
    assert isinstance(epoch, SmallEpoch)
    return epoch.mint


def left(town: Town, name: str = "ada") -> int:
    return town[name]._kit.wallet.left(mint(town).public_key)


def calls(town: Town, name: str) -> int:
    return town.provider.calls.count(("ada", name))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every `ask` that left a device."""
    seen: list[bytes] = []
    real = InMemoryTransport.ask

    def ask(transport: InMemoryTransport, option: str, question: bytes) -> bytes:
        seen.append(question)
        return real(transport, option, question)

    monkeypatch.setattr(InMemoryTransport, "ask", ask)
    return seen


def nonces(bodies: list[bytes]) -> list[object]:
    return [ASK.decode(body)["nonce"] for body in bodies]


def test_each_photograph_spends_one_token_and_none_twice(
    split: Town, flower: bytes, asked: list[bytes]
) -> None:
    for _ in range(6):
        assert split["ada"].send_photo("ben", flower).checked == CHECKED
    assert len(set(nonces(asked))) == 6
    assert calls(split, "issue_tokens") == 2  # four at a time


def test_the_stock_is_refilled_at_half_without_a_picture_waiting_for_it(
    split: Town, flower: bytes
) -> None:
    ada = split["ada"]
    ada.send_photo("ben", flower)
    ada.sync()
    assert (left(split), calls(split, "issue_tokens")) == (3, 1)
    ada.send_photo("ben", flower)
    ada.sync()
    assert (left(split), calls(split, "issue_tokens")) == (4, 2)


def test_who_sends_no_pictures_asks_for_no_tokens(split: Town) -> None:
    split["ada"].send_text("ben", "hello")
    split["ada"].sync()
    assert calls(split, "issue_tokens") == 0


def test_tokens_survive_a_restart(split: Town, flower: bytes, asked: list[bytes]) -> None:
    split["ada"].send_photo("ben", flower)
    split.restart("ada").send_photo("ben", flower)
    assert calls(split, "issue_tokens") == 1
    assert len(set(nonces(asked))) == 2


def test_text_never_waits_for_tokens(split: Town, flower: bytes) -> None:
    ada = split["ada"]
    ada.send_photo("ben", flower)
    ada.send_photo("ben", flower)
    split.provider.custodian_away = True
    asked_before = calls(split, "issue_tokens")
    for _ in range(5):
        assert isinstance(ada.send_text("ben", "on time"), Sent)
        ada.sync()
    # One quiet attempt to refill; the next comes a minute later.
    assert calls(split, "issue_tokens") == asked_before + 1
    split.clock.ms += 61_000
    ada.sync()
    assert calls(split, "issue_tokens") == asked_before + 2


def test_without_tokens_and_without_the_custodian_the_outage_rule_applies(
    split: Town, flower: bytes
) -> None:
    split.provider.custodian_away = True
    assert split["ada"].send_photo("ben", flower).checked == UNCHECKED_OUTAGE


def test_where_the_custodian_mints_no_more_today_the_outage_rule_applies(
    split: Town, flower: bytes
) -> None:
    split.provider.tokens_in_all = 4
    ada = split["ada"]
    told = [ada.send_photo("ben", flower).checked for _ in range(5)]
    assert told == [CHECKED] * 4 + [UNCHECKED_OUTAGE]


def test_who_runs_out_of_its_own_tokens_sends_no_picture_unmatched(
    split: Town, flower: bytes
) -> None:
    """Nobody gets round matching by spending its own share: there is no voucher for that."""
    split.provider.tokens_per_account = 4
    ada = split["ada"]
    for _ in range(4):
        ada.send_photo("ben", flower)
    with pytest.raises(RefusedByService) as refused:
        ada.send_photo("ben", flower)
    assert refused.value.name == "TokensUsedUp"
    assert split.provider.vouchers == {}
    assert isinstance(ada.send_text("ben", "words flow"), Sent)


def test_a_token_leaves_the_store_before_its_question_leaves_the_device(
    split: Town, flower: bytes
) -> None:
    """So that a device killed while it asks never spends the same token on another question."""
    in_stock: list[int] = []

    def look(account: str, call: str, done: bool) -> None:
        if (account, call, done) == ("ada", "ask", False):
            in_stock.append(left(split))

    split.provider.on_call = look
    for _ in range(3):
        split["ada"].send_photo("ben", flower)
    assert in_stock == [3, 2, 1]


def test_the_last_tokens_of_an_account_are_had_one_by_one(split: Town, flower: bytes) -> None:
    split.provider.tokens_per_account = 6  # four at once, then two more
    told = [split["ada"].send_photo("ben", flower).checked for _ in range(6)]
    assert told == [CHECKED] * 6
    with pytest.raises(RefusedByService):
        split["ada"].send_photo("ben", flower)


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(
    split: Town, flower: bytes, asked: list[bytes]
) -> None:
    ada = split["ada"]
    ada.send_photo("ben", flower)
    asked.clear()
    split.provider.custodian_away = True
    sleep = split.clock.sleep_seconds

    def back_soon(seconds: float) -> None:
        split.provider.custodian_away = len(asked) < 3
        sleep(seconds)

    object.__setattr__(ada._kit.surroundings, "sleep_seconds", back_soon)
    assert ada.send_photo("ben", flower).checked == CHECKED
    assert len(asked) > 3
    assert len(set(asked)) == 1


def test_an_offline_device_loses_no_tokens_by_trying(split: Town, flower: bytes) -> None:
    ada = split["ada"]
    ada.send_photo("ben", flower)
    split.provider.away = True
    for _ in range(10):
        with pytest.raises(ServiceUnreachable):
            ada.send_photo("ben", flower)
    split.provider.away = False
    assert left(split) == 3


def test_a_token_that_turns_out_to_be_spent_is_replaced_by_the_next(
    split: Town, flower: bytes, asked: list[bytes]
) -> None:
    """Its answer was lost with the network, and the custodian has seen its nonce."""
    ada = split["ada"]
    ada.send_photo("ben", flower)

    def lost(account: str, call: str, done: bool) -> None:
        if (account, call, done) == ("ada", "ask", True):
            raise ServiceUnreachable("the answer was lost")

    split.provider.on_call = lost
    with pytest.raises(ServiceUnreachable):
        ada.send_photo("ben", flower)
    split.provider.on_call = lambda account, call, done: None
    for _ in range(3):
        assert ada.send_photo("ben", flower).checked == CHECKED


def test_a_custodian_that_marks_tokens_by_another_key_is_caught(
    split: Town, flower: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = Mint(derive_secret(os.urandom(32)))

    def issue(_: InMemoryTransport, request: bytes) -> bytes:
        values = TOKEN_REQUEST.decode(request)
        reply = marked.issue(TOKEN_REQUEST.encode({**values, "key_id": marked.key_id}))
        return TOKEN_REPLY.encode({**TOKEN_REPLY.decode(reply), "key_id": values["key_id"]})

    monkeypatch.setattr(InMemoryTransport, "issue_tokens", issue)
    with pytest.raises(BadTokens):
        split["ada"].send_photo("ben", flower)
    assert left(split) == 0


def test_after_a_new_token_key_old_tokens_are_dropped_and_new_ones_fetched(
    split: Town, flower: bytes
) -> None:
    ada = split["ada"]
    ada.send_photo("ben", flower)
    old = mint(split).public_key
    split.custodian.mint = Mint(derive_secret(os.urandom(32)))
    split.publish(2)
    assert ada.send_photo("ben", flower).checked == CHECKED
    assert (left(split), ada._kit.wallet.left(old)) == (3, 0)


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.sampled_from(["take", "back", "restart"]), max_size=12))
def test_a_wallet_hands_out_each_token_once_unless_it_came_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    town = Town(tmp_path_factory.mktemp("wallet"))
    town.publish(1)
    town.join("ada", tokens_kept=4)
    try:
        out: list[Token] = []
        for step in steps:
            wallet = town["ada"]._kit.wallet
            if step == "take":
                token = wallet.take(mint(town).public_key)
                assert token.nonce not in {other.nonce for other in out}
                out.append(token)
            elif step == "back" and out:
                wallet.put_back(out.pop())
            elif step == "restart":
                town.restart("ada")
    finally:
        town.close()
