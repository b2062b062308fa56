"""Oblivious pseudorandom functions: RFC 9497, modes OPRF and VOPRF, ristretto255-SHA512.

Guarantees: every test vector of RFC 9497, Appendix A.1.1 and A.1.2 (single and batched) passes.
All randomness (blinds, the proof's scalar) enters as an argument: a transcript can be recomputed.
Refuses: identity and non-canonical points, zero and oversized scalars, proofs that do not verify.
Leaves to others: POPRF (not built); constant time and wiping. libsodium's group arithmetic is
constant-time, but Python's own steps are not, and Python can neither lock nor wipe a secret.
"""

import hashlib
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from softfall.crypto import ristretto
from softfall.crypto.public_sums import weighted_sum
from softfall.crypto.ristretto import GENERATOR, Point, Scalar
from softfall.errors import InputError, PeerError

OUTPUT_BYTES = 64
PROOF_BYTES = 64
MAX_INPUT_BYTES = 2**16 - 1
MAX_BATCH = 2**16 - 1
_BLOCK_BYTES = 128  # SHA-512's
_ZERO_BLOCK = hashlib.sha512(bytes(_BLOCK_BYTES))


class BadOprfInput(InputError):
    """An input, seed or batch whose size the protocol does not allow."""

    remedy = "Keep inputs below 65,536 bytes and batches between 1 and 65,535 of equal length."


class BadProof(PeerError):
    """The evaluator's proof does not verify: another key, or values altered on the way."""

    remedy = "Use nothing of this reply; check the epoch's public key, and report the custodian."


class Mode(Enum):
    """Which protocol of RFC 9497; the value is its identifier (section 3.1)."""

    OPRF = 0
    VOPRF = 1

    @property
    def context(self) -> bytes:
        """contextString of section 3.1."""
        return b"OPRFV1-" + bytes([self.value]) + b"-ristretto255-SHA512"


class KeyPair(NamedTuple):
    """An evaluator's secret scalar and public point."""

    secret: Scalar
    public: Point


