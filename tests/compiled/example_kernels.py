"""Kernels of the tests: good ones, and some that no kernel may be."""

import numpy as np

from softfall.compiled.exported import array, exported, helper
from tests.compiled.example_constants import ADDED


@helper
def twice(number):  # type: ignore[no-untyped-def]
    return number + number


@exported("int64(int64*, int64, int64)")
def doubled_sum(numbers, count, more):  # type: ignore[no-untyped-def]
    """Twice the sum of the numbers and of `more`, and a constant from another module."""
    total = more
    values = array(numbers, (count,))
    for i in range(count):
        total += values[i]
    return twice(total) + ADDED


@exported("void(float64*, int64)")
def halve(numbers, count):  # type: ignore[no-untyped-def]
    """In place; a division, and one by zero where `count` is 0."""
    values = array(numbers, (count,))
    for i in range(count):
        values[i] /= 2


@exported("float64(float64, float64)")
def ratio(above, below):  # type: ignore[no-untyped-def]
    return above / below


@exported("int64(int64)")
def allocates(count):  # type: ignore[no-untyped-def]
    made = np.zeros(count, np.int64)
    made[0] = count
    return made.sum()


@exported("int64(int64*, int64)")
def iterates(numbers, count):  # type: ignore[no-untyped-def]
    total = 0
    for number in array(numbers, (count,)):
        total += number
    return total


@exported("int64(int64)")
def raises(number):  # type: ignore[no-untyped-def]
    if number < 0:
        raise ValueError("negative")
    return number


@exported("void(float64*, int64)")
def clear(numbers, count):  # type: ignore[no-untyped-def]
    """A loop that becomes a call of C's memset."""
    values = array(numbers, (count,))
    for i in range(count):
        values[i] = 0.0


@exported("float64(float64, float64)")
def power(base, exponent):  # type: ignore[no-untyped-def]
    return base**exponent
