"""`on_device` with every entry of a million evaluated under the custodian's key, as it publishes.

It takes minutes, so it runs only when it is named: `python -m bench on_device_whole --keep`.
"""

import time
from functools import partial

import numpy as np

from bench.figures import Figure
from bench.hashes import balanced
from bench.memory import growth
from bench.on_device_list import ENTRIES, REAL, found
from bench.picture import EPOCH
from softfall.options.on_device import segment
from softfall.options.on_device.custodian import OnDeviceCustodian, derive_secret


def figures() -> list[Figure]:
    rng = np.random.default_rng(1)
    entries = list(enumerate(balanced(rng, ENTRIES)))
    custodian = OnDeviceCustodian(EPOCH, derive_secret(bytes(32), EPOCH))
    start_s = time.perf_counter()
    prepared, peak_bytes = growth(partial(custodian.prepare, entries, lambda done, total: None))
    took_s = time.perf_counter() - start_s
    finds = found(segment.decode(prepared.artefact), entries[:REAL], rng)
    size_bytes = len(prepared.artefact)
    return [
        finds.figure("on_device.publish", "the custodian publishes it", took_s, "s", peak_bytes),
        finds.figure("on_device.published", "and so large it is", size_bytes, "bytes"),
    ]
