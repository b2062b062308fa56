"""Kernels as machine code: compiled once on a machine, then loaded without numba.

Guarantees: a kernel whose code lies in the cache (`kept`) runs without loading numba (llvmlite
alone, a tenth of a second); calls release Python's global lock, and any number of threads may make
them; a forked process keeps what its parent had loaded.
Refuses: arrays of another type than the kernel's, and arrays that are not contiguous and aligned
(TypeError: a mistake of the caller's own code). Whether a kernel writes into an array is for its
own docstring to say; addresses are not checked.
Limits: a process that is forked while another of its threads compiles or loads a kernel must not
use one that was not loaded yet, as with any lock.
"""

import ctypes
import importlib
import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from softfall.compiled import kept
from softfall.compiled.kept import Code

_NUMBERS: Final[dict[str, Any]] = {
    "void": None,
    "int32": ctypes.c_int32,
    "int64": ctypes.c_int64,
    "uint64": ctypes.c_uint64,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}


class Native:
    """One kernel of one module; found, or compiled, at its first call.

    module: where it is declared by `exported`; name: its name there.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._lock = threading.Lock()
        self._call: Callable[..., Any] | None = None
        self._types: tuple[np.dtype[Any] | None, ...] = ()
        self._engine: object = None  # whose memory the code lies in

    def __call__(self, *arguments: Any) -> Any:
        """Numbers as they are, arrays by their addresses. Returns the kernel's number."""
        call = self._call or self._loaded()
        return call(
            *[
                given if dtype is None else _address(given, dtype)
                for given, dtype in zip(arguments, self._types, strict=True)
            ]
        )

    def ready(self) -> bool:
        """Find or compile it now: before a service answers, or a process gives up its rights.

        Returns whether it had to be compiled, which takes seconds.
        """
        if self._call is not None:
            return False
        return self._load()

    def _loaded(self) -> Callable[..., Any]:
        self._load()
        assert self._call is not None
        return self._call

    def _load(self) -> bool:
        with self._lock:
            if self._call is not None:
                return False
            made = kept.read(self._module, self._name)
            found = made is not None
            if made is None:
                with kept.turn():
                    made = kept.read(self._module, self._name)
                    found = made is not None
                    made = made or _compiled(self._module, self._name)
                    if not found:
                        kept.write(self._module, self._name, made)
            self._engine, address = _placed(made)
            self._types = tuple(map(_dtype, made.arguments))
            kinds = (
                _NUMBERS[word] if dtype is None else ctypes.c_void_p
                for word, dtype in zip(made.arguments, self._types, strict=True)
            )
            self._call = ctypes.CFUNCTYPE(_NUMBERS[made.result], *kinds)(address)
            return not found


class Pinned:
    """An array whose address is looked up once: for arguments that stay over many calls."""

    __slots__ = ("_address", "_array", "dtype")

    def __init__(self, array: "np.ndarray[Any, Any]") -> None:
        """Raises TypeError for an array that is not contiguous and aligned."""
        self.dtype = array.dtype
        self._array = array  # the address holds as long as this does
        self._address = _address(array, array.dtype)

    def address(self, dtype: np.dtype[Any]) -> int:
        """Where the array lies. Raises TypeError for another type than its own."""
        if self.dtype != dtype:
            raise TypeError(f"the kernel takes contiguous {dtype}, not {self.dtype}")
        return self._address


def _compiled(module: str, name: str) -> Code:
    from softfall.compiled.sources import closure

    made = getattr(importlib.import_module(module), name)
    return Code(
        symbol=made.symbol,
        result=made.result,
        arguments=made.arguments,
        never_called=made.never_called,
        sources=closure(module),
        code=made.object_code,
    )


def _address(given: Any, dtype: np.dtype[Any]) -> int:
    if type(given) is Pinned:
        return given.address(dtype)
    flags = given.flags
    if given.dtype != dtype or not flags.c_contiguous or not flags.aligned:
        raise TypeError(f"the kernel takes contiguous {dtype}, not {given.dtype}")
    return int(given.ctypes.data)


def _dtype(word: str) -> np.dtype[Any] | None:
    return np.dtype(word.rstrip("*")) if word.endswith("*") else None


def _placed(made: Code) -> tuple[object, int]:
    """The code in memory, ready to run: what keeps it there, and the function's address."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    _give_addresses(made.never_called)
    machine = llvm.Target.from_default_triple().create_target_machine()  # the engine owns it
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(made.code))
    engine.finalize_object()
    return engine, int(engine.get_function_address(made.symbol))


def _give_addresses(never_called: tuple[str, ...]) -> None:
    """Give each name an address, of something that ends the process.

    One name without an address, and LLVM gives none to any other either: not even to `memset`. A
    process that loads numba afterwards sets numba's names to the real ones.
    """
    import llvmlite.binding as llvm

    never = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p).value
    for name in never_called:
        if llvm.address_of_symbol(name) is None:
            llvm.add_symbol(name, never)
