"""The digest that says which entries an epoch holds.

Guarantees: equal digests, equal sets: the same entry numbers with the same hashes.
Reveals nothing of a hash to who does not hold the whole set already.
"""

import hashlib
from collections.abc import Iterable

_HEAD = b"softfall epoch entries v1|"


def entries_digest(entries: Iterable[tuple[int, bytes]]) -> bytes:
    """SHA-256 over (entry number as 8 bytes big-endian, 32-byte hash) in order of number.

    entries: in rising order of number.
    """
    digest = hashlib.sha256(_HEAD)
    for number, pdq in entries:
        digest.update(number.to_bytes(8) + pdq)
    return digest.digest()
