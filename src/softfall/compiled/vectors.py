"""Vector instructions that numba does not offer, as functions for kernels.

Guarantees: each is one pattern of LLVM's, which turns it into what the processor has (AVX-512,
AVX2, NEON), or into plain steps where it has nothing of the kind.
Addresses are int64; nothing is checked: the caller keeps every address within its array.
Source: the LLVM language reference (ctpop, cttz, prefetch, vector types).
"""

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_ASK: Final[Any] = cgutils.get_or_insert_function
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic
def ones(context: Any, value: Any) -> Any:
    """The number of one bits of an unsigned integer, in its own type."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return value(value), generate


@intrinsic
def lowest_one(context: Any, value: Any) -> Any:
    """The place of the lowest one bit (0 for the last); the value must not be 0."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return value(value), generate


@intrinsic
def prefetch(context: Any, address: Any) -> Any:
    """Ask for the cache line at an address, without waiting for it."""

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = _I8.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
        ask = _ASK(builder.module, kind, "llvm.prefetch.p0")
        where = builder.inttoptr(arguments[0], pointer)
        builder.call(ask, [where, _I32(0), _I32(3), _I32(1)])
        return ctx.get_dummy_value()

    return types.void(types.int64), generate
