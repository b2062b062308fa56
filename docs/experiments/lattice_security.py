"""How hard the lattice of `homomorphic` is: the query, the hint, and what errors leak.

Run: python docs/experiments/lattice_security.py  (about a minute; writes lattice_security.json and
redraws the tables of lattice_security.md). The core-SVP figures are arithmetic; two attacks are
carried out for real, and the leak is measured; seeds are fixed, so the figures come again.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softfall.crypto.lattice.hint import make_hint, public_matrices
from softfall.crypto.lattice.masking import masked
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    DUMMY_ROWS,
    ERROR_BOUND,
    FIRST_PRIME,
    HALF_LEVEL,
    LEVELS,
    LIST_ROWS,
    NOISE_LIMIT,
    NOISE_TERMS,
    RING_DEGREE,
    SECOND_PRIME,
    SENT_LEVELS,
    SLOTS,
    Q,
    failure_log2,
)
from softfall.crypto.lattice.prepared import prepare, products, signs
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.query import encrypt, read_query
from softfall.crypto.lattice.transform import to_slots
from softfall.crypto.lattice.unmasking import secret_slots, unmasking

PAGE = Path(__file__).with_suffix(".md")
RECORD = Path(__file__).with_suffix(".json")

SECRET_DEVIATION = math.sqrt(2 / 3)  # ternary, uniform
ERROR_DEVIATION = math.sqrt(ERROR_BOUND * (ERROR_BOUND + 1) / 3)
EQUATIONS = RING_DEGREE  # that a block's hint gives, modulo q
CLASSICAL, QUANTUM = 0.292, 0.265  # bits of sieving a dimension of the block
LIST_LOG2 = 20
MOST_SAMPLES = 4096  # more than any attack here has use for

# (dimension, q, deviation of secret and error, samples, published core-SVP bits): Kyber, round 3.
PUBLISHED = {
    "Kyber512": (512, 3329, math.sqrt(1.5), 512, 118),
    "Kyber768": (768, 3329, 1.0, 768, 182),
    "Kyber1024": (1024, 3329, 1.0, 1024, 256),
}

Integers = npt.NDArray[np.int64]


def root_hermite_log2(block: float) -> float:
    """log2 of what BKZ with this block size makes of a lattice, a dimension."""
    inside = (math.pi * block) ** (1 / block) * block / (2 * math.pi * math.e)
    return math.log2(inside) / (2 * (block - 1))


def smallest(works: Callable[[int], bool]) -> int:
    """The smallest block size that works, from 50 on; bisection, since larger ones work too."""
    low, high = 50, 20_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return high


def primal(n: int, q: int, secret: float, error: float, samples: int) -> int:
    """Block size for the unique short vector (2016 estimate), the secret scaled to the error."""

    def block(m: int) -> int:
        d = m + n + 1
        volume = (m * math.log2(q) + n * math.log2(error / secret)) / d
        return smallest(
            lambda b: (
                0.5 * math.log2(b) + math.log2(error)
                <= (2 * b - d - 1) * root_hermite_log2(b) + volume
            )
        )

    return min(block(m) for m in range(n // 4, min(samples, MOST_SAMPLES) + 1, max(8, n // 64)))


def dual_bits(n: int, q: int, secret: float, error: float, samples: int) -> float:
    """Bits of the dual attack, short vectors reused from the sieve, as in the NewHope estimate."""

    def bits(m: int, block: int) -> float:
        d = m + n
        volume = (n * math.log2(q) + n * math.log2(secret / error)) / d
        length = (d - 1) * root_hermite_log2(block) + volume
        width = 2 ** (length + math.log2(error / q))
        gain_log2 = 2 - 2 * (math.pi * width) ** 2 / math.log(2)
        return CLASSICAL * block + max(0.0, -2 * gain_log2 - 0.2075 * block)

    return min(
        bits(m, block)
        for m in range(n // 2, min(samples, 2 * n) + 1, max(16, n // 32))
        for block in range(60, 1200, 4)
    )


def hint_block(unknown: int, deviation: float) -> int | None:
    """Block size to find so many small unknowns from a block's hint; None: linear algebra does."""
    if unknown <= EQUATIONS:
        return None
    d = unknown + 1
    volume = EQUATIONS * math.log2(Q) / d
    return smallest(
        lambda b: (
            (
                b < d
                and 0.5 * math.log2(b) + math.log2(deviation)
                <= (2 * b - d - 1) * root_hermite_log2(b) + volume
            )
            or b >= d
        )
    )


