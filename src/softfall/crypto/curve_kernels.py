"""The compiled part of `public_sums`: the field, the curve, and Straus' sum of many multiples.

Guarantees: whatever `straus` writes is a canonical encoding; a row that encodes no point is named.
Never for secrets: branches and memory accesses depend on the digits.
Fields are five uint64 limbs of 51 bits. Bounds: a product takes limbs below 2^53.7 and gives limbs
below 2^52; a sum of two products and a difference of such sums stay below 2^53.7.
Loaded only where it has to be compiled (`public_sums` holds the machine code).
Source: RFC 9496 (decode 4.3.1, encode 4.3.2, constants 4.1); Straus 1964, in signed radix 16;
extended coordinates, Hisil, Wong, Carter, Dawson 2008; limbs as in Bernstein et al. 2011.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from softfall.compiled.exported import array, exported, helper, intrinsic

_P: Final = 2**255 - 19
_LIMBS: Final = 5
_LIMB_BITS: Final = 51
_MASK: Final = np.uint64(2**_LIMB_BITS - 1)
_WINDOWS: Final = 64
_TABLE: Final = 8  # multiples 1 to 8 of each point; the digits are -8 to 8

_ASK: Final[Any] = cgutils.get_or_insert_function
_TYPES: Final[Any] = types  # (their constructors carry no annotations)
_FIELD: Final = _TYPES.UniTuple(types.uint64, _LIMBS)


def _limbs(value: int) -> tuple[np.uint64, ...]:
    return tuple(np.uint64(value >> (_LIMB_BITS * i) & (2**_LIMB_BITS - 1)) for i in range(_LIMBS))


_D: Final = (-121665 * pow(121666, -1, _P)) % _P
_ZERO: Final = _limbs(0)
_ONE: Final = _limbs(1)
_EDWARDS_D: Final = _limbs(_D)
_TWICE_D: Final = _limbs(2 * _D % _P)
_SQRT_M1: Final = _limbs(pow(2, (_P - 1) // 4, _P))
# 1 / sqrt(a - d) with a = -1: the root that RFC 9496 writes down (section 4.1).
_INVSQRT_A_MINUS_D: Final = _limbs(
    54469307008909316920995813868745141605393597292927456921205312896311721017578
)
# 4 p in limbs: added before a subtraction, so that no limb runs below zero.
_FOUR_P: Final = tuple(np.uint64(4 * limb) for limb in (2**51 - 19, *[2**51 - 1] * 4))


@intrinsic
def _multiply(typing_context: Any, left: Any, right: Any) -> Any:
    """Product of two field elements: limbs below 2^54 in, below 2^52 out. One compiled copy."""
    del typing_context, left, right

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        element = ir.ArrayType(ir.IntType(64), _LIMBS)
        kind = ir.FunctionType(element, [element, element])
        product = _ASK(builder.module, kind, "softfall_field_product")
        if product.is_declaration:
            product.linkage = "linkonce_odr"
            product.attributes.add("noinline")
            within = ir.IRBuilder(product.append_basic_block())
            within.ret(_product(within, *product.args))
        return builder.call(product, arguments)

    return _FIELD(_FIELD, _FIELD), generate


@intrinsic
def _multiply_here(typing_context: Any, left: Any, right: Any) -> Any:
    """The same, put into its place: for the inner loops; everywhere, it compiles far longer."""
    del typing_context, left, right

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return _product(builder, *arguments)

    return _FIELD(_FIELD, _FIELD), generate


def _product(builder: Any, left: Any, right: Any) -> Any:
    wide, nineteen = ir.IntType(128), ir.Constant(ir.IntType(64), 19)
    a, narrow_b = (
        [builder.extract_value(argument, i) for i in range(_LIMBS)] for argument in (left, right)
    )
    a = [builder.zext(limb, wide) for limb in a]
    b = [builder.zext(limb, wide) for limb in narrow_b]
    # 19 b stays below 2^64: widened afterwards, each product is one instruction.
    folded = [builder.zext(builder.mul(limb, nineteen), wide) for limb in narrow_b]
    sums = []
    for place in range(_LIMBS):
        terms = [
            builder.mul(a[i], b[place - i] if i <= place else folded[_LIMBS + place - i])
            for i in range(_LIMBS)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = builder.add(total, term)
        sums.append(total)
    return _carried(builder, wide, sums)


def _carried(builder: Any, wide: Any, sums: list[Any]) -> Any:
    """128-bit sums, reduced to five limbs below 2^52."""
    narrow, bits = ir.IntType(64), ir.Constant(wide, _LIMB_BITS)
    mask = ir.Constant(narrow, 2**_LIMB_BITS - 1)
    carry, limbs = ir.Constant(narrow, 0), []
    for total in sums:
        whole = builder.add(total, builder.zext(carry, wide))
        limbs.append(builder.and_(builder.trunc(whole, narrow), mask))
        carry = builder.trunc(builder.lshr(whole, bits), narrow)
    first = builder.add(limbs[0], builder.mul(carry, ir.Constant(narrow, 19)))
    limbs[0] = builder.and_(first, mask)
    rest = builder.lshr(first, ir.Constant(narrow, _LIMB_BITS))
    limbs[1] = builder.add(limbs[1], rest)
    out = ir.Constant(ir.ArrayType(narrow, _LIMBS), ir.Undefined)
    for i, limb in enumerate(limbs):
        out = builder.insert_value(out, limb, i)
    return out


@helper
def _add(a, b):  # type: ignore[no-untyped-def]  # numba infers: fields are five uint64
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4])


@helper
def _subtract(a, b):  # type: ignore[no-untyped-def]
    f = _FOUR_P
    return (
        a[0] + f[0] - b[0],
        a[1] + f[1] - b[1],
        a[2] + f[2] - b[2],
        a[3] + f[3] - b[3],
        a[4] + f[4] - b[4],
    )


@helper
def _square_times(a, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        a = _multiply_here(a, a)
    return a


@helper
def _canonical(a):  # type: ignore[no-untyped-def]
    """The one representation with every limb below 2^51 and the whole below p."""
    a = _multiply(a, _ONE)
    a0, a1, a2, a3, a4 = a
    # Twice: the first pass leaves a value below 2^255 + a little, the second below 2^255.
    for _ in range(2):
        a1 += a0 >> np.uint64(51)
        a2 += a1 >> np.uint64(51)
        a3 += a2 >> np.uint64(51)
        a4 += a3 >> np.uint64(51)
        a0 = (a0 & _MASK) + np.uint64(19) * (a4 >> np.uint64(51))
        a1, a2, a3, a4 = a1 & _MASK, a2 & _MASK, a3 & _MASK, a4 & _MASK
    q = (a0 + np.uint64(19)) >> np.uint64(51)
    for limb in (a1, a2, a3, a4):
        q = (limb + q) >> np.uint64(51)
    a0 += np.uint64(19) * q
    a1 += a0 >> np.uint64(51)
    a2 += a1 >> np.uint64(51)
    a3 += a2 >> np.uint64(51)
    a4 += a3 >> np.uint64(51)
    return (a0 & _MASK, a1 & _MASK, a2 & _MASK, a3 & _MASK, a4 & _MASK)


@helper
def _equal(a, b):  # type: ignore[no-untyped-def]
    return _canonical(a) == _canonical(b)


@helper
def _is_negative(a):  # type: ignore[no-untyped-def]
    return _canonical(a)[0] & np.uint64(1) == np.uint64(1)


@helper
def _absolute(a):  # type: ignore[no-untyped-def]
    return _multiply(_subtract(_ZERO, a), _ONE) if _is_negative(a) else a


@helper
def _root_power(a):  # type: ignore[no-untyped-def]
    """a to the power (p - 5) / 8 = 2^252 - 3, by the usual chain."""
    a2 = _multiply(a, a)
    a9 = _multiply(a, _square_times(a2, np.int64(2)))
    a11 = _multiply(a9, a2)
    x5 = _multiply(_multiply(a11, a11), a9)
    x10 = _multiply(_square_times(x5, np.int64(5)), x5)
    x20 = _multiply(_square_times(x10, np.int64(10)), x10)
    x40 = _multiply(_square_times(x20, np.int64(20)), x20)
    x50 = _multiply(_square_times(x40, np.int64(10)), x10)
    x100 = _multiply(_square_times(x50, np.int64(50)), x50)
    x200 = _multiply(_square_times(x100, np.int64(100)), x100)
    x250 = _multiply(_square_times(x200, np.int64(50)), x50)
    return _multiply(_square_times(x250, np.int64(2)), a)


@helper
def _root_of_ratio(u, v):  # type: ignore[no-untyped-def]
    """SQRT_RATIO_M1 of section 4.2: (was u / v a square, its root or that of i u / v)."""
    v3 = _multiply(_multiply(v, v), v)
    v7 = _multiply(_multiply(v3, v3), v)
    root = _multiply(_multiply(u, v3), _root_power(_multiply(u, v7)))
    check = _multiply(v, _multiply(root, root))
    minus_u = _multiply(_subtract(_ZERO, u), _ONE)
    correct = _equal(check, u)
    flipped = _equal(check, minus_u)
    flipped_i = _equal(check, _multiply(minus_u, _SQRT_M1))
    if flipped or flipped_i:
        root = _multiply(root, _SQRT_M1)
    return correct or flipped, _absolute(root)


@helper
def _load(words):  # type: ignore[no-untyped-def]
    """Four little-endian words, below p, as a field element."""
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    return (
        w0 & _MASK,
        (w0 >> np.uint64(51) | w1 << np.uint64(13)) & _MASK,
        (w1 >> np.uint64(38) | w2 << np.uint64(26)) & _MASK,
        (w2 >> np.uint64(25) | w3 << np.uint64(39)) & _MASK,
        w3 >> np.uint64(12),
    )


@helper
def _decoded(words):  # type: ignore[no-untyped-def]
    """Section 4.3.1: (is it a point, x, y, z = 1, t)."""
    s = _load(words)
    c = _canonical(s)
    back = (
        c[0] | c[1] << np.uint64(51),
        c[1] >> np.uint64(13) | c[2] << np.uint64(38),
        c[2] >> np.uint64(26) | c[3] << np.uint64(25),
        c[3] >> np.uint64(39) | c[4] << np.uint64(12),
    )
    canonical = (
        back[0] == words[0] and back[1] == words[1] and back[2] == words[2] and back[3] == words[3]
    )
    ss = _multiply(s, s)
    u1 = _subtract(_ONE, ss)
    u2 = _add(_ONE, ss)
    u2_squared = _multiply(u2, u2)
    u1_squared_d = _multiply(_EDWARDS_D, _multiply(u1, u1))
    v = _multiply(_subtract(_subtract(_ZERO, u1_squared_d), u2_squared), _ONE)
    was_square, root = _root_of_ratio(_ONE, _multiply(v, u2_squared))
    den_x = _multiply(root, u2)
    den_y = _multiply(_multiply(root, den_x), v)
    x = _absolute(_multiply(_add(s, s), den_x))
    y = _multiply(u1, den_y)
    t = _multiply(x, y)
    good = canonical and not _is_negative(s) and was_square
    good = good and not _is_negative(t) and not _equal(y, _ZERO)
    good = good and not _equal(s, _ZERO)  # the identity: no `Point` here
    return good, x, y, _ONE, t


@helper
def _encoded(point, out):  # type: ignore[no-untyped-def]
    """Section 4.3.2, into four words."""
    x, y, z, t = point
    u1 = _multiply(_add(z, y), _subtract(z, y))
    u2 = _multiply(x, y)
    _, root = _root_of_ratio(_ONE, _multiply(u1, _multiply(u2, u2)))
    den1 = _multiply(root, u1)
    den2 = _multiply(root, u2)
    z_inverse = _multiply(_multiply(den1, den2), t)
    den_inverse = den2
    if _is_negative(_multiply(t, z_inverse)):
        x, y = _multiply(y, _SQRT_M1), _multiply(x, _SQRT_M1)
        den_inverse = _multiply(den1, _INVSQRT_A_MINUS_D)
    if _is_negative(_multiply(x, z_inverse)):
        y = _multiply(_subtract(_ZERO, y), _ONE)
    s = _canonical(_absolute(_multiply(den_inverse, _subtract(z, y))))
    out[0] = s[0] | s[1] << np.uint64(51)
    out[1] = s[1] >> np.uint64(13) | s[2] << np.uint64(38)
    out[2] = s[2] >> np.uint64(26) | s[3] << np.uint64(25)
    out[3] = s[3] >> np.uint64(39) | s[4] << np.uint64(12)


@helper
def _doubled(point):  # type: ignore[no-untyped-def]
    x, y, z, _ = point
    a = _multiply_here(x, x)
    b = _multiply_here(y, y)
    zz = _multiply_here(z, z)
    e = _subtract(_multiply_here(_add(x, y), _add(x, y)), _add(a, b))
    g = _subtract(b, a)
    f = _multiply_here(_subtract(g, _add(zz, zz)), _ONE)
    h = _subtract(_ZERO, _add(a, b))
    return _multiply_here(e, f), _multiply_here(g, h), _multiply_here(f, g), _multiply_here(e, h)


@helper
def _cached(point):  # type: ignore[no-untyped-def]
    """(y + x, y - x, 2 z, 2 d t): what an addition needs of its second term."""
    x, y, z, t = point
    return (
        _multiply(_add(y, x), _ONE),
        _multiply(_subtract(y, x), _ONE),
        _multiply(_add(z, z), _ONE),
        _multiply(t, _TWICE_D),
    )


@helper
def _sum(point, term):  # type: ignore[no-untyped-def]
    x, y, z, t = point
    a = _multiply_here(_subtract(y, x), term[1])
    b = _multiply_here(_add(y, x), term[0])
    c = _multiply_here(t, term[3])
    d = _multiply_here(z, term[2])
    e, f, g, h = _subtract(b, a), _subtract(d, c), _add(d, c), _add(b, a)
    return _multiply_here(e, f), _multiply_here(g, h), _multiply_here(f, g), _multiply_here(e, h)


@helper
def _minus(term):  # type: ignore[no-untyped-def]
    return term[1], term[0], term[2], _multiply(_subtract(_ZERO, term[3]), _ONE)


@helper
def _store(table, i, j, term):  # type: ignore[no-untyped-def]
    for k in range(4):
        for limb in range(_LIMBS):
            table[i, j, k, limb] = term[k][limb]


@helper
def _term(row):  # type: ignore[no-untyped-def]
    return (
        (row[0, 0], row[0, 1], row[0, 2], row[0, 3], row[0, 4]),
        (row[1, 0], row[1, 1], row[1, 2], row[1, 3], row[1, 4]),
        (row[2, 0], row[2, 1], row[2, 2], row[2, 3], row[2, 4]),
        (row[3, 0], row[3, 1], row[3, 2], row[3, 3], row[3, 4]),
    )


@exported("int64(uint64*, int8*, int64, uint64*, uint64*)")
def straus(points, digits, count, multiples, out):  # type: ignore[no-untyped-def]
    """Sum of the points times their digits into `out`; the row of a point that is none, or -1.

    points: (count, 4) words; digits: (count, 64), -8 to 8, lowest first; multiples: scratch,
    (count, 8, 4, 5) words; out: 4 words.
    """
    encodings = array(points, (count, 4))
    signed = array(digits, (count, _WINDOWS))
    table = array(multiples, (count, _TABLE, 4, _LIMBS))
    for i in range(count):
        good, x, y, z, t = _decoded(encodings[i])
        if not good:
            return i
        multiple = (x, y, z, t)
        term = _cached(multiple)
        _store(table, i, np.int64(0), term)
        for j in range(1, _TABLE):
            multiple = _sum(multiple, term)
            _store(table, i, j, _cached(multiple))
    total = (_ZERO, _ONE, _ONE, _ZERO)
    for window in range(_WINDOWS - 1, -1, -1):
        for _ in range(4):
            total = _doubled(total)
        for i in range(count):
            digit = signed[i, window]
            if digit > 0:
                total = _sum(total, _term(table[i, digit - 1]))
            elif digit < 0:
                total = _sum(total, _minus(_term(table[i, -digit - 1])))
    _encoded(total, array(out, (4,)))
    return -1
