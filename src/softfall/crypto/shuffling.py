"""Distances in a new order: one party sees them, and not whose is which; the other sees none.

The provider holds masks r, the keyholder y = d + r of its rows, d being the distances. Dealt are a
permutation p and a vector D to the provider, and to the keyholder B and A, with p(A) = B - D, all
modulo 512 (p(v)[j] = v[p[j]]). Then

    keyholder -> provider    y + A                      uniform, because A is
    provider                 p(y + A - r) + D = p(d) + B
    provider -> keyholder    that
    keyholder                less B: p(d)

Guarantees: what the provider receives is uniform whatever the distances. The keyholder, before it
sees p(d), sees d under uniform masks; p is uniform among all orders and used once, so from p(d) it
learns how often each distance occurs, and nothing else.
What is dealt is of one `capacity`; where there are fewer rows, the rest is filled up with ABSENT,
which is no distance, so both know how many rows there are.
Limits: how often each distance occurs is a trace of picture and list: who holds both this and the
list can confirm a guessed picture. Who must not learn it uses `comparing`. `permutation` chooses
exactly uniformly, given uniform draws and enough spare ones (`draws_of`: too few with a chance
below 2^-100 up to 2^24 rows; then its last steps have a bias below 2^-8 each). Its steps' addresses
depend on it: it is for a party's own machine, with nobody else's programs on it.
Source: one-time shuffles, as in Chase, Ghosh and Poburinnaya, ASIACRYPT 2020; the order by Fisher
and Yates, its numbers by Lemire, ACM TOMACS 2019. Oracles: `permutation_plain`, `shuffled_plain`.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native
from softfall.crypto.columns import U16Array
from softfall.crypto.comparing import MODULUS

ABSENT: Final = 511
MAX_ROWS: Final = 2**24

U32Array = npt.NDArray[np.uint32]

_PERMUTE: Final = Native("softfall.crypto.shuffling_kernel", "permute")
_SHUFFLE: Final = Native("softfall.crypto.shuffling_kernel", "shuffle")
_UNSHUFFLE: Final = Native("softfall.crypto.shuffling_kernel", "unshuffle")
_MASK: Final = np.uint16(MODULUS - 1)


@dataclass(frozen=True, slots=True)
class Shuffling:
    """The provider's dealt half: its order and what it adds, each (capacity,)."""

    order: U32Array = field(repr=False)
    added: U16Array = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hiding:
    """The keyholder's dealt half: what it adds before, and takes off after, each (capacity,)."""

    added: U16Array = field(repr=False)
    taken_off: U16Array = field(repr=False)


def draws_of(capacity: int) -> int:
    """How many uniform 32-bit numbers `permutation` is given for so many rows."""
    return capacity + capacity // 16 + 256


def permutation(draws: U32Array, capacity: int) -> U32Array:
    """A uniform order of 0 ... capacity - 1. draws: (draws_of(capacity),) uniform uint32."""
    order = np.empty(capacity, np.uint32)
    _PERMUTE(draws, len(draws), capacity, order)
    return order


def completing(half: Shuffling, taken_off: U16Array) -> U16Array:
    """The dealer's step: what the keyholder adds, from the provider's half and B."""
    added = np.empty(len(taken_off), np.uint16)
    _UNSHUFFLE((taken_off - half.added) & _MASK, half.order, len(added), added)
    return added


def hidden(values: U16Array, half: Hiding) -> U16Array:
    """The keyholder's message: (capacity,) from its (rows,) values y; uniform."""
    whole = np.full(len(half.added), ABSENT, np.uint16)
    whole[: len(values)] = values
    return (whole + half.added) & _MASK


def shuffled(received: U16Array, masks: U16Array, half: Shuffling) -> U16Array:
    """The provider's message: (capacity,) in their new order. masks: its (rows,) own r.

    Raises ValueError where `received` is not of the capacity.
    """
    if len(received) != len(half.order):
        raise ValueError(f"{len(received)} values for a capacity of {len(half.order)}")
    plain = received.copy()
    plain[: len(masks)] -= masks
    moved = np.empty(len(plain), np.uint16)
    _SHUFFLE(plain, half.order, half.added, len(plain), moved)
    return moved


def distances(received: U16Array, half: Hiding) -> U16Array:
    """(capacity,) distances in their new order, ABSENT for what is no row."""
    return (received - half.taken_off) & _MASK


def permutation_plain(draws: U32Array, capacity: int) -> U32Array:
    """What `permutation` returns, in plain Python."""
    order, given = list(range(capacity)), iter(draws.tolist())
    spare = len(draws) - capacity
    for size in range(capacity, 1, -1):
        place, rest = divmod(next(given) * size, 2**32)
        while rest < (2**32 - size) % size and spare > 0:
            spare -= 1
            place, rest = divmod(next(given) * size, 2**32)
        order[size - 1], order[place] = order[place], order[size - 1]
    return np.array(order, np.uint32)


def shuffled_plain(received: U16Array, masks: U16Array, half: Shuffling) -> U16Array:
    """What `shuffled` returns, in plain numpy."""
    whole = np.zeros(len(received), np.uint16)
    whole[: len(masks)] = masks
    return ((received - whole)[half.order] + half.added) & _MASK