def query_security() -> dict[str, Any]:
    numbers = (RING_DEGREE, Q, SECRET_DEVIATION, ERROR_DEVIATION, RING_DEGREE * 16)
    block = primal(*numbers)
    d = 2 * RING_DEGREE
    return {
        "block": block,
        "classical": CLASSICAL * block,
        "quantum": QUANTUM * block,
        "dual": dual_bits(*numbers),
        "with_polynomial_factors": CLASSICAL * block + 16.4 + math.log2(8 * d),
    }


def published() -> dict[str, Any]:
    found = {}
    for name, (n, q, deviation, samples, bits) in PUBLISHED.items():
        block = primal(n, q, deviation, deviation, samples)
        found[name] = {"block": block, "here": CLASSICAL * block, "published": bits}
    return found


def hint_security() -> dict[str, Any]:
    """By unknown rows of a block. A row's bits are 0 and 1: half away from their middle each."""
    found: dict[str, Any] = {}
    for rows in (1, 4, 5, 8, 12, DUMMY_ROWS, 24, SLOTS):
        block = hint_block(rows * COLUMNS, 0.5)
        found[str(rows)] = {
            "block": block,
            "classical": None if block is None else CLASSICAL * block,
        }
    return found


def difference_security() -> dict[str, Any]:
    """Two hints of one block, one row of it changed: with the dummies kept, and with fresh ones."""
    found: dict[str, Any] = {}
    for name, rows in (("dummies kept", 1), ("fresh dummies", 1 + DUMMY_ROWS)):
        block = hint_block(rows * COLUMNS, math.sqrt(0.5))
        found[name] = {
            "unknown": rows * COLUMNS,
            "block": block,
            "classical": None if block is None else CLASSICAL * block,
        }
    return found


def row_equations(public: npt.NDArray[np.uint32], place: int) -> Integers:
    """What one row's 256 signs add to a block's hint modulo the first prime: (1024, 256)."""
    unit = np.zeros((SLOTS, 1), np.int64)
    unit[place] = 1
    (slots, _) = to_slots(unit)
    matrix = public_matrices(public)[0] * slots[:, :, None] % FIRST_PRIME
    return matrix.transpose(0, 2, 1).reshape(EQUATIONS, COLUMNS)


def solved(matrix: Integers, right: Integers, prime: int) -> Integers | None:
    """The one solution modulo a prime of more equations than unknowns, or None."""
    work = np.concatenate([matrix, right[:, None]], axis=1) % prime
    unknown = matrix.shape[1]
    for column in range(unknown):
        pivots = np.flatnonzero(work[column:, column])
        if len(pivots) == 0:
            return None
        pivot = column + int(pivots[0])
        work[[column, pivot]] = work[[pivot, column]]
        work[column] = work[column] * pow(int(work[column, column]), -1, prime) % prime
        others = work[:, column].copy()
        others[column] = 0
        work = (work - others[:, None] * work[column]) % prime
    return work[:unknown, -1] if not work[unknown:, -1].any() else None


