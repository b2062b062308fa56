"""Sixteen float32 side by side: transposing, running sums and exact quotients, for kernels.

Guarantees: each lane's steps are those that its docstring writes out, in that order and in float32,
never contracted; LLVM turns them into what the processor has (AVX-512, AVX2, NEON).
A quotient is the division's own, correctly rounded result for whole divisors up to
`GREATEST_DIVISOR`: where the processor has fused multiply-add it takes three quick steps instead of
a slow division (the tests try every float32 mantissa with each of them).
Addresses are typed pointers and places in them; nothing is checked: the caller keeps every place
within its array.
Source: the LLVM language reference; Markstein 1990 for division by a known reciprocal.
"""

from typing import Any, Final

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils

from softfall.compiled.exported import intrinsic

LANES: Final = 16
GREATEST_DIVISOR: Final = 511

_ASK: Final[Any] = cgutils.get_or_insert_function
_RANGE: Final[Any] = cgutils.for_range
_ALLOCATED: Final[Any] = cgutils.alloca_once
_I8, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
_ROW: Final = ir.VectorType(_F32, LANES)
_POINTER: Final[Any] = types.CPointer  # (whose constructor carries no annotations)
_FLOATS: Final = _POINTER(types.float32)
_BYTES: Final = _POINTER(types.uint8)
_PLACES: Final = _POINTER(types.int64)
_WEIGHTS: Final = (299, 587, 114)


def _fuses() -> bool:
    """Whether the processor has fused multiply-add: all of 64-bit Arm, and x86 by its feature."""
    arm = llvm.get_default_triple().startswith(("aarch64", "arm64"))
    return arm or bool(llvm.get_host_cpu_features().get("fma"))


FUSES: Final = _fuses()


def _place(builder: Any, pointer: Any, at: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [at]), kind.as_pointer())


def _load(builder: Any, pointer: Any, at: Any, kind: Any = _ROW) -> Any:
    value = builder.load(_place(builder, pointer, at, kind))
    value.align = 1 if kind.element is _I8 else 4
    return value


def _store(builder: Any, value: Any, pointer: Any, at: Any) -> None:
    builder.store(value, _place(builder, pointer, at, value.type)).align = 4


def _picked(builder: Any, left: Any, right: Any, lanes: list[int]) -> Any:
    which = ir.Constant(ir.VectorType(_I32, len(lanes)), lanes)
    return builder.shuffle_vector(left, right, which)


def _spread(builder: Any, number: Any) -> Any:
    none = ir.Constant(_ROW, ir.Undefined)
    return _picked(builder, builder.insert_element(none, number, _I32(0)), none, [0] * LANES)


def _fused(builder: Any, one: Any, other: Any, added: Any) -> Any:
    kind = ir.FunctionType(_ROW, [_ROW, _ROW, _ROW])
    return builder.call(_ASK(builder.module, kind, "llvm.fma.v16f32"), [one, other, added])


def _quotient(builder: Any, value: Any, divisor: Any, reciprocal: Any) -> Any:
    if not FUSES:
        return builder.fdiv(value, divisor)
    near = builder.fmul(value, reciprocal)
    missing = _fused(builder, builder.fneg(near), divisor, value)
    return _fused(builder, missing, reciprocal, near)


def _number(builder: Any, pointer: Any, at: Any) -> Any:
    return _spread(builder, builder.load(builder.gep(pointer, [at])))


