"""`on_device` with a list of a million, built for real: the download, a day's changes, each party.

Every entry's tags are evaluated under the custodian's key, which takes minutes; hashes are random.
A picture's work is timed in that very map: the device's from the hash on (token, questions, proof,
tags, map, submission), and once more from a JPEG's bytes on.
"""

import time
from functools import partial

import numpy as np

from bench.figures import Check, Figure, processor_ms
from bench.hashes import balanced, with_margins
from bench.hashing import SIZES, photograph
from bench.memory import growth
from bench.picture import EPOCH, Picture
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
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
SIZE = "2 MP"  # about what a messenger sends
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
    size_bytes = len(prepared.artefact)
    value_bits = base.shape.keys * DEFAULT_PARAMETERS.value_bits
    return [
        finds.figure("on_device.download", f"map of {ENTRIES:,} entries", size_bytes, "bytes"),
        finds.figure(
            "on_device.hashes", "the same hashes, readable", ENTRIES * HASH_BYTES, "bytes"
        ),
        finds.figure(
            "on_device.bits", "map's bits for a bit of value", 8 * size_bytes / value_bits, ""
        ),
        finds.figure("on_device.publish", "custodian makes it", took_s, "s", peak_bytes),
        *_deltas(custodian, base, listed, added),
        *_picture(device, custodian, rng, prepared.artefact),
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


def _picture(
    device: OnDeviceDevice, custodian: OnDeviceCustodian, rng: np.random.Generator, file: bytes
) -> list[Figure]:
    picture = Picture(device, custodian, with_margins(rng, balanced(rng, 1)[0]))
    data = photograph(*SIZES[SIZE])
    shown = Picture(device, custodian, _hash(data))
    works = {
        **picture.works(),
        "hash": partial(_hash, data),
        "whole": lambda: shown.send(_hash(data)),
        "open": lambda: MapView([segment.decode(file)]),
    }
    times_ms = processor_ms(works)
    honest = Check(picture.check() and shown.check(), "the recipient finds it honest")
    asked = f"{DEFAULT_PARAMETERS.tags.questions} questions"
    told = {
        "device": f"sender's device, {asked}, its hash being there",
        "whole": f"sender's device, from a JPEG's bytes, {SIZE}",
        "hash": f"of that: JPEG bytes to hash, {SIZE}",
        "recipient": "recipient's device, its hash being there",
        "custodian": "custodian",
        "open": "a device reads and checks the whole map (once a start)",
    }
    return [
        *(
            honest.figure(f"on_device.{key}", what, times_ms[key], "ms")
            for key, what in told.items()
        ),
        honest.figure(
            "on_device.both_ways", "question, token and reply", picture.both_ways_bytes, "bytes"
        ),
        honest.figure(
            "on_device.submission",
            "submission of a picture that is no candidate",
            len(picture.submission.body),
            "bytes",
        ),
    ]


def _hash(data: bytes) -> PdqHash:
    found = pdq(decode(data, MediaLimits()).pixels)
    assert isinstance(found, PdqHash)
    return found
