"""Kernels as machine code: compiled once on a machine, then loaded without numba.

Guarantees: a kernel whose code lies in the cache runs without loading numba (llvmlite alone, a
tenth of a second); the code is used only where it is of these very sources, versions and this
processor, and whole; a cache that can't be read or written costs time, never an answer. Calls
release Python's global lock.
Refuses: arrays of another type than the kernel's, and arrays that are not contiguous (TypeError: a
mistake of the caller's own code).
Limits: whoever can write to the cache folder decides what this process executes, as with any
program's own files.
"""

import ctypes
import hashlib
import importlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

_PACKAGE: Final = Path(__file__).parents[1]
_DIGEST_BYTES: Final = 32
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
        self._kept: object = None  # the engine, whose memory the code lies in

    def __call__(self, *arguments: Any) -> Any:
        """Numbers as they are, arrays by their addresses. Returns the kernel's number."""
        call = self._call or self._loaded()
        return call(
            *(
                given if dtype is None else _address(given, dtype)
                for given, dtype in zip(arguments, self._types, strict=True)
            )
        )

    def ready(self) -> None:
        """Find or compile it now: before a service answers, or a process gives up its rights."""
        if self._call is None:
            self._loaded()

    def _loaded(self) -> Callable[..., Any]:
        with self._lock:
            if self._call is None:
                path = cache_folder() / f"{self._module}.{self._name}.{_fingerprint()[:32]}"
                kept = _read(path)
                made = kept or self._compiled()
                self._kept, address = _placed(made)
                if kept is None:
                    _write(path, made)
                self._types = tuple(map(_dtype, made["arguments"]))
                kinds = (
                    _NUMBERS[word] if dtype is None else ctypes.c_void_p
                    for word, dtype in zip(made["arguments"], self._types, strict=True)
                )
                self._call = ctypes.CFUNCTYPE(_NUMBERS[made["result"]], *kinds)(address)
            return self._call

    def _compiled(self) -> dict[str, Any]:
        made = getattr(importlib.import_module(self._module), self._name)
        return {
            "symbol": made.symbol,
            "result": made.result,
            "arguments": list(made.arguments),
            "code": made.object_code,
        }


def cache_folder() -> Path:
    """Where this user's compiled kernels lie: `SOFTFALL_CACHE_DIR`, or the user's cache folder."""
    named = os.environ.get("SOFTFALL_CACHE_DIR")
    if named:
        return Path(named)
    own = os.environ.get("XDG_CACHE_HOME")
    return (Path(own) if own else Path.home() / ".cache") / "softfall" / "kernels"


def _address(given: Any, dtype: np.dtype[Any]) -> int:
    if given.dtype != dtype or not given.flags.c_contiguous:
        raise TypeError(f"the kernel takes contiguous {dtype}, not {given.dtype}")
    return int(given.ctypes.data)


def _dtype(word: str) -> np.dtype[Any] | None:
    return np.dtype(word.rstrip("*")) if word.endswith("*") else None


@cache
def _fingerprint() -> str:
    """Of all that decides what is compiled: sources, versions, processor."""
    import llvmlite.binding as llvm

    digest = hashlib.sha256()
    for source in sorted([*_PACKAGE.rglob("*_kernel*.py"), *_PACKAGE.glob("compiled/*.py")]):
        digest.update(source.relative_to(_PACKAGE).as_posix().encode())
        digest.update(source.read_bytes())
    for fact in (
        version("numba"),
        version("llvmlite"),
        llvm.get_default_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ):
        digest.update(fact.encode() + b"\0")
    return digest.hexdigest()


@cache
def _machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine()


def _placed(made: dict[str, Any]) -> tuple[object, int]:
    """The code in memory, ready to run: what keeps it there, and the function's address."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(made["code"]))
    engine.finalize_object()
    return engine, int(engine.get_function_address(made["symbol"]))


def _read(path: Path) -> dict[str, Any] | None:
    """A kept kernel; None where there is none, or not a whole one."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body = data[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != data[:_DIGEST_BYTES]:
        return None
    head, _, code = body.partition(b"\n")
    return {**json.loads(head), "code": code}


def _write(path: Path, made: dict[str, Any]) -> None:
    """Keep it, whole or not at all; nowhere to keep it is no fault."""
    head = json.dumps({key: made[key] for key in ("symbol", "result", "arguments")})
    body = head.encode() + b"\n" + made["code"]
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(hashlib.sha256(body).digest() + body)
        beside.replace(path)