def recovered_from_difference(fresh: bool, seed: int = 4) -> bool:
    """Carried out: whether the changed row comes out of two hints of a block."""
    rng = np.random.default_rng(seed)
    public = public_elements(rng.bytes(32))
    before = rng.integers(0, 256, (1, SLOTS, 32), np.uint8)
    after = before.copy()
    after[0, 9] = rng.integers(0, 256, 32, np.uint8)
    if fresh:
        after[0, LIST_ROWS:] = rng.integers(0, 256, (DUMMY_ROWS, 32), np.uint8)
    hints = [make_hint(rows, public).view(np.int16).astype(np.int64) for rows in (before, after)]
    # (64, 1, 32) each: 16 residues modulo the first prime, then 16 modulo the second
    differing = (hints[1] - hints[0])[:, 0, :16].reshape(EQUATIONS)
    found = solved(row_equations(public, 9), differing, FIRST_PRIME)
    if found is None:
        return False
    change = np.where(found > FIRST_PRIME // 2, found - FIRST_PRIME, found)
    return bool(np.array_equal(change, signs(after[0])[9] - signs(before[0])[9]))


def leak(queries: int = 1500, seed: int = 6) -> dict[str, Any]:
    """What rounded values tell a keyholder of rows: correlations over many queries' errors.

    Blocks 0 and 1 share all list rows and no dummy; 2 shares one row with 0, at its place; 3 none.
    """
    rng = np.random.default_rng(seed)
    public = public_elements(rng.bytes(32))
    rows = rng.integers(0, 256, (4, SLOTS, 32), np.uint8)
    rows[1, :LIST_ROWS] = rows[0, :LIST_ROWS]
    rows[2, 5] = rows[0, 5]
    prepared, hint = prepare(rows), make_hint(rows, public)
    seen = np.array([_residuals(rows, prepared, hint, public, rng) for _ in range(queries)])
    noise, rounded = seen[:, 0], seen[:, 1]
    found: dict[str, Any] = {"queries": queries, "noise_deviation": float(noise.std())}
    flat = [1 - 2 * np.unpackbits(block).astype(np.int64) for block in rows]
    pairs = {"all 48 list rows": 1, "one list row": 2, "nothing": 3}
    found["pairs"] = {
        shared: {
            "expected": float(flat[0] @ flat[other]) / NOISE_TERMS,
            "unrounded": _correlation(noise[:, 0], noise[:, other]),
            "rounded": _correlation(rounded[:, 0], rounded[:, other]),
        }
        for shared, other in pairs.items()
    }
    found["rows_told"] = float((rounded != 0).mean())
    return found


def encoding() -> dict[str, Any]:
    """How often a keyholder with the list tells two pictures that differ in 128 bits, by rows.

    All that it sees of a hash is HALF_LEVEL - q / 1024 added to the error of each bit. It estimates
    errors from what rounding leaves of every row; the dummies' share and the cut stay as noise. The
    best test's power is by the Fisher information of such a shift, errors being whole numbers.
    """
    shift = abs(HALF_LEVEL - Q / (2 * LEVELS))
    dummies = math.sqrt(NOISE_TERMS * ERROR_DEVIATION**2 * DUMMY_ROWS / SLOTS)
    cut = Q / SENT_LEVELS
    row = _information(np.array([0.0]), dummies, cut)
    errors = np.arange(-ERROR_BOUND, ERROR_BOUND + 1.0)
    found: dict[str, Any] = {"shift": shift, "rows": {}}
    for rows in (10**5, 10**6, 10**7, 2**24):
        seen = _information(errors, 1 / math.sqrt(rows * row), 0.0)
        power = shift * math.sqrt(COLUMNS / 2 * seen)
        found["rows"][str(rows)] = {
            "right": (1 + math.erf(power / math.sqrt(2))) / 2,
            "queries_to_three_deviations": round((3 / power) ** 2),
        }
    return found


def _information(centres: npt.NDArray[np.float64], deviation: float, width: float) -> float:
    """Fisher's, of a shift of: one of `centres`, plus normal and uniform noise."""
    reach = float(np.abs(centres).max()) + width / 2 + 8 * deviation
    at = np.linspace(-reach, reach, 200_001)
    parts = 1 if width == 0 else 801
    spread = np.array([0.0]) if width == 0 else np.linspace(-width / 2, width / 2, parts)
    density, slope = np.zeros_like(at), np.zeros_like(at)
    for centre in (centres[:, None] + spread).reshape(-1):
        away = (at - centre) / deviation
        one = np.exp(-(away**2) / 2)
        density += one
        slope -= one * away / deviation
    kept = density > 1e-200
    return float((slope[kept] ** 2 / density[kept]).sum() / density.sum())


def _residuals(
    rows: npt.NDArray[np.uint8], prepared: npt.NDArray[np.uint32], hint: npt.NDArray[np.uint32],
    public: npt.NDArray[np.uint32], rng: np.random.Generator,
) -> Integers:  # fmt: skip
    """Of one query: (2, 4, 48), the noise itself, and what of it the keyholder sees."""
    bits, seeds = rng.bytes(32), (rng.bytes(32), rng.bytes(32))
    values = products(prepared, read_query(encrypt(bits, *seeds, public))[None])[0]
    hidden = unmasking(hint, secret_slots(seeds[0]))
    plain = np.bitwise_count(rows ^ np.frombuffer(bits, np.uint8)).sum(axis=2, dtype=np.int64)
    noise = values.astype(np.int64) - hidden - (2 * plain - 256) * HALF_LEVEL
    noise = (noise + Q // 2) % Q - Q // 2
    masks = rng.integers(0, 512, 4 * LIST_ROWS).astype(np.uint16)
    octets = np.zeros((len(rows) * LIST_ROWS // 2, 4), np.uint8)
    octets[:, :3] = np.frombuffer(masked(values, masks), np.uint8).reshape(-1, 3)
    pairs = octets.view("<u4").reshape(-1)
    sent = np.stack([pairs & 4095, pairs >> 12], axis=1).reshape(4, LIST_ROWS).astype(np.int64)
    # In steps of q / 4096, eight to a level: what is over beside the nearest level.
    over = np.rint(sent - hidden[:, :LIST_ROWS] * (SENT_LEVELS / Q)).astype(np.int64)
    return np.stack([noise[:, :LIST_ROWS], (over + 4) % 8 - 4])


def _correlation(left: Integers, right: Integers) -> float:
    return float(np.corrcoef(left.reshape(-1), right.reshape(-1))[0, 1])


def measured() -> dict[str, Any]:
    return {
        "parameters": {
            "q": Q,
            "error_bound": ERROR_BOUND,
            "error_deviation": ERROR_DEVIATION,
            "noise_limit": NOISE_LIMIT,
            "failure_log2": failure_log2(2**LIST_LOG2),
        },
        "published": published(),
        "query": query_security(),
        "hint": hint_security(),
        "difference": difference_security(),
        "carried_out": {
            "dummies kept": recovered_from_difference(fresh=False),
            "fresh dummies": recovered_from_difference(fresh=True),
        },
        "encoding": encoding(),
        "leak": leak(),
    }


def drawn(page: str, record: dict[str, Any]) -> str:
    """The page with each table between its marks drawn anew."""
    for name, text in _tables(record).items():
        start, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        head, _, rest = page.partition(start)
        page = head + start + text + end + rest.partition(end)[2]
    return page


def _tables(record: dict[str, Any]) -> dict[str, str]:
    own, query, seen = record["parameters"], record["query"], record["leak"]
    strictest = f"core-SVP, primal, classical (block {query['block']})"
    return {
        "parameters": table(
            ["what", "value"],
            [
                ["ring", f"X^{RING_DEGREE} + 1"],
                ["q", f"{own['q']:,} = {FIRST_PRIME} * {SECOND_PRIME}"],
                ["secret", "-1, 0, 1, uniform"],
                ["errors", f"-{own['error_bound']} to {own['error_bound']}, uniform"],
                ["their deviation", f"{own['error_deviation']:.2f}"],
                ["noise that no distance survives beyond", f"{own['noise_limit']:,}"],
                [
                    "a wrong distance in a picture, 2^20 rows",
                    f"less than 2^{own['failure_log2']:.1f}",
                ],
            ],
        ),
        "published": table(
            ["scheme", "block size", "bits here", "bits published"],
            [
                [name, each["block"], f"{each['here']:.1f}", each["published"]]
                for name, each in record["published"].items()
            ],
        ),
        "query": table(
            ["estimate", "bits"],
            [
                [strictest, _bits(query["classical"])],
                ["core-SVP, dual, classical", _bits(query["dual"])],
                ["core-SVP, primal, quantum", _bits(query["quantum"])],
                ["with polynomial factors, classical", _bits(query["with_polynomial_factors"])],
            ],
        ),
        "hint": table(
            ["rows of 64 that the keyholder does not know", "block size", "bits"],
            [[key, _block(each), _bits(each["classical"])] for key, each in record["hint"].items()],
        ),
        "difference": table(
            ["re-laid with", "unknowns", "block size", "bits", "carried out"],
            [
                [
                    name, f"{each['unknown']:,}", _block(each), _bits(each["classical"]),
                    "the row came out" if record["carried_out"][name] else "nothing came out",
                ]
                for name, each in record["difference"].items()
            ],
        ),
        "encoding": table(
            ["rows of the list", "right, of two guesses", "queries until it is sure"],
            [
                [
                    f"{int(rows):,}", f"{100 * each['right']:.1f} %",
                    f"{each['queries_to_three_deviations']:,}",
                ]
                for rows, each in record["encoding"]["rows"].items()
            ],
        ),
        "leak": table(
            ["what two blocks share", "of their signs alike", "in the noise", "in what is seen"],
            [
                [shared, *(f"{each[key]:+.3f}" for key in ("expected", "unrounded", "rounded"))]
                for shared, each in seen["pairs"].items()
            ],
        ),
    }  # fmt: skip


def _bits(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f}"


def _block(each: dict[str, Any]) -> str:
    return "linear algebra" if each["block"] is None else str(each["block"])


def table(heads: list[str], rows: list[list[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


if __name__ == "__main__":
    made = measured()
    RECORD.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    PAGE.write_text(drawn(PAGE.read_text("utf-8"), made), "utf-8")
    sys.exit(0)
