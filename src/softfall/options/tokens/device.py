"""The device's half of tokens: it has them issued blindly, and spends one on each question.

Guarantees: a token is kept only if the batch's proof verifies under the pinned token key, so the
custodian can't mark one device's tokens by a key of their own; blinds are uniform, so the issuance
and the spending of a token have nothing in common for the custodian, whatever it remembers.
Refuses: replies of another key, of other points, or that do not verify (`BadTokens`).
Leaves to the caller: good randomness (`random_bytes`), keeping tokens, spending each once.
Limit: who relays (the provider) knows whose both are; a token asked for and spent at once can be
lined up by time. Source: RFC 9578, RFC 9497 (VOPRF).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode
from softfall.crypto.ristretto import Point, Scalar
from softfall.errors import InputError, PeerError
from softfall.options.tokens import wire
from softfall.wire import MalformedMessage


class BadTokens(PeerError):
    """The custodian's reply to a request for tokens is malformed or under another key."""

    remedy = "None of its tokens was kept; keep the reply, and report the custodian."


class BadBatch(InputError):
    """A request for none, or for more tokens than one message carries."""

    remedy = f"Ask for 1 to {wire.MAX_BATCH} tokens at a time."


@dataclass(frozen=True, slots=True)
class Token:
    """One question's worth. nonce: 32 bytes; value: 64 bytes that only device and custodian know.

    key_id: 8 bytes, the token key that it is good under.
    """

    key_id: bytes
    nonce: bytes
    value: bytes = field(repr=False)

    def ask(self, option: str, question: bytes) -> bytes:
        """The `ask` message that spends this token on a question of at most 32 KiB."""
        return wire.ASK.encode(
            {
                "version": wire.VERSION,
                "option": option,
                "key_id": self.key_id,
                "nonce": self.nonce,
                "mac": hmac.digest(self.value, wire.mac_input(option, question), "sha256"),
                "question": question,
            }
        )


@dataclass(frozen=True, slots=True)
class PendingTokens:
    """Tokens between their request and the custodian's reply."""

    public_key: Point
    nonces: list[bytes]
    blinds: list[Scalar] = field(repr=False)
    blinded: list[Point]

    @property
    def request(self) -> bytes:
        """The `token_request` to have relayed to the custodian."""
        return wire.TOKEN_REQUEST.encode(
            {
                "version": wire.VERSION,
                "key_id": wire.key_id(self.public_key),
                "points": b"".join(self.blinded),
            }
        )

    def finish(self, reply: bytes) -> list[Token]:
        """The tokens, verified, one a nonce. Raises BadTokens."""
        key = wire.key_id(self.public_key)
        try:
            values = wire.decode(wire.TOKEN_REPLY, reply)
            points = ristretto.decode_points(wire.octets(values, "points"))
            proof = wire.octets(values, "proof")
            if wire.octets(values, "key_id") != key or len(points) != len(self.blinded):
                raise BadTokens("the reply is for another token key, or for another number")
            oprf.verify_proof(self.public_key, self.blinded, points, proof)
        except (MalformedMessage, ristretto.MalformedPoint) as error:
            raise BadTokens(f"the custodian's tokens were refused: {error.what}") from None
        except oprf.BadProof as error:
            raise BadTokens(f"the custodian's tokens were refused: {error.what}") from None
        unblinded = oprf.unblind_all(self.blinds, points)
        return [
            Token(key, nonce, oprf.finalize(wire.token_input(key, nonce), point))
            for nonce, point in zip(self.nonces, unblinded, strict=True)
        ]


def begin(public_key: bytes, count: int, random_bytes: Callable[[int], bytes]) -> PendingTokens:
    """Ask for `count` tokens under a pinned 32-byte token key.

    random_bytes(n): n cryptographic random bytes, for nonces and blinds.
    Raises BadBatch, MalformedPoint.
    """
    if not 1 <= count <= wire.MAX_BATCH:
        raise BadBatch(f"{count} tokens can't be asked for at once")
    point = ristretto.decode_point(public_key)
    key = wire.key_id(point)
    nonces = [random_bytes(wire.NONCE_BYTES) for _ in range(count)]
    blinds = [ristretto.scalar_from_wide(random_bytes(ristretto.WIDE_BYTES)) for _ in nonces]
    blinded = [
        oprf.blind(wire.token_input(key, nonce), blind, Mode.VOPRF)
        for nonce, blind in zip(nonces, blinds, strict=True)
    ]
    return PendingTokens(point, nonces, blinds, blinded)
