"""Made-up hashes: with as many ones as PDQ's have, and neighbours such as edits make."""

import numpy as np
import numpy.typing as npt

from softfall.media.pdq import PdqHash

RADIUS_BITS = 31
_CHUNK = 50_000  # hashes whose bits are shuffled at a time, a byte each


def balanced(rng: np.random.Generator, count: int) -> list[bytes]:
    """Random hashes with 128 ones of 256, as PDQ's are."""
    half = np.arange(256) < 128
    made: list[bytes] = []
    for start in range(0, count, _CHUNK):
        rows = min(_CHUNK, count - start)
        bits = rng.permuted(np.broadcast_to(half, (rows, 256)), axis=1)
        made += [row.tobytes() for row in np.packbits(bits, axis=1)]
    return made


def flipped(rng: np.random.Generator, hashes: list[bytes]) -> list[bytes]:
    """Each with up to 31 bits the other way."""
    made = []
    for pdq in hashes:
        bits = np.unpackbits(np.frombuffer(pdq, np.uint8))
        bits[rng.choice(256, rng.integers(0, RADIUS_BITS + 1), replace=False)] ^= 1
        made.append(np.packbits(bits).tobytes())
    return made


def with_margins(rng: np.random.Generator, bits: bytes) -> PdqHash:
    """A picture's hash as a device has it: with how far each coefficient lies from the median."""
    margins: npt.NDArray[np.float32] = np.abs(rng.normal(0, 60, 256)).astype(np.float32)
    return PdqHash(bits, 90, margins)
