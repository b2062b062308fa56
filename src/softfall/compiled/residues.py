"""Thirty-two 16-bit residues side by side: products by known factors, butterflies, inner products.

Guarantees: no step branches, or forms an address, by what it reads; each is written in LLVM's
vectors, which become what the processor has (AVX-512, AVX2, NEON).
A factor w below a prime p comes with its quotient, floor(2^16 w / p); then x w - floor(x w' / 2^16)
p is congruent to x w and below 2 p, for every x below 2^16.
Places count numbers, not bytes; nothing is checked: the caller keeps them within his arrays.
Source: Shoup's product (Harvey 2014), with 16 bits; the LLVM language reference.
"""

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils

from softfall.compiled.exported import intrinsic

LANES: Final = 32
WIDE: Final = 256  # numbers in what `inner` and `widen` take

_ASK: Final[Any] = cgutils.get_or_insert_function
_I8, _I16, _I32, _I64 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_ROW: Final = ir.VectorType(_I16, LANES)
_OCTETS: Final = ir.VectorType(_I8, LANES)
_POINTER: Final[Any] = types.CPointer  # (whose constructor carries no annotations)
_U8S, _U16S, _I16S = _POINTER(types.uint8), _POINTER(types.uint16), _POINTER(types.int16)
_I32S: Final = _POINTER(types.int32)
_U32S: Final = _POINTER(types.uint32)
_WHOLE: Final = types.int64
_SHORT: Final = types.uint16


def _load(builder: Any, pointer: Any, at: Any, kind: Any = _ROW) -> Any:
    place = builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer())
    value = builder.load(place)
    value.align = 1
    return value


def _store(builder: Any, value: Any, pointer: Any, at: Any) -> None:
    place = builder.bitcast(builder.gep(pointer, [at]), value.type.as_pointer())
    builder.store(value, place).align = 1


def _picked(builder: Any, value: Any, lanes: Any) -> Any:
    which = ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), which)


def _spread(builder: Any, number: Any, lanes: int = LANES) -> Any:
    none = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    return _picked(builder, builder.insert_element(none, number, _I32(0)), [0] * lanes)


def _always(number: int, kind: Any = _ROW) -> Any:
    return ir.Constant(kind, [number] * kind.count)


def _called(builder: Any, name: str, kind: Any, *arguments: Any) -> Any:
    of = ir.FunctionType(kind, [argument.type for argument in arguments])
    return builder.call(_ASK(builder.module, of, name), arguments)


def _high(builder: Any, value: Any, factor: Any) -> Any:
    """The high 16 bits of unsigned products."""
    wide = ir.VectorType(_I32, LANES)
    product = builder.mul(builder.zext(value, wide), builder.zext(factor, wide))
    return builder.trunc(builder.lshr(product, _always(16, wide)), _ROW)


def _times(builder: Any, value: Any, factor: Any, quotient: Any, prime: Any) -> Any:
    taken = builder.mul(_high(builder, value, quotient), prime)
    return builder.sub(builder.mul(value, factor), taken)


def _lowered(builder: Any, value: Any, bound: Any) -> Any:
    """Below 2 * bound -> below bound: without a borrow the difference is the smaller."""
    less = builder.sub(value, bound)
    return _called(builder, "llvm.umin.v32i16", _ROW, value, less)


def _spreads(builder: Any, numbers: Any) -> list[Any]:
    return [_spread(builder, number) for number in numbers]


def _twice(builder: Any, prime: Any) -> Any:
    return builder.shl(prime, _always(1))


@intrinsic
def _forward(
    context: Any, rows: Any, low: Any, high: Any, factor: Any, quotient: Any, prime: Any
) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, first, second, *numbers = arguments
        w, quotient, p = _spreads(builder, numbers)
        kept = _load(builder, pointer, first)
        moved = _times(builder, _load(builder, pointer, second), w, quotient, p)
        _store(builder, builder.add(kept, moved), pointer, first)
        raised = builder.add(kept, _twice(builder, p))
        _store(builder, builder.sub(raised, moved), pointer, second)
        return ctx.get_dummy_value()

    return types.void(_U16S, _WHOLE, _WHOLE, _SHORT, _SHORT, _SHORT), generate


@intrinsic
def _backward(
    context: Any, rows: Any, low: Any, high: Any, factor: Any, quotient: Any, prime: Any
) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, first, second, *numbers = arguments
        w, quotient, p = _spreads(builder, numbers)
        twice = _twice(builder, p)
        left, right = (_load(builder, pointer, at) for at in (first, second))
        _store(builder, _lowered(builder, builder.add(left, right), twice), pointer, first)
        less = builder.sub(builder.add(left, twice), right)
        _store(builder, _times(builder, less, w, quotient, p), pointer, second)
        return ctx.get_dummy_value()

    return types.void(_U16S, _WHOLE, _WHOLE, _SHORT, _SHORT, _SHORT), generate


