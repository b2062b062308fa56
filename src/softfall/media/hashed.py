"""What the hasher's process answers: a picture's hash, or why there is none; or what to ask of it.

Guarantees: what `decode` returns is a `PdqHash`, an `Unhashable` or a `Refused`, well formed,
whatever a broken process may have written; margins keep their exact float32 bits. `decode_asked`
returns one such or two: the picture as it is, and without its borders if it has any.
Refuses: anything else, as MalformedMessage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np

from softfall.media.pdq import MIN_QUALITY, Mode, PdqHash, Unhashable
from softfall.wire import (
    Bytes,
    Field,
    ListOf,
    MalformedMessage,
    Message,
    Nested,
    Party,
    Text,
    Uint,
    Value,
)

VERSION: Final = 2
MAX_REASON_BYTES: Final = 200
_PDQ_BYTES: Final = 32
_MARGIN_BYTES: Final = 4 * 256
_LUMINANCE_BYTES: Final = 64 * 64
_MARGIN: Final = np.dtype(">f4")
_OUTCOMES: Final = ("hashed", "unhashable", "refused")
_MODES: Final[dict[str, Mode]] = {mode: mode for mode in get_args(Mode)}

HASHED = Message(
    "hashed",
    Party.PROVIDER,
    (
        Field("version", Uint(VERSION), "2"),
        Field("outcome", Text(16), f"one of: {', '.join(_OUTCOMES)}"),
        Field("mode", Text(16, may_be_empty=True), "exact or fast; empty if refused"),
        Field("hash", Bytes(0, _PDQ_BYTES), "the picture's PDQ hash; empty unless hashed"),
        Field("quality", Uint(100), "PDQ's quality; 0 if refused"),
        Field("margins", Bytes(0, _MARGIN_BYTES), "256 float32, big-endian; empty unless hashed"),
        Field(
            "luminance",
            Bytes(0, _LUMINANCE_BYTES),
            "the 64x64 picture that PDQ measures, row by row; empty unless hashed",
        ),
        Field("reason", Text(MAX_REASON_BYTES, may_be_empty=True), "empty if hashed"),
    ),
    max_bytes=6000,
)

ASKED_OF_PICTURE = Message(
    "asked_of_picture",
    Party.CUSTODIAN,
    (
        Field(
            "hashes",
            ListOf(Nested(HASHED), 1, 2),
            "of the picture as it is; and of what is inside its borders, if it has any",
        ),
    ),
    max_bytes=2 * HASHED.max_bytes + 16,
)


@dataclass(frozen=True, slots=True)
class Refused:
    """The picture was not opened, and why; or nobody could try."""

    reason: str


Hashed = PdqHash | Unhashable | Refused


def encode(hashed: Hashed) -> bytes:
    """The `hashed` message's bytes."""
    return HASHED.encode(_values(hashed))


def encode_asked(hashes: Sequence[Hashed]) -> bytes:
    """The `asked_of_picture` message's bytes. hashes: one or two, the whole picture's first."""
    return ASKED_OF_PICTURE.encode({"hashes": [_values(hashed) for hashed in hashes]})


def decode(body: bytes) -> Hashed:
    """What the hasher says. Raises MalformedMessage."""
    return _hashed(HASHED.decode(body))


def decode_asked(body: bytes) -> tuple[Hashed, ...]:
    """What the hasher says there is to ask of a picture. Raises MalformedMessage."""
    values: dict[str, Any] = ASKED_OF_PICTURE.decode(body)
    hashes = tuple(_hashed(each) for each in values["hashes"])
    if len(hashes) > 1 and any(isinstance(each, Refused) for each in hashes):
        raise MalformedMessage("the hasher refused the picture and did not")
    return hashes


def _values(hashed: Hashed) -> dict[str, Value]:
    values: dict[str, Value] = {
        "version": VERSION,
        "outcome": "refused",
        "mode": "",
        "hash": b"",
        "quality": 0,
        "margins": b"",
        "luminance": b"",
        "reason": "",
    }
    match hashed:
        case PdqHash():
            margins = hashed.margins.astype(_MARGIN).tobytes()
            values |= {"outcome": "hashed", "hash": hashed.bits, "quality": hashed.quality}
            values |= {"margins": margins, "luminance": hashed.luminance, "mode": hashed.mode}
        case Unhashable():
            values |= {"outcome": "unhashable", "quality": hashed.quality, "reason": hashed.reason}
            values |= {"mode": hashed.mode}
        case Refused():
            reason = hashed.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            values |= {"reason": reason}
    return values


def _hashed(values: Mapping[str, Value]) -> Hashed:
    outcome, reason, quality = values["outcome"], values["reason"], values["quality"]
    bits, packed, luminance = values["hash"], values["margins"], values["luminance"]
    assert isinstance(reason, str)
    assert isinstance(quality, int)
    assert isinstance(bits, bytes)
    assert isinstance(packed, bytes)
    assert isinstance(luminance, bytes)
    if values["version"] != VERSION or outcome not in _OUTCOMES:
        raise MalformedMessage("the hasher's answer is of another version or outcome")
    if outcome == "refused" and values["mode"]:
        raise MalformedMessage("the hasher's answer names a mode for what was not hashed")
    if outcome != "hashed":
        if bits or packed or luminance:
            raise MalformedMessage("the hasher's answer has a hash and has none")
        refused = outcome == "refused"
        return Refused(reason) if refused else Unhashable(reason, quality, _mode(values["mode"]))
    margins = np.frombuffer(packed, _MARGIN).astype(np.float32)
    sizes = (len(bits), len(packed), len(luminance))
    well_formed = sizes == (_PDQ_BYTES, _MARGIN_BYTES, _LUMINANCE_BYTES)
    if not well_formed or quality < MIN_QUALITY or not (margins >= 0).all():
        raise MalformedMessage("the hasher's answer is no hash with its margins")
    return PdqHash(bits, quality, margins, luminance, _mode(values["mode"]))


def _mode(told: Value) -> Mode:
    if told not in _MODES:
        raise MalformedMessage("the hasher's answer names no mode of hashing")
    return _MODES[str(told)]
