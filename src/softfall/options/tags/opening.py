"""From a hash and its probes to the tags, and back: what sender and recipient compute alike.

Guarantees: everything is a function of (hash, masks, scan key, the custodian's reply), so whoever
holds an opening and its attachment key recomputes the tags without asking anyone.
Refuses: openings that are not what an unpatched client makes, with the reason.
Leaves to others: whether the opened hash is that of the picture (`device`, which has the picture).
A report may therefore be verified here by a party that never opens a picture.
"""

import hmac
from dataclasses import dataclass

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode
from softfall.crypto.ristretto import Point, Scalar
from softfall.options.contract import Mismatch, ScanSecret
from softfall.options.tags import pieces, wire
from softfall.options.tags.parameters import TagParameters
from softfall.wire import MalformedMessage

NO_HASH = bytes(32)
OMITTED = Mismatch("omitted")
MALFORMED = Mismatch("malformed opening")
BAD_PROOF = Mismatch("bad proof")
NOT_THIS_SUBMISSION = Mismatch("not this submission")

TagRows = list[list[bytes]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded opening. hash_bits is None for a picture without a hash."""

    hash_bits: bytes | None
    masks: list[list[int]]
    points: list[Point]
    proof: bytes


@dataclass(frozen=True, slots=True)
class Questions:
    """What the custodian is asked for one picture: inputs, their blinds, the blinded points."""

    inputs: list[bytes]
    blinds: list[Scalar]
    blinded: list[Point]

    @property
    def points(self) -> bytes:
        """The blinded points end to end, as a request carries them."""
        return b"".join(self.blinded)


def questions(
    hash_bits: bytes | None,
    masks: list[list[int]],
    secret: ScanSecret,
    parameters: TagParameters,
) -> Questions:
    """The questions of one picture; hash_bits None makes those of its random stand-in."""
    asked, scan_key = asked_hash(hash_bits, secret)
    inputs = pieces.oprf_inputs(secret.option, asked, masks, parameters)
    blinds = [_blind(secret.option, scan_key, i) for i in range(len(inputs))]
    blinded = [
        oprf.blind(message, blind, Mode.VOPRF)
        for message, blind in zip(inputs, blinds, strict=True)
    ]
    return Questions(inputs, blinds, blinded)


def asked_hash(hash_bits: bytes | None, secret: ScanSecret) -> tuple[bytes, bytes]:
    """The 32-byte hash that is asked about, and its scan key.

    hash_bits None: the stand-in of a picture without a hash, random to all but its conversation.
    """
    if hash_bits is not None:
        return hash_bits, secret.key(hash_bits)
    label = b"softfall " + secret.option.encode() + b" stand-in v1"
    scan_key = secret.key(label)
    return hmac.digest(scan_key, label, "sha256"), scan_key


def tags(
    asked: Questions,
    points: list[Point],
    proof: bytes,
    public_key: Point,
    parameters: TagParameters,
) -> TagRows:
    """The tags that a verified reply yields: TAG_BYTES each, a row a table, in the probes' order.

    Raises BadProof, or MalformedPoint.
    """
    oprf.verify_proof(public_key, asked.blinded, points, proof)
    unblinded = oprf.unblind_all(asked.blinds, points)
    flat = [
        oprf.finalize(message, point)[: wire.TAG_BYTES]
        for message, point in zip(asked.inputs, unblinded, strict=True)
    ]
    each = parameters.probes
    return [flat[t * each : (t + 1) * each] for t in range(parameters.tables)]


def encode(opened: Opened, parameters: TagParameters) -> bytes:
    """The opening's bytes; their number depends on the parameters alone."""
    return wire.OPENING.encode(
        {
            "version": wire.VERSION,
            "unhashable": int(opened.hash_bits is None),
            "hash": opened.hash_bits or NO_HASH,
            "masks": pieces.pack_masks(opened.masks, parameters),
            "points": b"".join(opened.points),
            "proof": opened.proof,
        }
    )


def decode(body: bytes, parameters: TagParameters) -> Opened | Mismatch:
    """The opening, or why it is not one that an unpatched client makes."""
    if not body:
        return OMITTED
    try:
        values = wire.decode(wire.OPENING, body)
        mask_bytes = (parameters.questions - parameters.tables) * parameters.piece_bytes
        packed = wire.octets(values, "masks", mask_bytes)
        points = wire.octets(values, "points", ristretto.POINT_BYTES * parameters.questions)
        decoded = ristretto.decode_points(points)
    except (MalformedMessage, ristretto.MalformedPoint):
        return MALFORMED
    masks = pieces.unpack_masks(packed, parameters)
    stand_in, hash_bits = values["unhashable"] == 1, wire.octets(values, "hash")
    if masks is None or (stand_in and hash_bits != NO_HASH):
        return MALFORMED
    if stand_in and masks != pieces.stand_in_masks(parameters):
        return MALFORMED
    return Opened(None if stand_in else hash_bits, masks, decoded, wire.octets(values, "proof"))


def verified_tags(
    opened: Opened, secret: ScanSecret, public_key: Point, parameters: TagParameters
) -> TagRows | Mismatch:
    """The tags that an opening yields under the epoch's key, or why it yields none."""
    asked = questions(opened.hash_bits, opened.masks, secret, parameters)
    try:
        return tags(asked, opened.points, opened.proof, public_key, parameters)
    except (oprf.BadProof, ristretto.MalformedPoint):
        return BAD_PROOF


def _blind(option: str, scan_key: bytes, index: int) -> Scalar:
    """The blind of one question: HKDF-Expand (RFC 5869) to 64 bytes, reduced."""
    info = b"softfall " + option.encode() + b" blind v1|" + index.to_bytes(2, "big")
    return ristretto.scalar_from_wide(hmac.digest(scan_key, info + b"\x01", "sha512"))
