"""One message's encryption: to its recipient, and to whoever holds the escrow key.

Guarantees: each message has a fresh key; its content opens with that key alone (AES-256-GCM), and
the key opens with the recipient's secret, or with the escrow's.
Limit, and the point of the baseline: the escrow's one secret opens every message there is, past and
to come. Nobody can see from outside whether what was escrowed is the message's key at all.
Source: RFC 9180 (HPKE), by `crypto/hpke.py`; key escrow as the Clipper chip had it, and how senders
got past it: Blaze 1994.
"""

import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from softfall.compare.baselines.backdoor.wire import CONTENT, MESSAGE_KEY_BYTES
from softfall.crypto import hpke
from softfall.errors import PeerError
from softfall.wire import Value

_WRAP = b"softfall baseline backdoor message key v1"
_ESCROW = b"softfall baseline backdoor escrow v1"
_NONCE = bytes(12)  # a key encrypts one message


class NotThisKey(PeerError):
    """A message does not open with the key that came with it."""

    remedy = "Its sender sealed something else; the baseline is for comparison only."


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message as the provider gets it."""

    body: bytes = field(repr=False)
    wrap: bytes = field(repr=False)
    escrow: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """What was said. picture: the file's bytes, or None."""

    text: str
    picture: bytes | None = field(repr=False)


def seal(content: Content, recipient: bytes, escrow: bytes, *, lie: bool = False) -> Sealed:
    """Encrypt one message. recipient, escrow: public keys.

    lie: escrow another key than the message's own, as a patched app does.
    """
    key = secrets.token_bytes(MESSAGE_KEY_BYTES)
    values: dict[str, Value] = {"text": content.text, "picture": content.picture}
    escrowed = secrets.token_bytes(MESSAGE_KEY_BYTES) if lie else key
    return Sealed(
        AESGCM(key).encrypt(_NONCE, CONTENT.encode(values), None),
        hpke.seal(key, recipient, _WRAP),
        hpke.seal(escrowed, escrow, _ESCROW),
    )


def open_as_recipient(body: bytes, wrap: bytes, secret: bytes) -> Content:
    """The content, by the recipient's secret. Raises NotSealedToThis, NotThisKey."""
    return _open(body, hpke.unseal(wrap, secret, _WRAP))


def open_by_escrow(body: bytes, escrow: bytes, secret: bytes) -> Content:
    """The content, by the escrow's secret. Raises NotSealedToThis, NotThisKey."""
    return _open(body, hpke.unseal(escrow, secret, _ESCROW))


def new_secret() -> bytes:
    """A device's or an escrow's secret; `hpke.public_of` gives its public key."""
    return secrets.token_bytes(hpke.SECRET_BYTES)


def same_token(one: str, other: str) -> bool:
    """Whether two tokens are one, in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def _open(body: bytes, key: bytes) -> Content:
    try:
        values = CONTENT.decode(AESGCM(key).decrypt(_NONCE, body, None))
    except InvalidTag:
        raise NotThisKey("the message does not open with this key") from None
    text, picture = values["text"], values["picture"]
    assert isinstance(text, str)
    assert picture is None or isinstance(picture, bytes)
    return Content(text, picture)
