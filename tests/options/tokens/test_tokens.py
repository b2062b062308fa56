"""Tokens from issuance to a question, and every way that they are refused."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import oprf
from softfall.crypto.oprf import Mode
from softfall.crypto.ristretto import MalformedPoint
from softfall.options.tokens import custodian, device, wire
from softfall.options.tokens.custodian import Mint
from softfall.options.tokens.device import BadBatch, BadTokens, Token
from softfall.options.tokens.wire import TokenRefused
from softfall.wire import MalformedMessage


class Stream:
    """Random bytes that come again with the same seed."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.drawn = 0

    def __call__(self, count: int) -> bytes:
        self.drawn += 1
        return hashlib.shake_256(f"{self.seed}|{self.drawn}".encode()).digest(count)


def a_mint(label: str = "mint") -> Mint:
    return Mint(custodian.derive_secret(hashlib.sha256(label.encode()).digest()))


MINT = a_mint()


def tokens(count: int, mint: Mint = MINT, seed: str = "device") -> list[Token]:
    pending = device.begin(mint.public_key, count, Stream(seed))
    return pending.finish(mint.issue(pending.request))


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 12), st.text(min_size=1, max_size=8), st.binary(min_size=1, max_size=300))
def test_every_token_of_a_batch_asks_any_question(count: int, option: str, question: bytes) -> None:
    for token in tokens(count, seed=option):
        asked = custodian.read(token.ask(option, question))
        MINT.check(asked)
        assert (asked.option, asked.question, asked.nonce) == (option, question, token.nonce)


def test_a_token_is_the_oprf_of_its_nonce_and_nothing_else() -> None:
    secret = custodian.derive_secret(hashlib.sha256(b"mint").digest())
    (token,) = tokens(1)
    message = wire.token_input(MINT.key_id, token.nonce)
    assert token.value == oprf.evaluate(oprf.Scalar(secret), message, Mode.VOPRF)  # type: ignore[attr-defined]


def test_a_full_batch_fits_its_messages_and_one_more_does_not() -> None:
    pending = device.begin(MINT.public_key, wire.MAX_BATCH, Stream("full"))
    assert MINT.count(pending.request) == wire.MAX_BATCH
    assert len(pending.finish(MINT.issue(pending.request))) == wire.MAX_BATCH
    for count in (0, wire.MAX_BATCH + 1):
        with pytest.raises(BadBatch):
            device.begin(MINT.public_key, count, Stream("x"))


def test_a_relay_can_not_put_its_own_question_under_anothers_token() -> None:
    (token,) = tokens(1)
    body = token.ask("split", b"the device's own question")
    values = wire.ASK.decode(body)
    for change in (
        {"question": b"the relay's own question!"},
        {"option": "on_device"},
        {"mac": bytes(32)},
        {"nonce": bytes(32)},
    ):
        with pytest.raises(TokenRefused):
            MINT.check(custodian.read(wire.ASK.encode({**values, **change})))


def test_option_and_question_can_not_run_into_each_other() -> None:
    (token,) = tokens(1)
    values = wire.ASK.decode(token.ask("split", b"-and-more"))
    moved = wire.ASK.encode({**values, "option": "split-and", "question": b"-more"})
    with pytest.raises(TokenRefused):
        MINT.check(custodian.read(moved))


def test_tokens_of_another_key_are_refused_by_name() -> None:
    other = a_mint("another")
    (foreign,) = tokens(1, other)
    with pytest.raises(TokenRefused, match="not of this epoch"):
        MINT.check(custodian.read(foreign.ask("split", b"q")))
    renamed = Token(MINT.key_id, foreign.nonce, foreign.value)
    with pytest.raises(TokenRefused, match="MAC"):
        MINT.check(custodian.read(renamed.ask("split", b"q")))
    with pytest.raises(TokenRefused):
        MINT.issue(device.begin(other.public_key, 1, Stream("x")).request)


def test_nobody_makes_a_token_without_the_key() -> None:
    """A relay that saw a whole issuance, blinded and evaluated, has no token's value."""
    pending = device.begin(MINT.public_key, 4, Stream("victim"))
    reply = MINT.issue(pending.request)
    points = wire.octets(wire.TOKEN_REPLY.decode(reply), "points")
    for at, nonce in enumerate(pending.nonces):
        message = wire.token_input(MINT.key_id, nonce)
        seen = oprf.finalize(message, oprf.Point(points[32 * at : 32 * at + 32]))  # type: ignore[attr-defined]
        with pytest.raises(TokenRefused):
            MINT.check(custodian.read(Token(MINT.key_id, nonce, seen).ask("split", b"q")))


