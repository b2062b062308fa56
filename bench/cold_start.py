"""The first use of each kernel: on a machine that has never seen it, and in every process after.

Each measurement is a fresh process, timed from its first line to the kernel standing ready, imports
included; whole processes are timed too, from outside, to their first answer. Peer: numba's own
cache on disk, with the same kernel under the same signature.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Check, Figure
from bench.rows import Row
from softfall.compiled.sources import Kernel, kernels

ROUNDS = 5
ROOT = Path(__file__).parents[1]
PEERED = (
    Kernel("softfall.media.pdq_exact_kernel", "measure"),
    Kernel("softfall.lists.index.ring_kernel", "find"),
)
FIRST, LATER, WHOLE = "cold_start.first", "cold_start.later", "cold_start.whole"

Told = dict[str, Any]

_OURS = """
import time
start = time.perf_counter()
import json, sys
from softfall.compiled.native import Native
compiled = Native(sys.argv[1], sys.argv[2]).ready()
took_ms = (time.perf_counter() - start) * 1000
import resource
peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([took_ms, peak_kib << 10, compiled, "numba" in sys.modules]))
"""

# The same function and signature, by numba's own decorator; what it loads of ours, it needs.
_NUMBAS = """
import time
start = time.perf_counter()
import importlib, json, sys
import numba
from softfall.compiled import exported
kernel = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
signature = exported._type(kernel.result)(*map(exported._type, kernel.arguments))
made = numba.cfunc(signature, nopython=True, error_model="numpy", cache=True)(kernel._function)
assert made.address
took_ms = (time.perf_counter() - start) * 1000
import resource
peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([took_ms, peak_kib << 10, not made.cache_hits, True]))
"""

_FIRST_ANSWER = """
import sys
import numpy as np
from softfall.media import pdq_kernels
pixels = (np.arange(480 * 640 * 3) * 40503 >> 7).astype(np.uint8).reshape(480, 640, 3)
print(pdq_kernels.spectrum(pixels).coefficients.tobytes().hex(), "numba" in sys.modules)
"""


def kernel_key(kind: str, kernel: Kernel) -> str:
    """The key of a kernel's figure. kind: FIRST or LATER."""
    return f"{kind}.{kernel.module.removeprefix('softfall.')}.{kernel.name}"


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [_row(kernel, _environment(folder)) for kernel in PEERED]


def figures() -> list[Figure]:
    made = []
    for kernel in kernels():
        with tempfile.TemporaryDirectory() as folder:
            environment = _environment(folder)
            first = _told(_OURS, kernel, environment)
            later = [_told(_OURS, kernel, environment) for _ in range(ROUNDS)]
        made += _of_kernel(kernel, first, later)
    return [*made, _whole()]


def _of_kernel(kernel: Kernel, first: Told, later: list[Told]) -> list[Figure]:
    name = f"{kernel.module.removeprefix('softfall.')}.{kernel.name}"
    compiled = Check(first["compiled"], "it was compiled")
    kept = Check(
        not any(each["compiled"] or each["numba"] for each in later),
        "it was not compiled again, and numba not loaded",
    )
    return [
        compiled.figure(
            kernel_key(FIRST, kernel),
            f"first use of {name} after installation",
            first["took_ms"] / 1000,
            "s",
            first["peak_bytes"],
        ),
        kept.figure(
            kernel_key(LATER, kernel),
            f"first use of {name} in a later process",
            median(each["took_ms"] for each in later) / 1000,
            "s",
            max(each["peak_bytes"] for each in later),
        ),
    ]


def _whole() -> Figure:
    from softfall.media import pdq_oracle

    pixels = _pixels()
    expected = pdq_oracle.spectrum(pixels).coefficients.tobytes().hex()
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(folder)
        answers, times_ms = set[str](), list[float]()
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            answers.add(_run((sys.executable, "-c", _FIRST_ANSWER), environment))
            times_ms.append((time.perf_counter() - start) * 1000)
    right = Check(
        answers - {f"{expected} True\n"} == {f"{expected} False\n"},
        "the numpy oracle's coefficients, bit for bit, each time; later without numba",
    )
    return right.figure(
        WHOLE,
        "a whole later process of Python, from its start to the PDQ of 640x480 pixels",
        median(times_ms[1:]) / 1000,
        "s",
    )


def _pixels() -> Any:
    import numpy as np

    return (np.arange(480 * 640 * 3) * 40503 >> 7).astype(np.uint8).reshape(480, 640, 3)


def _row(kernel: Kernel, environment: Mapping[str, str]) -> Row:
    """Both caches filled, then turn about."""
    sides = (_OURS, _NUMBAS)
    for side in sides:
        _told(side, kernel, environment)
    told: tuple[list[Told], list[Told]] = ([], [])
    for turn in range(ROUNDS):
        for side in (0, 1) if turn % 2 else (1, 0):
            told[side].append(_told(sides[side], kernel, environment))
    ours, theirs = (median(each["took_ms"] for each in side) for side in told)
    kept = not any(each["compiled"] for side in told for each in side)
    return Row(
        work=f"{kernel.module.removeprefix('softfall.')}.{kernel.name} ready in a later process",
        peer=f"numba {version('numba')}",
        our_median_ms=ours,
        peer_median_ms=theirs,
        ratio=theirs / ours,
        our_peak_bytes=max(each["peak_bytes"] for each in told[0]),
        peer_peak_bytes=max(each["peak_bytes"] for each in told[1]),
        rounds=ROUNDS,
        exact=kept,
        exactness="both found it in their cache" if kept else "something was compiled again",
    )


def _told(code: str, kernel: Kernel, environment: Mapping[str, str]) -> Told:
    command = (sys.executable, "-c", code, kernel.module, kernel.name)
    names = ("took_ms", "peak_bytes", "compiled", "numba")
    return dict(zip(names, json.loads(_run(command, environment)), strict=True))


def _environment(folder: str) -> dict[str, str]:
    return {**os.environ, "SOFTFALL_CACHE_DIR": f"{folder}/ours", "NUMBA_CACHE_DIR": f"{folder}/nb"}


def _run(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    run: Callable[..., Any] = subprocess.run
    done = run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return str(done.stdout)
