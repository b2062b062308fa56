"""What a picture costs each party of `on_device`, with a map of a million entries.

The map holds random tags, as tags are to whoever has no key: no picture's work depends on that.
The device's work is timed from the hash on (token, questions, proof, tags, map, submission), and
once more from a JPEG's bytes on.
"""

from functools import partial

import numpy as np

from bench.figures import Check, Figure, processor_ms
from bench.hashes import balanced, with_margins
from bench.hashing import SIZES, photograph
from bench.picture import EPOCH, Picture
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
from softfall.options.confirm.keys import make_keys
from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret
from softfall.options.on_device.device import OnDeviceDevice
from softfall.options.on_device.map_view import MapView
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS
from softfall.options.on_device.publishing import make_segment

ENTRIES = 1_000_000
SIZE = "2 MP"  # about what a messenger sends
NAME = "on_device"


def figures() -> list[Figure]:
    rng, data = np.random.default_rng(1), photograph(*SIZES[SIZE])
    custodian = OnDeviceCustodian(EPOCH, derive_secret(bytes(32), EPOCH))
    device = _device(custodian, _map(rng))
    picture = Picture(device, custodian, with_margins(rng, balanced(rng, 1)[0]))
    shown = Picture(device, custodian, _hash(data))
    times_ms = processor_ms(
        {
            **picture.works(),
            "hash": partial(_hash, data),
            "whole": lambda: shown.send(_hash(data)),
        }
    )
    honest = Check(picture.check() and shown.check(), "the recipient finds it honest")
    asked = f"{DEFAULT_PARAMETERS.tags.questions} questions"
    told = {
        "device": f"sender's device, {asked}, its hash being there",
        "whole": f"sender's device, from a JPEG's bytes, {SIZE}",
        "hash": f"of that: JPEG bytes to hash, {SIZE}",
        "recipient": "recipient's device, its hash being there",
        "custodian": "custodian",
    }
    sizes = {
        "both_ways": ("question, token and reply", picture.both_ways_bytes),
        "submission": (
            "submission of a picture that is no candidate",
            len(picture.submission.body),
        ),
    }
    return [
        *(honest.figure(f"{NAME}.{key}", what, times_ms[key], "ms") for key, what in told.items()),
        *(honest.figure(f"{NAME}.{key}", *size, "bytes") for key, size in sizes.items()),
    ]


def _map(rng: np.random.Generator) -> MapView:
    shape = (DEFAULT_PARAMETERS.tags.tables, ENTRIES)
    base = make_segment(
        epoch=EPOCH,
        list_version=0,
        follows=None,
        parameters=DEFAULT_PARAMETERS,
        numbers=np.arange(ENTRIES, dtype=np.uint32),
        tags=rng.integers(0, 2**64, shape, dtype=np.uint64),
        withdrawn=(),
        filler_key=bytes(32),
    )
    return MapView([base])


def _device(custodian: OnDeviceCustodian, view: MapView) -> OnDeviceDevice:
    public_key = custodian.prepare([], lambda done, total: None).public_key
    confirm_key = make_keys(bytes(32), NAME, EPOCH).public
    return OnDeviceDevice(EPOCH, public_key, DEFAULT_PARAMETERS, confirm_key, lambda: view)


def _hash(data: bytes) -> PdqHash:
    found = pdq(decode(data, MediaLimits()).pixels)
    assert isinstance(found, PdqHash)
    return found
