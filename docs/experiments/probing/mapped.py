"""Pictures looked up in a real map of a million entries, by the product's own code.

Guarantees: segments, keys, slots, deltas and candidates are the product's; only the OPRF is left
out: a tag is a keyed 64-bit mix of (table, piece), which is as random to a map, and thousands of
times cheaper than a million real evaluations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from probing.census import RADIUS_BITS
from probing.hashes import Bits, Hashes, Indices
from softfall.options.on_device import segment
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.on_device.publishing import make_segment
from softfall.options.on_device.static_function import U64Array
from softfall.options.tags import pieces
from softfall.options.tags.parameters import TagParameters

FILLER: Final = b"experiment"
_FILL_AT_A_TIME: Final = 50_000

PackedHashes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list: (n, 32) packed hashes, the entry number being the row, and its map."""

    hashes: PackedHashes
    view: MapView
    size_bytes: int


def listed(real: Bits, entries: int, parameters: OnDeviceParameters, seed: int) -> Listed:
    """A list of these hashes, filled up to `entries` with random balanced ones, and its base."""
    fill = random_hashes(entries - len(real), seed)
    hashes = np.concatenate((np.packbits(real, axis=1), fill))
    return _mapped(hashes, parameters)


def _mapped(hashes: PackedHashes, parameters: OnDeviceParameters) -> Listed:
    file = _segment(hashes, 0, 0, None, (), parameters)
    return Listed(hashes, MapView([segment.decode(file)]), len(file))


def _segment(
    hashes: PackedHashes,
    first: int,
    version: int,
    follows: int | None,
    withdrawn: Sequence[int],
    parameters: OnDeviceParameters,
) -> bytes:
    return make_segment(
        epoch=1,
        list_version=version,
        follows=follows,
        parameters=parameters,
        numbers=np.arange(first, first + len(hashes), dtype=np.uint32),
        tags=_tags_of(pieces.pieces(hashes, parameters.tags)),
        withdrawn=withdrawn,
        filler_key=FILLER,
    ).encode()


def with_deltas(base: Listed, days: int, added: int, withdrawn: int, seed: int) -> dict[str, Any]:
    """The map after so many days of changes, and what each day's file weighs."""
    rng = np.random.default_rng(seed)
    parameters, hashes, segments, sizes = base.view.parameters, base.hashes, [], []
    for day in range(1, days + 1):
        new = random_hashes(added, seed + day)
        gone = rng.choice(len(base.hashes), withdrawn, replace=False).tolist()
        file = _segment(new, len(hashes), day, day - 1, gone, parameters)
        hashes = np.concatenate((hashes, new))
        segments.append(segment.decode(file))
        sizes.append(len(file))
    return {"view": MapView([*base.view._segments, *segments]), "bytes": sizes}


def candidates(view: MapView, asking: Hashes, rows: Indices) -> list[tuple[int, ...]]:
    """Each picture's candidates: its probes' tags looked up in the map. On every core."""
    _SHARED["both"] = (view, asking)  # inherited by the workers, which copy no page of it
    with get_context("fork").Pool() as pool:
        return pool.map(_candidates_of, rows.tolist(), chunksize=200)


_SHARED: Final[dict[str, tuple[MapView, Hashes]]] = {}


def _candidates_of(row: int) -> tuple[int, ...]:
    view, asking = _SHARED["both"]
    parameters = view.parameters.tags
    own = np.packbits(asking.bits[row])[None, :]
    base = pieces.pieces(own, parameters)
    masks = pieces.probe_masks(asking.margins[row], parameters)
    tags = _tags_of(base ^ np.array(masks, dtype=np.uint64))
    rows = [[int(tag).to_bytes(8, "big") for tag in table] for table in tags]
    return view.candidates(rows)


def distances(own: Bits, entries: PackedHashes) -> Indices:
    """(n,) bits between one hash (256,) and each of (n, 32) packed ones."""
    return np.unpackbits(np.packbits(own)[None, :] ^ entries, axis=1).sum(axis=1)


def confirmed(found: Sequence[tuple[int, ...]], asking: Hashes, rows: Indices, on: Listed) -> Bits:
    """(n,) whether `confirm` would say yes to any of a picture's candidates: exact distance."""
    return np.array(
        [
            bool(len(entries))
            and bool((distances(asking.bits[row], on.hashes[list(entries)]) <= RADIUS_BITS).any())
            for entries, row in zip(found, rows.tolist(), strict=True)
        ],
        dtype=np.bool_,
    )


def with_slots(parameters: OnDeviceParameters, slots: int) -> OnDeviceParameters:
    """The same with another number of slots."""
    return replace(parameters, slots=slots)


def random_hashes(count: int, seed: int) -> PackedHashes:
    """(count, 32) packed hashes of 128 ones, as PDQ's median leaves them."""
    rng = np.random.default_rng(seed)
    half = np.arange(256) < 128
    parts = [np.zeros((0, 32), np.uint8)]
    for at in range(0, count, _FILL_AT_A_TIME):
        rows = np.broadcast_to(half, (min(_FILL_AT_A_TIME, count - at), 256))
        parts.append(np.packbits(rng.permuted(rows, axis=1), axis=1))
    return np.concatenate(parts)


def _tags_of(rows: U64Array) -> U64Array:
    """(tables, n) tags of (tables, n) pieces: SplitMix64 under a key of each table."""
    keys = (np.arange(len(rows), dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    words = rows ^ keys[:, None]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words


def parameters_of(row: dict[str, Any], positions: Any, slots: int) -> OnDeviceParameters:
    """The product's parameters for one row of the grid."""
    tags = TagParameters(row["k_bits"], row["probes"], row["hits"], positions)
    return OnDeviceParameters(tags, row["code_bits"], row["check_bits"], slots, 0)