_IN_FOURS: Final = range(0, LANES, 4)
_LOW: Final = [lane for k in _IN_FOURS for lane in (k, k + LANES, k + 1, k + 1 + LANES)]
_HIGH: Final = [lane + 2 for lane in _LOW]
_LOW_PAIRS: Final = [lane for k in _IN_FOURS for lane in (k, k + 1, k + LANES, k + 1 + LANES)]
_HIGH_PAIRS: Final = [lane + 2 for lane in _LOW_PAIRS]
_EVEN_FOURS: Final = [lane + k for lane in range(0, 2 * LANES, 8) for k in range(4)]
_ODD_FOURS: Final = [lane + 4 for lane in _EVEN_FOURS]


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Sixteen rows of sixteen: first within each 4x4 block, then the blocks among themselves."""
    columns: list[Any] = [None] * LANES
    blocks: list[list[Any]] = []
    for k in _IN_FOURS:
        first, second, third, fourth = rows[k : k + 4]
        left = [_picked(builder, first, second, lanes) for lanes in (_LOW, _HIGH)]
        right = [_picked(builder, third, fourth, lanes) for lanes in (_LOW, _HIGH)]
        blocks.append(
            [
                _picked(builder, left[half], right[half], lanes)
                for half in (0, 1)
                for lanes in (_LOW_PAIRS, _HIGH_PAIRS)
            ]
        )
    for k in range(4):
        a, b, c, d = (block[k] for block in blocks)
        for odd, lanes in enumerate((_EVEN_FOURS, _ODD_FOURS)):
            upper, lower = _picked(builder, a, b, lanes), _picked(builder, c, d, lanes)
            columns[4 * odd + k] = _picked(builder, upper, lower, _EVEN_FOURS)
            columns[4 * (odd + 2) + k] = _picked(builder, upper, lower, _ODD_FOURS)
    return columns


def _light(builder: Any, pixels: Any) -> Any:
    """(299 r + 587 g + 114 b) / 1000 of sixteen RGB pixels: float32's nearest, as `quotient`."""
    none, wide = ir.Constant(pixels.type, ir.Undefined), ir.VectorType(_I32, LANES)
    weighed = ir.Constant(wide, [0] * LANES)
    for colour, weight in enumerate(_WEIGHTS):
        part = _picked(builder, pixels, none, list(range(colour, 3 * LANES, 3)))
        share = builder.mul(builder.zext(part, wide), ir.Constant(wide, [weight] * LANES))
        weighed = builder.add(weighed, share)
    thousand = [ir.Constant(_ROW, [number] * LANES) for number in (1000.0, _THOUSANDTH)]
    return _quotient(builder, builder.sitofp(weighed, _ROW), *thousand)


_THOUSANDTH: Final = 0.0010000000474974513  # float32's nearest to 1/1000


@intrinsic
def _turn(
    context: Any, source: Any, at: Any, stride: Any, into: Any, there: Any, apart: Any
) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, place, step, goal, goal_at, goal_step = arguments
        rows = []
        for _ in range(LANES):
            rows.append(_load(builder, pointer, place))
            place = builder.add(place, step)
        for column in _transposed(builder, rows):
            _store(builder, column, goal, goal_at)
            goal_at = builder.add(goal_at, goal_step)
        return ctx.get_dummy_value()

    whole = types.int64
    return types.void(_FLOATS, whole, whole, _FLOATS, whole, whole), generate


