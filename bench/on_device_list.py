"""`on_device` with a list of a million: the download, a day's changes, and what makes them.

The map is built and written by the product's own code. A few entries have their real tags; all
others' are random numbers, as tags are to whoever has no key, and a map's size depends on how many
there are alone (`on_device_whole` evaluates each under a key, which takes minutes). A day's changes
are evaluated for real.
Peer for the evaluations: `rbcl`, one after the other on one core; ours use every core.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import rbcl

from bench.figures import Check, Figure, processor_ms
from bench.hashes import balanced, with_margins
from bench.memory import growth
from bench.picture import EPOCH, Picture
from bench.rows import Row, compare
from softfall.crypto import oprf
from softfall.crypto.oprf import Mode
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import Submission
from softfall.options.on_device import segment, wire
from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret
from softfall.options.on_device.device import OnDeviceDevice
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.opening import entries_of
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS
from softfall.options.on_device.publishing import make_segment
from softfall.options.tags import pieces
from softfall.options.tags.custodian import TagCustodian, U64Array
from softfall.options.tags.wire import TAG_BYTES
from softfall.options.tags.wire import decode as decode_message

ENTRIES = 1_000_000
REAL = 20  # entries with real tags, and as many pictures that are not listed
CHANGES = 1_000
EVALUATED = 500  # entries of the row
NAME = "on_device"
HASH_BYTES = 32
TAGS = DEFAULT_PARAMETERS.tags

Entries = list[tuple[int, bytes]]


def rows() -> list[Row]:
    hashes = balanced(np.random.default_rng(2), EVALUATED)
    custodian = TagCustodian(NAME, EPOCH, derive_secret(bytes(32), EPOCH), TAGS)
    array = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, HASH_BYTES)
    return [
        compare(
            f"tags of {EVALUATED} entries, {TAGS.tables} tables (the peer: one core)",
            peer="rbcl",
            ours=partial(custodian.tag_table, array, _quietly),
            theirs=partial(_one_by_one, derive_secret(bytes(32), EPOCH), hashes),
            same="the same tags",
            differ=lambda our, their: "" if (our == their).all() else "they differ",
        )
    ]


def _one_by_one(secret: bytes, hashes: list[bytes]) -> U64Array:
    multiply: Callable[..., Any] = rbcl.crypto_scalarmult_ristretto255
    found = np.empty((TAGS.tables, len(hashes)), np.uint64)
    for entry, bits in enumerate(hashes):
        for table, piece in enumerate(pieces.pieces_of_one(bits, TAGS)):
            message = pieces.oprf_input(NAME, table, piece, TAGS)
            point = multiply(secret, oprf.hash_to_group(message, Mode.VOPRF))
            tag = oprf.finalize(message, point)[:TAG_BYTES]
            found[table, entry] = int.from_bytes(tag, "big")
    return found


def figures() -> list[Figure]:
    rng = np.random.default_rng(1)
    entries: Entries = list(enumerate(balanced(rng, REAL)))
    start_s = time.perf_counter()
    base, peak_bytes = growth(partial(_base, rng, entries))
    took_s = time.perf_counter() - start_s
    file = base.encode()
    finds = found(base, entries, rng)
    return [
        *download(finds, file, base),
        finds.figure("on_device.build", "the map made of its tags", took_s, "s", peak_bytes),
        *_deltas(base),
    ]


def _base(rng: np.random.Generator, entries: Entries) -> segment.Segment:
    """Version 0; the first entries are these."""
    shape = (TAGS.tables, ENTRIES)
    tags = rng.integers(0, 2 ** (8 * TAG_BYTES), shape, dtype=np.uint64)
    custodian = TagCustodian(NAME, EPOCH, derive_secret(bytes(32), EPOCH), TAGS)
    known = np.frombuffer(b"".join(bits for _, bits in entries), np.uint8)
    tags[:, : len(entries)] = custodian.tag_table(known.reshape(-1, HASH_BYTES), _quietly)
    return make_segment(
        epoch=EPOCH,
        list_version=0,
        follows=None,
        parameters=DEFAULT_PARAMETERS,
        numbers=np.arange(ENTRIES, dtype=np.uint32),
        tags=tags,
        withdrawn=(),
        filler_key=bytes(32),
    )


def found(base: segment.Segment, listed: Entries, rng: np.random.Generator) -> Check:
    """Listed pictures are candidates under their own numbers; others are none."""
    view = MapView([base])
    custodian = OnDeviceCustodian(EPOCH, derive_secret(bytes(32), EPOCH))
    public_key = custodian.prepare([], _quietly).public_key
    confirm_key = make_keys(bytes(32), NAME, EPOCH).public
    device = OnDeviceDevice(EPOCH, public_key, DEFAULT_PARAMETERS, confirm_key, lambda: view)

    def named(bits: bytes) -> tuple[int, ...]:
        return _named(Picture(device, custodian, with_margins(rng, bits)).submission)

    missed = [number for number, bits in listed if number not in named(bits)]
    strangers = [bits for bits in balanced(rng, REAL) if named(bits)]
    told = f"{len(listed)} listed pictures found, {REAL} others not"
    return Check(not missed and not strangers, told)


def _named(submission: Submission) -> tuple[int, ...]:
    return entries_of(decode_message(wire.SUBMISSION, submission.body))


def download(finds: Check, file: bytes, base: segment.Segment) -> list[Figure]:
    """What a device fetches."""
    value_bits = base.shape.keys * DEFAULT_PARAMETERS.value_bits
    open_ms = processor_ms({"open": lambda: MapView([segment.decode(file)])})["open"]
    bits = 8 * len(file) / value_bits
    return [
        finds.figure("on_device.download", f"map of {ENTRIES:,} entries", len(file), "bytes"),
        finds.figure("on_device.hashes", "the same, readable", ENTRIES * HASH_BYTES, "bytes"),
        finds.figure("on_device.bits", "map's bits for a bit of value", bits, ""),
        finds.figure("on_device.open", "a device reads and checks it, once a start", open_ms, "ms"),
    ]


def _deltas(base: segment.Segment) -> list[Figure]:
    custodian = OnDeviceCustodian(EPOCH, derive_secret(bytes(32), EPOCH))
    added = list(enumerate(balanced(np.random.default_rng(3), CHANGES), start=ENTRIES))
    half = CHANGES // 2
    days = {
        "half": (f"{half} added, {half} withdrawn", added[:half], range(half)),
        "added": (f"{CHANGES} added", added, range(0)),
    }
    made = []
    for key, (what, new, withdrawn) in days.items():
        file = custodian.extend(new, withdrawn, 1, _quietly)
        after = segment.decode(file)
        MapView([base, after])  # raises if it does not follow
        right = (after.entries, len(after.withdrawn)) == (len(new), len(withdrawn))
        check = Check(right, "follows upon the base, with every change")
        made.append(check.figure(f"on_device.delta.{key}", f"a day: {what}", len(file), "bytes"))
    return made


def _quietly(done: int, total: int) -> None:
    del done, total
