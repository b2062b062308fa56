"""The custodian's half of tokens: it mints them blindly, and checks one with each question.

Guarantees: nobody without the token key makes a token or spends one on another question than its
owner's; every batch carries a proof that the published key was used.
Refuses: malformed points, requests under another key, MACs that do not fit (`TokenRefused`).
Leaves to the caller: counting what is minted, and remembering which nonces are spent.
Limits: it can't tell who asks for tokens; what it may mint is limited for all together. Python
can't wipe the key from memory. Source: RFC 9578, RFC 9497 (VOPRF).
"""

import hashlib
import hmac
from dataclasses import dataclass

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import KeyPair, Mode
from softfall.options.tokens import wire
from softfall.options.tokens.wire import TokenRefused


@dataclass(frozen=True, slots=True)
class Asked:
    """An `ask` taken apart; nothing of it is believed until `Mint.check` has passed it.

    sha256: of the whole message, to know it again.
    """

    option: str
    key_id: bytes
    nonce: bytes
    mac: bytes
    question: bytes
    sha256: bytes


def read(body: bytes) -> Asked:
    """An `ask` message. Raises MalformedMessage."""
    values = wire.decode(wire.ASK, body)
    key, nonce, mac, question = (
        wire.octets(values, name) for name in ("key_id", "nonce", "mac", "question")
    )
    digest = hashlib.sha256(body).digest()
    return Asked(wire.text(values, "option"), key, nonce, mac, question, digest)


class Mint:
    """One token key. secret_key: 32 bytes, from `derive_secret`. Raises MalformedScalar."""

    def __init__(self, secret_key: bytes) -> None:
        secret = ristretto.decode_scalar(secret_key)
        self._keys = KeyPair(secret, oprf.public_key(secret))
        self.public_key: bytes = self._keys.public
        self.key_id = wire.key_id(self.public_key)

    def count(self, body: bytes) -> int:
        """How many tokens a `token_request` asks for.

        Raises MalformedMessage, TokenRefused where it is for another key.
        """
        return len(self._points(body)) // ristretto.POINT_BYTES

    def issue(self, body: bytes) -> bytes:
        """The `token_reply` to one `token_request`, about 100 us of one core a token.

        Raises MalformedMessage, MalformedPoint, TokenRefused.
        """
        points = ristretto.decode_points(self._points(body))
        evaluated = oprf.blind_evaluate(self._keys.secret, points)
        reply = b"".join(evaluated)
        nonce = _proof_nonce(self._keys.secret, body + reply)
        proof = oprf.generate_proof(self._keys, points, evaluated, nonce)
        return wire.TOKEN_REPLY.encode(
            {"version": wire.VERSION, "key_id": self.key_id, "points": reply, "proof": proof}
        )

    def check(self, asked: Asked) -> None:
        """Pass only a question that the owner of its token asked, about 60 us of one core.

        Raises TokenRefused. Whether the token is spent, the caller knows.
        """
        if asked.key_id != self.key_id:
            raise TokenRefused("the token is not of this epoch's token key")
        message = wire.token_input(self.key_id, asked.nonce)
        value = oprf.evaluate(self._keys.secret, message, Mode.VOPRF)
        expected = hmac.digest(value, wire.mac_input(asked.option, asked.question), "sha256")
        if not hmac.compare_digest(expected, asked.mac):
            raise TokenRefused("the token's MAC does not fit the question")

    def _points(self, body: bytes) -> bytes:
        values = wire.decode(wire.TOKEN_REQUEST, body)
        if wire.octets(values, "key_id") != self.key_id:
            raise TokenRefused("tokens were asked for under another token key")
        return wire.octets(values, "points")


def derive_secret(seed: bytes) -> bytes:
    """A token key's secret from 32 fresh random bytes (DeriveKeyPair of RFC 9497)."""
    return oprf.derive_key_pair(seed, b"softfall token key", Mode.VOPRF).secret


def _proof_nonce(secret: bytes, transcript: bytes) -> ristretto.Scalar:
    """The proof's random scalar: a PRF of the transcript under the secret, as in RFC 6979."""
    key = hashlib.sha512(b"softfall token proof nonce v1|" + secret).digest()
    return ristretto.scalar_from_wide(hmac.digest(key, transcript, "sha512"))