@intrinsic
def _turn_light(context: Any, source: Any, at: Any, stride: Any, into: Any, there: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, place, step, goal, goal_at = arguments
        rows = []
        for _ in range(LANES):
            pixels = _load(builder, pointer, place, ir.VectorType(_I8, 3 * LANES))
            rows.append(_light(builder, pixels))
            place = builder.add(place, step)
        for k, column in enumerate(_transposed(builder, rows)):
            _store(builder, column, goal, builder.add(goal_at, _I64(k * LANES)))
        return ctx.get_dummy_value()

    whole = types.int64
    return types.void(_BYTES, whole, whole, _FLOATS, whole), generate


def _moved(builder: Any, total: Any, source: Any, entering: Any, leaving: Any) -> Any:
    """total + entering - leaving, kept."""
    added = builder.fadd(builder.load(total), _load(builder, source, entering))
    value = builder.fsub(added, _load(builder, source, leaving))
    builder.store(value, total)
    return value


@intrinsic
def _slide(context: Any, source: Any, at: Any, behind: Any, steps: Any, totals: Any) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, place, back, count, kept = arguments
        total = _ALLOCATED(builder, _ROW)
        builder.store(_load(builder, kept, _I64(0)), total)
        with _RANGE(builder, count, intp=_I64) as loop:
            entering = builder.add(place, builder.mul(loop.index, _I64(LANES)))
            _moved(builder, total, pointer, entering, builder.sub(entering, back))
        _store(builder, builder.load(total), kept, _I64(0))
        return ctx.get_dummy_value()

    whole = types.int64
    return types.void(_FLOATS, whole, whole, whole, _FLOATS), generate


@intrinsic
def _slide_means(
    context: Any,
    source: Any,
    at: Any,
    behind: Any,
    steps: Any,
    totals: Any,
    divisors: Any,
    reciprocals: Any,
    into: Any,
) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, place, back, count, kept, held, held_inverse, goal = arguments
        total = _ALLOCATED(builder, _ROW)
        builder.store(_load(builder, kept, _I64(0)), total)
        with _RANGE(builder, count, intp=_I64) as loop:
            along = builder.mul(loop.index, _I64(LANES))
            entering = builder.add(place, along)
            value = _moved(builder, total, pointer, entering, builder.sub(entering, back))
            parts = (_number(builder, each, loop.index) for each in (held, held_inverse))
            _store(builder, _quotient(builder, value, *parts), goal, along)
        _store(builder, builder.load(total), kept, _I64(0))
        return ctx.get_dummy_value()

    whole = types.int64
    return types.void(*(_FLOATS, whole, whole, whole, _FLOATS, _FLOATS, _FLOATS, _FLOATS)), generate


@intrinsic
def _sink_means(
    context: Any,
    columns: Any,
    at: Any,
    rows: Any,
    entering: Any,
    stride: Any,
    leaving: Any,
    totals: Any,
    place: Any,
    divisors: Any,
    reciprocals: Any,
    first: Any,
    into: Any,
    there: Any,
) -> Any:

    def generate(ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, source_at, ring, ring_at, step, gone, kept, x = arguments[:8]
        held, held_inverse, start, goal, goal_at = arguments[8:]
        columns = [
            _load(builder, source, builder.add(source_at, _I64(k * LANES))) for k in range(LANES)
        ]
        total, means = _load(builder, kept, x), []
        for k, row in enumerate(_transposed(builder, columns)):
            _store(builder, row, ring, ring_at)
            ring_at = builder.add(ring_at, step)
            left = builder.add(builder.load(builder.gep(gone, [_I64(k)])), x)
            total = builder.fsub(builder.fadd(total, row), _load(builder, ring, left))
            y = builder.add(start, _I64(k))
            parts = (_number(builder, each, y) for each in (held, held_inverse))
            means.append(_quotient(builder, total, *parts))
        _store(builder, total, kept, x)
        for k, column in enumerate(_transposed(builder, means)):
            _store(builder, column, goal, builder.add(goal_at, _I64(k * LANES)))
        return ctx.get_dummy_value()

    whole = types.int64
    return types.void(
        *(_FLOATS, whole, _FLOATS, whole, whole, _PLACES, _FLOATS, whole),
        *(_FLOATS, _FLOATS, whole, _FLOATS, whole),
    ), generate


# Numba finds the arguments of these by itself; a type checker would ask for `context`.
turn: Final[Any] = _turn
"""16 rows of 16 float32, `stride` apart, become 16 columns, `apart` from each other."""
turn_light: Final[Any] = _turn_light
"""The luminance of 16 rows of 16 RGB pixels (48 bytes) becomes 16 columns."""
slide: Final[Any] = _slide
"""totals += source[at], then -= source[at - behind], row after row of 16, `steps` times."""
slide_means: Final[Any] = _slide_means
"""As `slide`; after step k, into[k] = totals / divisors[k], a row of 16."""
sink_means: Final[Any] = _sink_means
"""16 columns become rows, which enter running sums from top to bottom; means go out as columns.

For k = 0 ... 15: row k is kept at rows[entering + k * stride]; totals[place] += row k, then
-= rows[leaving[k] + place]; mean k = totals / divisors[first + k].
"""
