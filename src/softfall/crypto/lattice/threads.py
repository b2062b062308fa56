"""Work on blocks, shared among a few threads that end with the call.

Guarantees: every block is worked on once; an error of any part is raised. Kernels release Python's
lock, so the parts run side by side.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

LINE_BYTES: Final = 64
LANES: Final = 32  # of the kernels' vectors
_LEAST_BLOCKS: Final = 64  # fewer are done before a thread has started


def share(blocks: int, threads: int, work: Callable[[int, int], None]) -> None:
    """work(first, last) for parts of `blocks`, as many as there are threads, or fewer."""
    parts = max(1, min(threads, blocks // _LEAST_BLOCKS))
    edges = [blocks * part // parts for part in range(parts + 1)]
    failed: list[BaseException] = []

    def caught(first: int, last: int) -> None:
        try:
            work(first, last)
        except BaseException as error:  # raised again by the caller's thread
            failed.append(error)

    others = [
        threading.Thread(target=caught, args=(edges[part], edges[part + 1]))
        for part in range(1, parts)
    ]
    for other in others:
        other.start()
    caught(edges[0], edges[1])
    for other in others:
        other.join()
    if failed:
        raise failed[0]


def aligned(shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
    """An empty array that starts at a cache line: loads of whole lines then touch one each."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    room = np.empty(size + LINE_BYTES, np.uint8)
    start = -room.ctypes.data % LINE_BYTES
    inside: npt.NDArray[Any] = room[start : start + size].view(kind).reshape(shape)
    return inside