@intrinsic
def _scale(context: Any, rows: Any, at: Any, factor: Any, quotient: Any, prime: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, place, *numbers = arguments
        w, quotient, p = _spreads(builder, numbers)
        value = _times(builder, _load(builder, pointer, place), w, quotient, p)
        _store(builder, _lowered(builder, value, p), pointer, place)
        return ctx.get_dummy_value()

    return types.void(_U16S, _WHOLE, _SHORT, _SHORT, _SHORT), generate


@intrinsic
def _shorten(
    context: Any, sums: Any, at: Any, rows: Any, there: Any, offset: Any, factor: Any,
    quotient: Any, one: Any, prime: Any,
) -> Any:  # fmt: skip

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, place, pointer, goal, added, *numbers = arguments
        w, quotient, one, p = _spreads(builder, numbers)
        wide = ir.VectorType(_I32, LANES)
        value = _load(builder, source, place, wide)
        value = builder.add(value, _spread(builder, builder.trunc(added, _I32)))
        upper = builder.trunc(builder.lshr(value, _always(16, wide)), _ROW)
        lower = builder.trunc(value, _ROW)
        rest = builder.sub(lower, builder.mul(_high(builder, lower, one), p))
        both = builder.add(rest, _times(builder, upper, w, quotient, p))
        _store(builder, _lowered(builder, both, _twice(builder, p)), pointer, goal)
        return ctx.get_dummy_value()

    numbers = (_SHORT, _SHORT, _SHORT, _SHORT)
    return types.void(_I32S, _WHOLE, _U16S, _WHOLE, _WHOLE, *numbers), generate


@intrinsic
def _join(
    context: Any, rows: Any, first: Any, second: Any, inverse: Any, quotient: Any, prime: Any,
    other: Any, joined: Any, at: Any,
) -> Any:  # fmt: skip

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, one, two, *numbers, left, goal, place = arguments
        w, quotient, p = _spreads(builder, numbers)
        residue, other = (_load(builder, pointer, at) for at in (one, two))
        less = builder.sub(builder.add(other, p), residue)
        count = _lowered(builder, _times(builder, less, w, quotient, p), p)
        wide = ir.VectorType(_I32, LANES)
        factor = _spread(builder, builder.zext(left, _I32))
        product = builder.mul(builder.zext(count, wide), factor)
        _store(builder, builder.add(product, builder.zext(residue, wide)), goal, place)
        return ctx.get_dummy_value()

    numbers = (_SHORT, _SHORT, _SHORT, _SHORT)
    return types.void(_U16S, _WHOLE, _WHOLE, *numbers, _U32S, _WHOLE), generate


@intrinsic
def _signs(context: Any, bits: Any, at: Any, rows: Any, there: Any, prime: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, place, pointer, goal, prime = arguments
        octets = _load(builder, source, place, ir.VectorType(_I8, LANES // 8))
        each = builder.zext(_picked(builder, octets, [k // 8 for k in range(LANES)]), _ROW)
        shifts = ir.Constant(_ROW, [7 - k % 8 for k in range(LANES)])
        bit = builder.and_(builder.lshr(each, shifts), _always(1))
        less = builder.sub(_spread(builder, prime), _always(2))
        _store(builder, builder.add(builder.mul(bit, less), _always(1)), pointer, goal)
        return ctx.get_dummy_value()

    return types.void(_U8S, _WHOLE, _U16S, _WHOLE, _SHORT), generate


@intrinsic
def _narrow(context: Any, rows: Any, first: Any, second: Any, octets: Any, at: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, one, two, goal, place = arguments
        residues = [_load(builder, pointer, at) for at in (one, two)]
        for k, residue in enumerate(residues):
            low = builder.trunc(residue, _OCTETS)
            _store(builder, low, goal, builder.add(place, _I64(k * WIDE)))
        upper = builder.shl(builder.lshr(residues[1], _always(8)), _always(4))
        high = builder.or_(builder.lshr(residues[0], _always(8)), upper)
        _store(builder, builder.trunc(high, _OCTETS), goal, builder.add(place, _I64(2 * WIDE)))
        return ctx.get_dummy_value()

    return types.void(_U16S, _WHOLE, _WHOLE, _U8S, _WHOLE), generate


@intrinsic
def _widen(context: Any, octets: Any, at: Any, rows: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, place, pointer = arguments
        for k in range(0, WIDE, LANES):
            first, second, high = (
                builder.zext(
                    _load(builder, source, builder.add(place, _I64(plane * WIDE + k)), _OCTETS),
                    _ROW,
                )
                for plane in range(3)
            )
            low = builder.shl(builder.and_(high, _always(15)), _always(8))
            upper = builder.shl(builder.and_(high, _always(240)), _always(4))
            _store(builder, builder.or_(first, low), pointer, _I64(k))
            _store(builder, builder.or_(second, upper), pointer, _I64(WIDE + k))
        return ctx.get_dummy_value()

    return types.void(_U8S, _WHOLE, _I16S), generate


@intrinsic
def _fetch(context: Any, octets: Any, at: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = _I8.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
        ask = _ASK(builder.module, kind, "llvm.prefetch.p0")
        builder.call(ask, [builder.gep(arguments[0], [arguments[1]]), _I32(0), _I32(3), _I32(1)])
        return ctx.get_dummy_value()

    return types.void(_U8S, _WHOLE), generate


def _pairs(builder: Any, left: Any, right: Any) -> Any:
    """Neighbours' products added up: the pattern of one instruction on most processors."""
    wide = ir.VectorType(_I32, left.type.count)
    product = builder.mul(builder.sext(left, wide), builder.sext(right, wide))
    even, odd = (_picked(builder, product, range(first, left.type.count, 2)) for first in (0, 1))
    return builder.add(even, odd)


def _total(builder: Any, values: Any) -> Any:
    name = f"llvm.vector.reduce.add.v{values.type.count}i32"
    return _called(builder, name, _I32, values)


@intrinsic
def _inner(context: Any, left: Any, at: Any, right: Any, there: Any) -> Any:

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, place, two, other = arguments
        total = None
        for k in range(0, WIDE, LANES):
            pairs = _pairs(
                builder,
                _load(builder, one, builder.add(place, _I64(k))),
                _load(builder, two, builder.add(other, _I64(k))),
            )
            total = pairs if total is None else builder.add(total, pairs)
        return _total(builder, total)

    return types.int32(_I16S, _WHOLE, _I16S, _WHOLE), generate


def _halved(builder: Any, left: Any, right: Any) -> Any:
    """Neighbours' sums of two vectors laid end to end, in a vector as long as one of them."""
    count = left.type.count
    even, odd = (
        builder.shuffle_vector(
            left, right, ir.Constant(ir.VectorType(_I32, count), list(range(first, 2 * count, 2)))
        )
        for first in (0, 1)
    )
    return builder.add(even, odd)


@intrinsic
def _inner_four(
    context: Any, left: Any, at: Any, right: Any, there: Any, apart: Any, sums: Any, goal: Any
) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, place, two, other, apart, sums, goal = arguments
        others = [builder.add(other, builder.mul(apart, _I64(k))) for k in range(4)]
        totals: list[Any] = [_always(0, ir.VectorType(_I32, LANES // 2))] * 4
        for k in range(0, WIDE, LANES):
            shared = _load(builder, one, builder.add(place, _I64(k)))
            for query, start in enumerate(others):
                row = _load(builder, two, builder.add(start, _I64(k)))
                totals[query] = builder.add(totals[query], _pairs(builder, shared, row))
        two_each = [_halved(builder, *totals[k : k + 2]) for k in (0, 2)]
        four_each = _halved(builder, *two_each)
        eight = builder.add(*(_picked(builder, four_each, range(k, 16, 2)) for k in (0, 1)))
        four = builder.add(*(_picked(builder, eight, range(k, 8, 2)) for k in (0, 1)))
        _store(builder, four, sums, goal)
        return ctx.get_dummy_value()

    return types.void(_I16S, _WHOLE, _I16S, _WHOLE, _WHOLE, _I32S, _WHOLE), generate


@intrinsic
def _short_inner(context: Any, left: Any, at: Any, right: Any, there: Any) -> Any:

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, place, two, other = arguments
        half = ir.VectorType(_I16, LANES // 2)
        pairs = _pairs(builder, _load(builder, one, place, half), _load(builder, two, other, half))
        return _total(builder, pairs)

    return types.int32(_I16S, _WHOLE, _I16S, _WHOLE), generate


# Numba finds the arguments of these by itself; a type checker would ask for `context`.
forward: Final[Any] = _forward
"""forward(rows, low, high, w, w', p): rows u, v become u + v w and u - v w, 2 p larger at most."""
backward: Final[Any] = _backward
"""backward(rows, low, high, w, w', p): u, v below 2 p become u + v and (u - v) w, below 2 p."""
scale: Final[Any] = _scale
"""scale(rows, at, w, w', p): each number of a row times w, below p."""
shorten: Final[Any] = _shorten
"""shorten(sums, at, rows, there, offset, w, w', one', p): int32 sums plus an offset, modulo p.

offset: a multiple of p that leaves no sum below 0; w: 2^16 modulo p; one': the quotient of 1.
The row's numbers are below 2 p.
"""
join: Final[Any] = _join
"""join(rows, first, second, inverse, inverse', p2, p1, joined, at): numbers modulo p1 p2, uint32.

The rows are below p1 and p2; inverse: of p1 modulo p2. p1 is the smaller.
"""
signs: Final[Any] = _signs
"""signs(bits, at, rows, there, p): 32 bits, each byte's highest first: 1 for 0, and p - 1 for 1."""
narrow: Final[Any] = _narrow
"""narrow(rows, first, second, octets, at): 12 bits of twice 32 numbers, in three planes."""
widen: Final[Any] = _widen
"""widen(octets, at, rows): what `narrow` made of 256 and 256 numbers, as 512 int16."""
fetch: Final[Any] = _fetch
"""fetch(octets, at): ask for the cache line there, which need not exist, without waiting for it."""
inner: Final[Any] = _inner
"""inner(left, at, right, there): the inner product of 256 int16, which must fit an int32."""
inner_four: Final[Any] = _inner_four
"""inner_four(left, at, right, there, apart, sums, goal): `inner` with four, `apart` each."""
short_inner: Final[Any] = _short_inner
"""short_inner(left, at, right, there): the inner product of 16 int16."""
