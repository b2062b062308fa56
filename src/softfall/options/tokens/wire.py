"""Every byte of tokens: how they are issued, and how one is spent on a question.

Guarantees: an issuance tells the custodian nothing of the tokens that come of it (blinded points,
uniform whatever the nonces); a spent token's MAC covers the option and every byte of the question,
so whoever relays it can ask nothing else with it.
Refuses: any other form, as MalformedMessage.

Who sees what: the provider relays both messages and knows whose they are, but neither a token's
nonce before it is spent nor ever its key; the custodian sees both and knows of nobody.
Source: Privacy Pass, RFC 9578 (privately verifiable tokens) with batched issuance and, as in
Davidson et al. 2018, a MAC over the request in place of the bare token.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from softfall.crypto.oprf import PROOF_BYTES
from softfall.crypto.ristretto import POINT_BYTES
from softfall.errors import RefusedError
from softfall.wire import Bytes, Field, MalformedMessage, Message, Party, Text, Uint, Value

VERSION: Final = 1
KEY_ID_BYTES: Final = 8
NONCE_BYTES: Final = 32
MAC_BYTES: Final = 32
MAX_BATCH: Final = 64
MAX_QUESTION_BYTES: Final = 32 * 1024

_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_KEY_FIELD = Field("key_id", Bytes(KEY_ID_BYTES, KEY_ID_BYTES), "which token key")
_POINTS = Bytes(POINT_BYTES, POINT_BYTES * MAX_BATCH)


class TokenRefused(RefusedError):
    """A question came without a good, unspent token of its epoch's token key."""

    remedy = "Spend another token; fetch GET /v1/service again if the token key has changed."


TOKEN_REQUEST = Message(
    "token_request",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _KEY_FIELD,
        Field("points", _POINTS, "blinded points, 32 bytes each, one a token"),
    ),
    max_bytes=POINT_BYTES * MAX_BATCH + 32,
)

TOKEN_REPLY = Message(
    "token_reply",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        _KEY_FIELD,
        Field("points", _POINTS, "the same points under the token key, in order"),
        Field(
            "proof",
            Bytes(PROOF_BYTES, PROOF_BYTES),
            "one DLEQ proof that all used the published token key",
        ),
    ),
    max_bytes=POINT_BYTES * MAX_BATCH + 128,
)

ASK = Message(
    "ask",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        Field("option", Text(32), "whose question it is"),
        _KEY_FIELD,
        Field("nonce", Bytes(NONCE_BYTES, NONCE_BYTES), "the token, spent by this"),
        Field("mac", Bytes(MAC_BYTES, MAC_BYTES), "by the token's key, over option and question"),
        Field("question", Bytes(1, MAX_QUESTION_BYTES), "the option's request"),
    ),
    max_bytes=MAX_QUESTION_BYTES + 160,
)


def key_id(public_key: bytes) -> bytes:
    """The 8 bytes that name a token key, from its 32-byte public point."""
    return hashlib.sha256(b"softfall token key v1|" + public_key).digest()[:KEY_ID_BYTES]


def token_input(key: bytes, nonce: bytes) -> bytes:
    """What the OPRF is asked for one token: its key's id and its nonce, as RFC 9578 has it."""
    return b"softfall token v1|" + key + nonce


def mac_input(option: str, question: bytes) -> bytes:
    """What a token's MAC covers: the option (its length first) and the very question."""
    name = option.encode()
    return b"softfall ask v1|" + len(name).to_bytes(2, "big") + name + question


def decode(message: Message, body: bytes) -> dict[str, Value]:
    """The values of a message of this version. Raises MalformedMessage."""
    values = message.decode(body)
    if values["version"] != VERSION:
        raise MalformedMessage(f"{message.name} must be of version {VERSION}")
    return values


def octets(values: Mapping[str, Value], name: str) -> bytes:
    """A decoded message's byte field."""
    value = values[name]
    if not isinstance(value, bytes):
        raise MalformedMessage(f"{name} must be bytes")
    return value


def text(values: Mapping[str, Value], name: str) -> str:
    """A decoded message's text field."""
    value = values[name]
    if not isinstance(value, str):
        raise MalformedMessage(f"{name} must be text")
    return value
