"""Functions compiled by numba, kept in its cache on disk where there is room for one.

Guarantees: compiled code releases Python's global lock, keeps the order of floating-point
arithmetic, and raises nothing for a division by zero.
Imported only where a kernel is about to run: numba takes half a second to load.
"""

from collections.abc import Callable
from typing import Any

import numba


def kernel(signature: Any = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorator. With a signature the function is compiled when its module is loaded.

    Functions that it calls need none: they are compiled with their caller.
    """

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        made: Callable[..., Any]
        try:
            made = numba.njit(signature, cache=True, nogil=True, error_model="numpy")(function)
        except (RuntimeError, OSError):  # nowhere to keep a cache: compile in every process
            made = numba.njit(signature, nogil=True, error_model="numpy")(function)
        return made

    return compiled
