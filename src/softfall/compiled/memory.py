"""Reading memory by address, for kernels whose inner loops cannot afford an index's checks.

Guarantees: each is one load, of whatever alignment, as int64 (uint64 for whole words).
Addresses are int64; nothing is checked: the caller keeps every address within its arrays.
Source: the LLVM language reference (load, inttoptr).
"""

from typing import Any, Final

from llvmlite import ir
from numba import types

from softfall.compiled.exported import intrinsic

_I64: Final = ir.IntType(64)


def _loaded(builder: Any, address: Any, bits: int) -> Any:
    kind = ir.IntType(bits)
    value = builder.load(builder.inttoptr(address, kind.as_pointer()))
    value.align = 1
    return value if bits == 64 else builder.zext(value, _I64)


@intrinsic
def u16_at(context: Any, address: Any) -> Any:
    """The uint16 at an address, as int64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _loaded(builder, arguments[0], 16)

    return types.int64(types.int64), generate


@intrinsic
def u32_at(context: Any, address: Any) -> Any:
    """The uint32 at an address, as int64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _loaded(builder, arguments[0], 32)

    return types.int64(types.int64), generate


@intrinsic
def u64_at(context: Any, address: Any) -> Any:
    """The uint64 at an address."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _loaded(builder, arguments[0], 64)

    return types.uint64(types.int64), generate
