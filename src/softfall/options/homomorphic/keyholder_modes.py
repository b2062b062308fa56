"""The keyholder's arithmetic of one run, in either mode, from masked distances to its last answer.

Guarantees: in the one-bit mode every value that leaves is a uniform share, whatever the distances;
in the permuted mode the first answer is uniform, and the second is told of distances in an order
that only the provider knows.
Refuses: messages of another size than the run's (MalformedMessage).
Leaves to others: messages, serials, keys (`keyholder`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from softfall.crypto import comparing, equality, shuffling
from softfall.crypto.columns import (
    U16Array,
    nine_bit_bytes,
    octets,
    packed,
    plane_bytes,
    plane_of,
    unpacked,
)
from softfall.crypto.comparing import RADIUS_BITS, LookedUp, Triple
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.material import OneBitKeyholder, PermutedKeyholder
from softfall.wire import Value


class OneBitNote(NamedTuple):
    """What is kept of a one-bit run."""

    half: OneBitKeyholder
    found: LookedUp
    triple: Triple
    opened: bytes

    def finished(self, values: Mapping[str, Value], named: bool) -> dict[str, Value]:
        """The last answer: a digest of its share; and the share, where entries are named."""
        theirs = wire.octets(values, "opened", len(self.opened))
        asked = wire.octets(values, "tag", equality.DIGEST_BYTES)
        wire.octets(values, "values", 0)
        share = octets(comparing.result(self.found, self.triple, self.opened, theirs, first=False))
        digest = equality.digest(self.half.digest_key, share)
        tag = equality.answer(digest, asked, self.half.answering)
        # Always sent, match or not, so that it tells the keyholder nothing that it is asked for it.
        return {"tag": tag, "match": 0, "bits": share if named else b""}


class PermutedNote(NamedTuple):
    """What is kept of a permuted run."""

    hiding: shuffling.Hiding

    def finished(self, values: Mapping[str, Value], named: bool) -> dict[str, Value]:
        """The last answer: whether a distance is within the radius; and which, where named."""
        capacity = len(self.hiding.taken_off)
        theirs = wire.octets(values, "values", nine_bit_bytes(capacity))
        wire.octets(values, "opened", 0)
        wire.octets(values, "tag", 0)
        distances = shuffling.distances(unpacked(theirs, capacity), self.hiding)
        near = distances <= RADIUS_BITS
        bits = octets(plane_of(near.astype(np.uint8))) if named else b""
        return {"tag": b"", "match": int(near.any()), "bits": bits}


Note = OneBitNote | PermutedNote


def begun(
    half: OneBitKeyholder | PermutedKeyholder, distances: U16Array
) -> tuple[dict[str, Value], Note]:
    """The first answer, and what to keep. distances: (rows,), plus the provider's masks."""
    if isinstance(half, PermutedKeyholder):
        hiding = half.hiding()
        values: dict[str, Value] = {
            "values": packed(shuffling.hidden(distances, hiding)),
            "opened": b"",
        }
        return values, PermutedNote(hiding)
    rows = len(distances)
    masked = comparing.masked(distances, half.masks(rows))
    triple = half.triple(rows)
    found = comparing.look_up(masked, half.tables(rows))
    opened = comparing.opening(found, triple)
    note = OneBitNote(half, found, triple, opened)
    return {"values": packed(masked), "opened": opened}, note


def zeros(half: OneBitKeyholder | PermutedKeyholder, rows: int) -> dict[str, Value]:
    """An answer of the same size that says nothing."""
    if isinstance(half, PermutedKeyholder):
        return {"values": bytes(nine_bit_bytes(half.expansion.capacity)), "opened": b""}
    return {"values": bytes(nine_bit_bytes(rows)), "opened": bytes(2 * plane_bytes(rows))}