def expand_message(message: bytes, tag: bytes, size_bytes: int) -> bytes:
    """expand_message_xmd with SHA-512 (RFC 9380, 5.3.1); the tag is at most 255 bytes."""
    rounds = -(-size_bytes // OUTPUT_BYTES)
    if rounds > 255 or len(tag) > 255:
        raise BadOprfInput("expand_message_xmd makes at most 16,320 bytes under a 255-byte tag")
    suffix = tag + bytes([len(tag)])
    first = _ZERO_BLOCK.copy()
    first.update(message + size_bytes.to_bytes(2, "big") + b"\x00" + suffix)
    zero = first.digest()
    block = hashlib.sha512(zero + b"\x01" + suffix).digest()
    blocks = [block]
    for i in range(2, rounds + 1):
        mixed = bytes(a ^ b for a, b in zip(zero, block, strict=True))
        block = hashlib.sha512(mixed + bytes([i]) + suffix).digest()
        blocks.append(block)
    return b"".join(blocks)[:size_bytes]


def hash_to_group(message: bytes, mode: Mode) -> Point:
    """HashToGroup of section 4.1. Raises BadOprfInput, or MalformedPoint for the identity."""
    if len(message) > MAX_INPUT_BYTES:
        raise BadOprfInput("an OPRF input is over 65,535 bytes")
    wide = expand_message(message, b"HashToGroup-" + mode.context, ristretto.WIDE_BYTES)
    return ristretto.point_from_wide(wide)


def hash_to_scalar(message: bytes, tag: bytes) -> Scalar:
    """HashToScalar of section 4.1 under a whole domain-separation tag."""
    return ristretto.scalar_from_wide(expand_message(message, tag, ristretto.WIDE_BYTES))


def derive_key_pair(seed: bytes, info: bytes, mode: Mode) -> KeyPair:
    """DeriveKeyPair of section 3.2.1; the seed is 32 bytes of good randomness."""
    if len(seed) != 32 or len(info) > MAX_INPUT_BYTES:
        raise BadOprfInput("a seed must be 32 bytes, and its info below 65,536")
    for counter in range(256):
        message = seed + _sized(info) + bytes([counter])
        try:
            secret = hash_to_scalar(message, b"DeriveKeyPair" + mode.context)
        except ristretto.MalformedScalar:
            continue
        return KeyPair(secret, ristretto.multiply_base(secret))
    raise BadOprfInput("no key derives from this seed")  # never, but the RFC says so


def public_key(secret: Scalar) -> Point:
    """The public point of a secret scalar."""
    return ristretto.multiply_base(secret)


def blind(message: bytes, blind_scalar: Scalar, mode: Mode) -> Point:
    """Blind of section 3.3.1, the blind chosen by the caller: uniform, used once."""
    return ristretto.multiply(blind_scalar, hash_to_group(message, mode))


def blind_evaluate(secret: Scalar, blinded: Sequence[Point]) -> list[Point]:
    """BlindEvaluate of section 3.3.1 for each point. Raises MalformedPoint."""
    return [ristretto.multiply(secret, point) for point in blinded]


def generate_proof(
    keys: KeyPair, blinded: Sequence[Point], evaluated: Sequence[Point], random_scalar: Scalar
) -> bytes:
    """GenerateProof of section 2.2.1 with A the generator: one 64-byte proof for the batch.

    `random_scalar` must be uniform, secret, and never serve two different batches: with two, anyone
    computes the secret key.
    """
    weights = _weights(keys.public, blinded, evaluated)
    combined = weighted_sum(weights, blinded)
    combined_evaluated = ristretto.multiply(keys.secret, combined)
    nonces = (ristretto.multiply_base(random_scalar), ristretto.multiply(random_scalar, combined))
    challenge = _challenge(keys.public, combined, combined_evaluated, *nonces)
    response = ristretto.scalar_subtract(
        random_scalar, ristretto.scalar_multiply(challenge, keys.secret)
    )
    return challenge + response


def verify_proof(
    public: Point, blinded: Sequence[Point], evaluated: Sequence[Point], proof: bytes
) -> None:
    """VerifyProof of section 2.2.2 with A the generator. Raises BadProof, or MalformedPoint."""
    if len(proof) != PROOF_BYTES:
        raise BadProof("a proof must be 64 bytes")
    try:
        challenge = ristretto.decode_scalar(proof[:32])
        response = ristretto.decode_scalar(proof[32:])
    except ristretto.MalformedScalar:
        raise BadProof("a proof's scalars are not canonical") from None
    weights = _weights(public, blinded, evaluated)
    both, bases = (response, challenge), ristretto.weighted_sum
    try:
        combined = weighted_sum(weights, blinded)
        combined_evaluated = weighted_sum(weights, evaluated)
        nonces = (bases(both, (GENERATOR, public)), bases(both, (combined, combined_evaluated)))
    except ristretto.MalformedPoint:
        raise BadProof("a proof does not verify under this public key") from None
    if _challenge(public, combined, combined_evaluated, *nonces) != challenge:
        raise BadProof("a proof does not verify under this public key")


def unblind_all(blinds: Sequence[Scalar], evaluated: Sequence[Point]) -> list[Point]:
    """Each evaluated point over its blind: the first half of Finalize. Raises MalformedPoint."""
    inverses = ristretto.invert_all(blinds)
    return [ristretto.multiply(i, point) for i, point in zip(inverses, evaluated, strict=True)]


def finalize(message: bytes, unblinded: Point) -> bytes:
    """The second half of Finalize (section 3.3.1): the PRF's 64-byte output."""
    return hashlib.sha512(_sized(message) + _sized(unblinded) + b"Finalize").digest()


def evaluate(secret: Scalar, message: bytes, mode: Mode) -> bytes:
    """Evaluate of section 3.3.1: the output for the evaluator's own input, nothing blinded."""
    return finalize(message, ristretto.multiply(secret, hash_to_group(message, mode)))


def _weights(public: Point, blinded: Sequence[Point], evaluated: Sequence[Point]) -> list[Scalar]:
    """The random weights of ComputeComposites (section 2.2.1), one for each pair."""
    if len(blinded) != len(evaluated) or not 1 <= len(blinded) <= MAX_BATCH:
        raise BadOprfInput("a proof is over 1 to 65,535 pairs of points")
    seed = hashlib.sha512(_sized(public) + _sized(b"Seed-" + Mode.VOPRF.context)).digest()
    return [
        _voprf_scalar(
            _sized(seed) + i.to_bytes(2, "big") + _sized(before) + _sized(after) + b"Composite"
        )
        for i, (before, after) in enumerate(zip(blinded, evaluated, strict=True))
    ]


def _challenge(*points: Point) -> Scalar:
    return _voprf_scalar(b"".join(_sized(point) for point in points) + b"Challenge")


def _voprf_scalar(message: bytes) -> Scalar:
    return hash_to_scalar(message, b"HashToScalar-" + Mode.VOPRF.context)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
