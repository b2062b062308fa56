"""The 64 slots: size-64 negacyclic transforms modulo the two primes, and residues put together.

Guarantees: `to_slots` evaluates polynomials modulo Y^64 + 1 at the 64 odd powers of a 128th root of
one, so that products of polynomials are products of slots; `from_slots` undoes it.
Plain numpy throughout: the oracle of the kernels, and what the tables come from. Slots stand in
bit-reversed order, as the transform leaves them.
Source: number theoretic transforms as in Seiler 2018 (negacyclic, no separate twist); the product
by a known factor is Shoup's, with 16 bits.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.crypto.lattice.parameters import FIRST_PRIME, HALF_LEVEL, PRIMES, SECOND_PRIME, SLOTS

I16Array = npt.NDArray[np.int16]
I64Array = npt.NDArray[np.int64]
U8Array = npt.NDArray[np.uint8]
U16Array = npt.NDArray[np.uint16]
U32Array = npt.NDArray[np.uint32]

FACTOR_BITS: Final = 16
_LAYERS: Final = SLOTS.bit_length() - 1
FIRST_INVERSE: Final = pow(FIRST_PRIME, -1, SECOND_PRIME)


def _root(prime: int) -> int:
    """A 128th root of one modulo a prime that has one: its 64th power is -1."""
    candidates = (pow(base, (prime - 1) // (2 * SLOTS), prime) for base in range(2, prime))
    return next(root for root in candidates if pow(root, SLOTS, prime) == prime - 1)


def _reversed(number: int) -> int:
    return int(f"{number:0{_LAYERS}b}"[::-1], 2)


def _powers(prime: int, root: int) -> list[int]:
    return [pow(root, _reversed(i), prime) for i in range(SLOTS)]


_FORWARD: Final = [_powers(prime, _root(prime)) for prime in PRIMES]
_BACKWARD: Final = [_powers(prime, pow(_root(prime), -1, prime)) for prime in PRIMES]
_INVERSES: Final = [pow(SLOTS, -1, prime) for prime in PRIMES]


def to_slots(coefficients: I64Array) -> list[I64Array]:
    """Polynomials along the first axis, (64, ...) int64 -> their slots modulo each prime.

    Values are 0 to prime - 1.
    """
    return [
        _forward(coefficients % prime, prime, powers)
        for prime, powers in zip(PRIMES, _FORWARD, strict=True)
    ]


def from_slots(slots: list[I64Array]) -> I64Array:
    """Slots modulo each prime, (64, ...), -> coefficients modulo q, 0 to q - 1."""
    first, second = (
        _backward(values % prime, prime, powers) * inverse % prime
        for values, prime, powers, inverse in zip(slots, PRIMES, _BACKWARD, _INVERSES, strict=True)
    )
    return joined(first, second)


def joined(first: I64Array, second: I64Array) -> I64Array:
    """The numbers modulo q, 0 to q - 1, that have these residues (of 0 to prime - 1)."""
    quotient = (second - first) * FIRST_INVERSE % SECOND_PRIME
    return first + FIRST_PRIME * quotient


def centred(values: I64Array, prime: int) -> I16Array:
    """Each number's residue nearest to 0."""
    half = prime // 2
    return ((values + half) % prime - half).astype(np.int16)


def y_slots() -> list[I64Array]:
    """The polynomial Y itself: (64,) modulo each prime."""
    y = np.zeros(SLOTS, np.int64)
    y[1] = 1
    return to_slots(y)


def tables() -> U16Array:
    """What the kernels need of each prime: (2, 3, 2, 64) uint16.

    For each prime the factors, and Shoup's quotients, of the forward and of the backward steps;
    the backward steps' division by 64 is among them: entry 0, which no step uses, is 1/64, and
    entry 1, the last step's only one, has it in itself. Then come single numbers: the prime, the
    quotient of 1, 2^16 modulo the prime with its quotient, and minus half a level with its
    quotient; and the slots of Y.
    """
    made = np.zeros((len(PRIMES), 3, 2, SLOTS), np.uint16)
    for k, prime in enumerate(PRIMES):
        inverse = pow(SLOTS, -1, prime)
        backward = [inverse, _BACKWARD[k][1] * inverse % prime, *_BACKWARD[k][2:]]
        made[k, :2] = [[factors, quotients(factors, prime)] for factors in (_FORWARD[k], backward)]
        word = (1 << FACTOR_BITS) % prime
        half = -HALF_LEVEL % prime
        single = [prime, *quotients([1], prime), word, *quotients([word], prime)]
        made[k, 2, 0, :6] = [*single, half, *quotients([half], prime)]
        made[k, 2, 1] = y_slots()[k]
    return made


def quotients(factors: list[int], prime: int) -> list[int]:
    """Shoup's quotient of each factor: floor(2^16 factor / prime)."""
    return [(factor << FACTOR_BITS) // prime for factor in factors]


def _forward(values: I64Array, prime: int, powers: list[int]) -> I64Array:
    values, half, groups = values.copy(), SLOTS // 2, 1
    while half:
        for group in range(groups):
            start = 2 * half * group
            low = values[start : start + half].copy()
            high = values[start + half : start + 2 * half] * powers[groups + group] % prime
            values[start : start + half] = (low + high) % prime
            values[start + half : start + 2 * half] = (low - high) % prime
        half, groups = half // 2, 2 * groups
    return values


def _backward(values: I64Array, prime: int, powers: list[int]) -> I64Array:
    values, half, groups = values.copy(), 1, SLOTS // 2
    while groups:
        for group in range(groups):
            start = 2 * half * group
            low = values[start : start + half].copy()
            high = values[start + half : start + 2 * half].copy()
            values[start : start + half] = (low + high) % prime
            values[start + half : start + 2 * half] = (low - high) * powers[groups + group] % prime
        half, groups = 2 * half, groups // 2
    return values
