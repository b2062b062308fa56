"""Every byte that the parties of the research mode exchange about a picture, and who gets it.

RESEARCH MODE: no service offers it. As in `homomorphic`'s permuted mode, the provider gets a query
that it can't open and in the end one bit; the keyholder gets a sealed seed, values under masks, and
at last the scores in a fresh order.
Refuses: any other form, as MalformedMessage.
"""

from typing import Final

from softfall.crypto import hpke
from softfall.options.homomorphic.secret_hash.lattice import QUERY_BYTES
from softfall.options.homomorphic.wire import VERSION, decode, octets
from softfall.wire import Bytes, Field, Message, Party, Uint

__all__ = ["BEGIN", "BEGUN", "FINISH", "FINISHED", "QUERY", "VERSION", "decode", "octets"]

MAX_ROWS: Final = 2**20
_CAPSULE_BYTES = 32 + hpke.OVERHEAD_BYTES
_HEAD_BYTES = 64

_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_EPOCH_FIELD = Field("epoch", Uint(2**32), "of the secret directions and of the public elements")
_SERIAL_FIELD = Field("serial", Bytes(8, 8), "which dealt material both sides use up")
_CAPSULE_FIELD = Field(
    "capsule",
    Bytes(_CAPSULE_BYTES, _CAPSULE_BYTES),
    "HPKE to the keyholder: the seed of the query's key",
)
_COMMITMENT_FIELD = Field("commitment", Bytes(32, 32), "SHA-256 that binds that seed and the epoch")
_NINE_BITS = Bytes(0, MAX_ROWS * 9 // 8 + 8)

QUERY = Message(
    "secret_hash_query",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        _CAPSULE_FIELD,
        _COMMITMENT_FIELD,
        Field("query", Bytes(QUERY_BYTES, QUERY_BYTES), "the 64x64 plane, encrypted"),
    ),
    max_bytes=QUERY_BYTES + _CAPSULE_BYTES + _HEAD_BYTES,
)

BEGIN = Message(
    "secret_hash_begin",
    Party.KEYHOLDER,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        _SERIAL_FIELD,
        _CAPSULE_FIELD,
        _COMMITMENT_FIELD,
        Field("masked", Bytes(0, 2 * MAX_ROWS), "12 bits a row: encrypted score plus mask"),
    ),
    max_bytes=2 * MAX_ROWS + _CAPSULE_BYTES + 2 * _HEAD_BYTES,
)

BEGUN = Message(
    "secret_hash_begun",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("values", _NINE_BITS, "9 bits a row under a dealt mask: uniform"),
    ),
    max_bytes=MAX_ROWS * 9 // 8 + _HEAD_BYTES,
)

FINISH = Message(
    "secret_hash_finish",
    Party.KEYHOLDER,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("values", _NINE_BITS, "9 bits a row: scores in a new order, under a dealt mask"),
    ),
    max_bytes=MAX_ROWS * 9 // 8 + _HEAD_BYTES,
)

FINISHED = Message(
    "secret_hash_finished",
    Party.PROVIDER,
    (
        _VERSION_FIELD,
        _SERIAL_FIELD,
        Field("match", Uint(1), "1: a score reaches the threshold"),
    ),
    max_bytes=_HEAD_BYTES,
)
