"""The bytes of the blind tags that `split` and `on_device` share, and who receives them.

Guarantees: within an epoch each message has one size (or two at most, where CBOR writes a number
shorter), so that nothing about a picture, not even that it has no hash, shows in a length.
Refuses: any other form, as MalformedMessage.

Who sees what: the custodian sees blinded points, uniform whatever the picture; the opening travels
inside the ciphertext, to the recipient's device alone. The tags themselves are the option's own
matter: `split` hands them to the provider, `on_device` keeps them.
"""

from collections.abc import Mapping
from typing import Final

from softfall.crypto.oprf import PROOF_BYTES
from softfall.crypto.ristretto import POINT_BYTES
from softfall.errors import InputError
from softfall.wire import Bytes, Field, MalformedMessage, Message, Party, Uint, Value

VERSION: Final = 1
TAG_BYTES: Final = 8
MAX_K_BITS: Final = 64
MAX_TABLES: Final = 64
MAX_POINTS: Final = 512

_POINTS = Bytes(POINT_BYTES, POINT_BYTES * MAX_POINTS)
_PROOF = Bytes(PROOF_BYTES, PROOF_BYTES)
_VERSION_FIELD = Field("version", Uint(VERSION), "1")
_EPOCH_FIELD = Field("epoch", Uint(2**32), "the list epoch, hence the custodian's key")


class OtherEpoch(InputError):
    """A message for another epoch of the list than the one in use."""

    remedy = "Fetch the current epoch's manifest, and begin again."


PARAMETERS = Message(
    "tags_parameters",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("k_bits", Uint(MAX_K_BITS), "bits in a piece"),
        Field("probes", Uint(MAX_POINTS), "pieces asked for in each table"),
        Field("hits", Uint(MAX_TABLES), "tables in which one entry must be hit to be a candidate"),
        Field(
            "positions",
            Bytes(1, MAX_TABLES * MAX_K_BITS),
            "k_bits bit positions a table, one byte each, table after table",
        ),
    ),
    max_bytes=4200,
)

REQUEST = Message(
    "tags_request",
    Party.CUSTODIAN,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        Field("points", _POINTS, "blinded points, 32 bytes each, exactly tables x probes"),
    ),
    max_bytes=POINT_BYTES * MAX_POINTS + 32,
)

REPLY = Message(
    "tags_reply",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        _EPOCH_FIELD,
        Field("points", _POINTS, "the same points under the epoch's key, in order"),
        Field("proof", _PROOF, "one DLEQ proof that all used the published key"),
    ),
    max_bytes=POINT_BYTES * MAX_POINTS + 128,
)

OPENING = Message(
    "tags_opening",
    Party.DEVICE,
    (
        _VERSION_FIELD,
        Field("unhashable", Uint(1), "1: the picture has no hash, a stand-in was submitted"),
        Field("hash", Bytes(32, 32), "the sender's PDQ hash (zeros for a stand-in)"),
        Field(
            "masks",
            Bytes(0, MAX_POINTS * MAX_K_BITS // 8),
            "bits flipped by each probe but the first (which flips none), table after table",
        ),
        Field("points", _POINTS, "the custodian's evaluated points"),
        Field("proof", _PROOF, "its proof"),
    ),
    max_bytes=POINT_BYTES * MAX_POINTS + 8 * MAX_POINTS + 256,
)


def octets(values: Mapping[str, Value], name: str, size_bytes: int | None = None) -> bytes:
    """A decoded message's byte field, of exactly `size_bytes`. Raises MalformedMessage."""
    value = values[name]
    if not isinstance(value, bytes) or (size_bytes is not None and len(value) != size_bytes):
        raise MalformedMessage(f"{name} must be {size_bytes} bytes in this epoch")
    return value


def decode(message: Message, body: bytes) -> dict[str, Value]:
    """The values of a message of this version. Raises MalformedMessage."""
    values = message.decode(body)
    if values["version"] != VERSION:
        raise MalformedMessage(f"{message.name} must be of version {VERSION}")
    return values


def number(values: Mapping[str, Value], name: str) -> int:
    """A decoded message's whole number."""
    value = values[name]
    if not isinstance(value, int):
        raise MalformedMessage(f"{name} must be a whole number")
    return value


def require_epoch(values: Mapping[str, Value], epoch: int) -> None:
    """Raises OtherEpoch unless a decoded message is for `epoch`."""
    named = number(values, "epoch")
    if named != epoch:
        raise OtherEpoch(f"epoch {named} was named, epoch {epoch} is in use")
