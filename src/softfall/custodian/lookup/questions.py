"""What a tool asks, out of a request's body: hashes in JSON, or packed; strictly read.

Guarantees: (N, 4) uint64 hashes with 1 <= N <= the limit, in the order asked; or a named error.
No error repeats what was sent.
"""

from typing import Annotated, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from softfall.edge.errors import InvalidRequest
from softfall.errors import InputError
from softfall.lists.entries import PDQ_BYTES
from softfall.lists.index.hamming import WORDS, U64Array

HEX_DIGITS: Final = 2 * PDQ_BYTES
_WORD: Final = np.dtype(">u8")

PdqHex = Annotated[str, Field(pattern=f"^[0-9a-fA-F]{{{HEX_DIGITS}}}$")]


class BadHashes(InputError):
    """A body that is not a whole number of hashes, or holds none."""

    remedy = f"Send {PDQ_BYTES} bytes for each hash, one after another, and at least one."


class TooManyHashes(InputError):
    """More hashes in one request than are answered at once; none was looked up."""

    remedy = "Ask in several requests; the keeper sets lookup.max_batch."


class LookupQuestion(BaseModel):
    """Hashes to look up."""

    model_config = ConfigDict(extra="forbid", strict=True)

    hashes: Annotated[
        list[PdqHex], Field(min_length=1, description="PDQ hashes, 64 hex digits each.")
    ]


def from_json(body: bytes, max_hashes: int) -> U64Array:
    """The hashes of a LookupQuestion. Raises InvalidRequest, TooManyHashes."""
    try:
        asked = LookupQuestion.model_validate_json(body)
    except ValidationError:
        raise InvalidRequest("not as the route asks: hashes") from None
    return _read(bytes.fromhex("".join(asked.hashes)), max_hashes)


def from_octets(body: bytes, max_hashes: int) -> U64Array:
    """Hashes of 32 bytes each, one after another. Raises BadHashes, TooManyHashes."""
    if not body or len(body) % PDQ_BYTES:
        raise BadHashes(f"the body is not a whole number of hashes of {PDQ_BYTES} bytes")
    return _read(body, max_hashes)


def _read(packed: bytes, max_hashes: int) -> U64Array:
    if len(packed) > max_hashes * PDQ_BYTES:
        raise TooManyHashes(f"over {max_hashes} hashes in one request")
    return np.frombuffer(packed, _WORD).astype(np.uint64).reshape(-1, WORDS)
