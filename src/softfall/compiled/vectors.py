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

from softfall.compiled.exported import intrinsic

_ASK: Final[Any] = cgutils.get_or_insert_function
_I8, _I16, _I32, _I64 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)


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


def _lanes_at(builder: Any, address: Any, lanes: Any, alignment_bytes: int) -> Any:
    value = builder.load(builder.inttoptr(address, lanes.as_pointer()))
    value.align = alignment_bytes
    return value


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    """The same number in every lane."""
    none = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    return builder.shuffle_vector(builder.insert_element(none, value, _I32(0)), none, everywhere)


def _ones_of(builder: Any, lanes: Any) -> Any:
    """The number of one bits of each lane."""
    name = f"llvm.ctpop.v{lanes.type.count}i{lanes.type.element.width}"
    kind = ir.FunctionType(lanes.type, [lanes.type])
    return builder.call(_ASK(builder.module, kind, name), [lanes])


def _neighbours_added(builder: Any, left: Any, right: Any) -> Any:
    """Lanes 0 + 1, 2 + 3, ... of two vectors laid end to end."""
    count = left.type.count
    even, odd = (
        builder.shuffle_vector(
            left, right, ir.Constant(ir.VectorType(_I32, count), list(range(first, 2 * count, 2)))
        )
        for first in (0, 1)
    )
    return builder.add(even, odd)


@intrinsic
def near_lanes(context: Any, address: Any, value: Any, most: Any) -> Any:
    """Which of the 32 uint16 at an address differ from `value` in at most `most` bits: a mask."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(_I16, 32)
        where, wanted, limit = arguments
        differing = builder.xor(
            _lanes_at(builder, where, lanes, 2), _spread(builder, builder.trunc(wanted, _I16), 32)
        )
        near = builder.icmp_unsigned(
            "<=", _ones_of(builder, differing), _spread(builder, builder.trunc(limit, _I16), 32)
        )
        return builder.zext(builder.bitcast(near, _I32), _I64)

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def near_rows(context: Any, address: Any, words: Any, most: Any) -> Any:
    """Which of the 8 rows of four uint64 at an address lie within `most` bits of `words`: a mask.

    words: a tuple of four uint64.
    """

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        where, four, limit = arguments
        lanes = ir.VectorType(_I64, 8)
        query = ir.Constant(lanes, ir.Undefined)
        for lane in range(8):
            word = builder.extract_value(four, lane % 4)
            query = builder.insert_element(query, word, _I32(lane))
        counts = []
        for pair in range(4):  # two rows at a time
            at = builder.add(where, _I64(64 * pair))
            counts.append(_ones_of(builder, builder.xor(_lanes_at(builder, at, lanes, 8), query)))
        halves = [_neighbours_added(builder, *counts[half : half + 2]) for half in (0, 2)]
        sums = _neighbours_added(builder, *halves)
        near = builder.icmp_unsigned("<=", sums, _spread(builder, limit, 8))
        return builder.zext(builder.bitcast(near, _I8), _I64)

    return types.int64(types.int64, words, types.int64), generate
