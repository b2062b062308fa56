"""How a kernel module offers a function to `native`: plain numbers and addresses in, a number out.

Guarantees: what is compiled here needs neither numba nor Python's memory once it is machine code,
so that a later process can load it without either; it keeps the order of floating-point
arithmetic and raises nothing for a division by zero.
Refuses: nothing at run time. A kernel must not allocate, raise, or call what may do either.
Imported by kernel modules alone, where something has to be compiled: numba takes half a second.

A signature names each argument by a type: `int64`, `float64`, ... for a number, `uint64*` for the
address of an array of them. The kernel gives the addresses their shapes by `array`.
"""

from collections.abc import Callable
from typing import Any, Final

import numba
from numba import types

_NUMBA: Final[Any] = numba  # (most of its names carry no annotations)

array: Final[Any] = _NUMBA.carray
"""array(address, shape): the array that lies there; used inside kernels only."""

inlined: Final[Any] = _NUMBA.njit(inline="always", error_model="numpy")
"""A helper of a kernel, put into its caller as it stands."""

helper: Final[Any] = _NUMBA.njit(error_model="numpy")
"""A helper of a kernel, compiled with it."""

fused: Final[Any] = _NUMBA.njit(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
"""A helper whose sums may be reordered and contracted: never where bits must be a reference's."""


class Exported:
    """A kernel that was compiled in this process."""

    def __init__(self, signature: str, function: Callable[..., Any]) -> None:
        result, words = _parsed(signature)
        self.arguments = words
        self.result = result
        self._made: Any = _NUMBA.cfunc(
            _type(result)(*map(_type, words)), nopython=True, error_model="numpy"
        )(function)

    @property
    def symbol(self) -> str:
        """The function's name in its object code."""
        return str(self._made._wrapper_name)

    @property
    def object_code(self) -> bytes:
        """An object file for this machine's processor."""
        _, _, (code, _) = self._made._library.serialize_using_object_code()
        return bytes(code)

    @property
    def assembly(self) -> str:
        """The generated instructions, for tests that read them."""
        return str(self._made._library.get_asm_str())


def exported(signature: str) -> Callable[[Callable[..., Any]], Exported]:
    """The decorator. signature: as `int64(uint64*, int64)`, result first."""
    return lambda function: Exported(signature, function)


def _parsed(signature: str) -> tuple[str, tuple[str, ...]]:
    result, _, rest = signature.partition("(")
    return result, tuple(word.strip() for word in rest.rstrip(")").split(","))


def _type(word: str) -> Any:
    known: Any = types  # (its constructors carry no annotations)
    plain = getattr(known, word.rstrip("*"))
    return known.CPointer(plain) if word.endswith("*") else plain
