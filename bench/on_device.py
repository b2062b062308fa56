"""The map on a device: made, looked into; and a picture's whole work.

Peer for the map: `pyfusefilter`'s 16-bit binary fuse filter (in C, by the authors of the paper),
which answers whether a key is among its keys. Ours holds a value for each key; here 16 bits, the
same one for all, so that both do the same: name the keys that are there. Each side gets the keys as
its users have them (tags, whole numbers) and hashes them itself; 1,000,000 keys, and the 60 tags of
a picture, half of them among those. Bits a key are in the row's check.
Peer for the picture: `rbcl`, on whose group ours is built. It does what no implementation is spared
that checks every point alone: four multiplications a question, blinding, unblinding and the two of
the proof. Ours does the whole: pieces, questions, the proof, tags, the map, submission and opening.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import rbcl
from pyfusefilter import Fuse16

from bench.rows import Row, compare
from softfall.media.pdq import PdqHash
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import ScanSecret
from softfall.options.on_device import construction, segment, static_function
from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret
from softfall.options.on_device.device import OnDeviceDevice
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS
from softfall.options.on_device.segment import MapKeys
from softfall.options.tags import wire

KEYS = 1_000_000
ASKED = DEFAULT_PARAMETERS.tags.questions
VALUE_BITS = 16
BUILD_ROUNDS = 3
ENTRIES = 2_000
EPOCH = 1
NAME = "on_device"


def rows() -> list[Row]:
    tags = np.random.default_rng(1).integers(0, 2**64, KEYS, dtype=np.uint64)
    names = [tag.to_bytes(8, "big") for tag in tags.tolist()]
    return [_build(names), _lookup(names), _picture()]


def _build(names: list[bytes]) -> Row:
    numbers = [int.from_bytes(name) for name in names]
    ours, theirs = _made(names), Fuse16(numbers)
    sizes = (len(ours[0]), theirs.size_in_bytes())
    bits = ", ".join(f"{8 * size / KEYS:.1f}" for size in sizes)
    return compare(
        f"a map of {KEYS:,} keys, {VALUE_BITS} bits each",
        peer="pyfusefilter",
        ours=partial(_made, names),
        theirs=partial(Fuse16, numbers),
        same=f"every key found; bits a key: {bits} (the peer's)",
        differ=lambda our, their: _missed(_find(our, names), _find_theirs(their, numbers)),
        rounds=BUILD_ROUNDS,
    )


def _lookup(names: list[bytes]) -> Row:
    strangers = np.random.default_rng(2).integers(0, 2**64, ASKED // 2, dtype=np.uint64)
    asked = names[: ASKED // 2] + [tag.to_bytes(8, "big") for tag in strangers.tolist()]
    numbers = [int.from_bytes(name) for name in asked]
    ours, theirs = _made(names), Fuse16([int.from_bytes(name) for name in names])
    return compare(
        f"a picture's {ASKED} tags looked up",
        peer="pyfusefilter",
        ours=partial(_find, ours, asked),
        theirs=partial(_find_theirs, theirs, numbers),
        same=f"the {ASKED // 2} that are there found, and no other",
    )


def _made(names: list[bytes]) -> tuple[np.ndarray, static_function.Shape]:
    asked = MapKeys.of(names, [0] * len(names))
    values = asked.pads & np.uint32(0xFFFF)
    shape, cells = construction.build(asked.keys, values, partial(np.zeros, dtype=np.uint32))
    return np.frombuffer(static_function.pack(cells, VALUE_BITS), np.uint8), shape


def _find(made: tuple[np.ndarray, static_function.Shape], names: list[bytes]) -> list[bool]:
    asked = MapKeys.of(names, [0] * len(names))
    values = static_function.lookup(made[0], VALUE_BITS, asked.keys, made[1])
    return (values == (asked.pads & np.uint32(0xFFFF))).tolist()


def _find_theirs(made: Fuse16, numbers: list[int]) -> list[bool]:
    return [bool(made.contains(number)) for number in numbers]


def _missed(ours: list[bool], theirs: list[bool]) -> str:
    missed = [name for name, found in (("ours", ours), ("the peer's", theirs)) if not all(found)]
    return f"keys are missing from {' and '.join(missed)}" if missed else ""


def _picture() -> Row:
    """One picture's work between its hash and its submission, the reply being at hand."""
    custodian = OnDeviceCustodian(EPOCH, derive_secret(bytes(32), EPOCH))
    entries = [(number, _hash(number).bits) for number in range(ENTRIES)]
    prepared = custodian.prepare(entries, lambda done, total: None)
    view = MapView([segment.decode(prepared.artefact)])
    device = OnDeviceDevice(
        EPOCH,
        prepared.public_key,
        DEFAULT_PARAMETERS,
        make_keys(bytes(32), NAME, EPOCH).public,
        lambda: view,
    )
    media, secret = _hash(ENTRIES + 1), ScanSecret(bytes(32), NAME, EPOCH)
    request = device.begin(media, secret).request.body
    reply = custodian.answer(request)
    points = wire.octets(wire.REPLY.decode(reply), "points")
    each = [points[at : at + 32] for at in range(0, len(points), 32)]
    submission = device.begin(media, secret).finish(reply)[0].body
    return compare(
        f"a picture, {ASKED} questions: the device's work",
        peer="rbcl",
        ours=lambda: device.begin(media, secret).finish(reply)[0].body,
        theirs=partial(_multiplications, each),
        same=f"the same submission each time; {len(request) + len(reply):,} bytes both ways",
        differ=lambda our, their: "" if our == submission and their else "they differ",
    )


def _multiplications(points: list[bytes]) -> int:
    scalar = (7).to_bytes(32, "little")
    multiply: Callable[..., Any] = rbcl.crypto_scalarmult_ristretto255
    return sum(bool(multiply(scalar, point)) for point in points for _ in range(4))


def _hash(seed: int) -> PdqHash:
    rng = np.random.default_rng(seed)
    bits = rng.permutation(np.arange(256) < 128)
    margins = np.abs(rng.normal(0, 60, 256)).astype(np.float32)
    return PdqHash(np.packbits(bits).tobytes(), 90, margins)