def test_a_key_of_ones_own_for_one_device_is_caught_by_the_proof() -> None:
    marked = a_mint("a key for one user")
    pending = device.begin(MINT.public_key, 3, Stream("victim"))
    values = wire.TOKEN_REQUEST.decode(pending.request)
    reply = marked.issue(wire.TOKEN_REQUEST.encode({**values, "key_id": marked.key_id}))
    posed = wire.TOKEN_REPLY.encode({**wire.TOKEN_REPLY.decode(reply), "key_id": MINT.key_id})
    with pytest.raises(BadTokens, match="does not verify"):
        pending.finish(posed)
    with pytest.raises(BadTokens, match="another token key"):
        pending.finish(reply)


def test_one_point_swapped_in_a_batch_spoils_the_whole_batch() -> None:
    pending = device.begin(MINT.public_key, 3, Stream("victim"))
    values = wire.TOKEN_REPLY.decode(MINT.issue(pending.request))
    points = wire.octets(values, "points")
    for wrong in (points[32:64] + points[:32] + points[64:], points[:64], b"\xff" * 96):
        with pytest.raises(BadTokens):
            pending.finish(wire.TOKEN_REPLY.encode({**values, "points": wrong}))
    for junk in (b"", b"\x80", bytes(200)):
        with pytest.raises(BadTokens):
            pending.finish(junk)


def test_malformed_requests_are_refused_by_name() -> None:
    values = wire.TOKEN_REQUEST.decode(device.begin(MINT.public_key, 1, Stream("x")).request)
    with pytest.raises(MalformedPoint):
        MINT.issue(wire.TOKEN_REQUEST.encode({**values, "points": b"\xff" * 32}))
    for wrong in (b"\x02" * 33, bytes(32 * 65), b""):
        with pytest.raises((MalformedMessage, MalformedPoint)):
            MINT.issue(wire.TOKEN_REQUEST.encode({**values, "points": wrong}))
    for body in (b"", b"\x80", b"x" * 100):
        with pytest.raises(MalformedMessage):
            custodian.read(body)


def correlation(left: list[bytes], right: list[bytes]) -> float:
    """The largest correlation between any bit of one and any bit of the other, over all rows."""

    def bits(rows: list[bytes]) -> np.ndarray:
        table = np.unpackbits(
            np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1), axis=1
        )
        moving = table[:, table.std(axis=0) > 0].astype(float)
        return (moving - moving.mean(axis=0)) / moving.std(axis=0)

    return float(np.abs(bits(left).T @ bits(right) / len(left)).max())


def test_what_is_issued_has_nothing_in_common_with_what_is_spent() -> None:
    """The custodian's two views of each of 2,000 tokens: no bit of one tells a bit of the other.

    2,000 rows of 255 x 512 pairs of bits: chance alone stays below 6 standard errors (0.134). The
    control is a device that forgets to blind: what is issued is then the token's own point.
    """
    rows = 2000
    issued, spent, unblinded = [], [], []
    draw = Stream("unlinkable")
    for _ in range(rows):
        pending = device.begin(MINT.public_key, 1, draw)
        token = Token(MINT.key_id, pending.nonces[0], b"")
        point = oprf.hash_to_group(wire.token_input(MINT.key_id, token.nonce), Mode.VOPRF)
        issued.append(bytes(pending.blinded[0]))
        unblinded.append(bytes(point))
        spent.append(token.nonce + bytes(point))  # the custodian computes the point when it checks
    assert correlation(issued, spent) < 0.134
    assert correlation(unblinded, spent) > 0.99


def test_two_devices_issuances_differ_in_fresh_points_alone() -> None:
    """Same sizes, same key; the group has prime order, so any issuance could be of any token."""
    first = device.begin(MINT.public_key, 2, Stream("one device"))
    second = device.begin(MINT.public_key, 2, Stream("another device"))
    transcripts = [(pending.request, MINT.issue(pending.request)) for pending in (first, second)]
    sizes = {(len(request), len(reply)) for request, reply in transcripts}
    assert len(sizes) == 1
    keys = {wire.TOKEN_REQUEST.decode(request)["key_id"] for request, _ in transcripts}
    assert keys == {MINT.key_id}
    points = [wire.octets(wire.TOKEN_REQUEST.decode(r), "points") for r, _ in transcripts]
    assert not set(first.nonces) & set(second.nonces)
    assert len({p[i : i + 32] for p in points for i in (0, 32)}) == 4
