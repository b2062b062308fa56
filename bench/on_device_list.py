"""`on_device` with a list of a million, built for real: the download, and a day's changes.

Every entry's tags are evaluated under the custodian's key, which takes minutes; hashes are random.
"""

import time
from functools import partial

import numpy as np

from bench.figures import Check, Figure, processor_ms
from bench.hashes import balanced, with_margins
from bench.memory import growth
from bench.picture import EPOCH, Picture
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import Submission
from softfall.options.on_device import segment, wire
from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret
from softfall.options.on_device.device import OnDeviceDevice
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.opening import entries_of
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS
from softfall.options.tags.wire import decode as decode_message

ENTRIES = 1_000_000
CHANGES = 1_000
STRANGERS = 20
NAME = "on_device"
HASH_BYTES = 32

Entries = list[tuple[int, bytes]]


def figures() -> list[Figure]:
    rng = np.random.default_rng(1)
    entries: Entries = list(enumerate(balanced(rng, ENTRIES + CHANGES)))
    custodian = OnDeviceCustodian(EPOCH, derive_secret(bytes(32), EPOCH))
    listed, added = entries[:ENTRIES], entries[ENTRIES:]
    start_s = time.perf_counter()
    prepared, peak_bytes = growth(partial(custodian.prepare, listed, _quietly))
    took_s = time.perf_counter() - start_s
    base = segment.decode(prepared.artefact)
    view = MapView([base])
    device = OnDeviceDevice(
        EPOCH,
        prepared.public_key,
        DEFAULT_PARAMETERS,
        make_keys(bytes(32), NAME, EPOCH).public,
        lambda: view,
    )
    finds = _finds(device, custodian, rng, listed)
    return [
        finds.figure("on_device.publish", "custodian makes the map", took_s, "s", peak_bytes),
        *_file(finds, prepared.artefact, base),
        *_deltas(custodian, base, listed, added),
    ]


def _file(finds: Check, file: bytes, base: segment.Segment) -> list[Figure]:
    value_bits = base.shape.keys * DEFAULT_PARAMETERS.value_bits
    open_ms = processor_ms({"open": lambda: MapView([segment.decode(file)])})["open"]
    return [
        finds.figure("on_device.download", f"map of {ENTRIES:,} entries", len(file), "bytes"),
        finds.figure("on_device.hashes", "the same, readable", ENTRIES * HASH_BYTES, "bytes"),
        finds.figure(
            "on_device.bits", "map's bits for a bit of value", 8 * len(file) / value_bits, ""
        ),
        finds.figure("on_device.open", "a device reads and checks it, once a start", open_ms, "ms"),
    ]


def _quietly(done: int, total: int) -> None:
    del done, total


def _finds(
    device: OnDeviceDevice, custodian: OnDeviceCustodian, rng: np.random.Generator, listed: Entries
) -> Check:
    """Listed pictures are candidates under their own numbers; others are not."""
    number, bits = listed[ENTRIES // 2]
    found = Picture(device, custodian, with_margins(rng, bits)).submission
    strangers = [
        Picture(device, custodian, with_margins(rng, each)).submission
        for each in balanced(rng, STRANGERS)
    ]
    right = number in _named(found) and not any(map(_named, strangers))
    return Check(right, f"a listed picture found, {STRANGERS} others not")


def _named(submission: Submission) -> tuple[int, ...]:
    return entries_of(decode_message(wire.SUBMISSION, submission.body))


def _deltas(
    custodian: OnDeviceCustodian, base: segment.Segment, listed: Entries, added: Entries
) -> list[Figure]:
    half = CHANGES // 2
    gone = [number for number, _ in listed[:half]]
    days = {
        "half": (f"{half} added, {half} withdrawn", added[:half], gone),
        "added": (f"{CHANGES} added", added, []),
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
