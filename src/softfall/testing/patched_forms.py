"""How each option's submission and opening are altered by a cheating app, keeping their form.

Guarantees: what comes out has the form that an unpatched app's has, so that only its content lies:
a cheat that shows in the form alone would be refused before anybody looks.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from softfall.options.enclave import wire as enclave
from softfall.options.homomorphic import wire as homomorphic
from softfall.options.on_device import wire as on_device
from softfall.options.split import wire as split
from softfall.options.tags import wire as tags


@dataclass(frozen=True, slots=True)
class Altered:
    """junk: another submission's body. renamed: an opening under another 32-byte hash."""

    junk: Callable[[bytes], bytes]
    renamed: Callable[[bytes, bytes], bytes]


def _renamed_tags(opening: bytes, bits: bytes) -> bytes:
    return tags.OPENING.encode({**tags.OPENING.decode(opening), "hash": bits})


def _split_junk(body: bytes) -> bytes:
    """Tags drawn by SHAKE-256 of the true ones: sorted, as an app's are."""
    values: dict[str, Any] = split.SUBMISSION.decode(body)
    drawn, size = _drawn(values["tags"]), tags.TAG_BYTES
    ordered = sorted(drawn[i : i + size] for i in range(0, len(drawn), size))
    return split.SUBMISSION.encode({**values, "tags": b"".join(ordered)})


def _split_renamed(opening: bytes, bits: bytes) -> bytes:
    outer: dict[str, Any] = split.OPENING.decode(opening)
    return split.OPENING.encode({**outer, "tags": _renamed_tags(outer["tags"], bits)})


def _on_device_junk(body: bytes) -> bytes:
    """Another entry's number in place of each that was found; nothing found says so still."""
    values: dict[str, Any] = on_device.SUBMISSION.decode(body)
    others = [number ^ 1 for number in values["entries"]]
    return on_device.SUBMISSION.encode({**values, "entries": others})


def _on_device_renamed(opening: bytes, bits: bytes) -> bytes:
    outer: dict[str, Any] = on_device.OPENING.decode(opening)
    return on_device.OPENING.encode({**outer, "tags": _renamed_tags(outer["tags"], bits)})


def _enclave_junk(body: bytes) -> bytes:
    """A body that its commitment does not fit."""
    values: dict[str, Any] = enclave.SEALED.decode(body)
    return enclave.SEALED.encode({**values, "body": _drawn(values["body"])})


def _enclave_renamed(opening: bytes, bits: bytes) -> bytes:
    """Only under the policy that seals hashes."""
    return enclave.OPENING.encode({**enclave.OPENING.decode(opening), "content": bits})


def _homomorphic_junk(body: bytes) -> bytes:
    """Numbers of 23 bits, all below the ring's modulus, which nobody encrypted."""
    values: dict[str, Any] = homomorphic.QUERY.decode(body)
    drawn = bytearray(_drawn(values["query"]))
    for highest in range(2, len(drawn), 3):
        drawn[highest] &= 0x7F
    return homomorphic.QUERY.encode({**values, "query": bytes(drawn)})


def _homomorphic_renamed(opening: bytes, bits: bytes) -> bytes:
    return homomorphic.OPENING.encode({**homomorphic.OPENING.decode(opening), "hash": bits})


def _drawn(value: bytes) -> bytes:
    return hashlib.shake_256(value).digest(len(value))


FORMS: Final[Mapping[str, Altered]] = {
    "enclave": Altered(_enclave_junk, _enclave_renamed),
    "homomorphic": Altered(_homomorphic_junk, _homomorphic_renamed),
    "on_device": Altered(_on_device_junk, _on_device_renamed),
    "split": Altered(_split_junk, _split_renamed),
}
