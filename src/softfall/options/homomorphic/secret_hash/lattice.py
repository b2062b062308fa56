"""One encrypted plane against many rows of weights: the matching product of the research mode.

The same ring, secret and errors as `crypto.lattice`, laid out for 4,096 columns of small whole
numbers instead of 256 signs: with Y = X^64 an element is 64 components in Z_q[Y]/(Y^16 + 1), a
query is 64 elements, and a block is 16 rows. Scores come out with a little noise.

Guarantees: what `encrypt` gives depends on its arguments alone; `opened` gives each row's score,
as one of 512 levels, plus its mask, modulo 512, and noise of the size of `noise_deviation`.
Refuses: bytes that are no query (MalformedPlane).
Limits, printed: research, our own and unaudited. A block has no dummy rows, so a keyholder could
solve for the weights of a block from its hint; a product would have to pay for them as
`crypto.lattice` does. One secret seed serves one query.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native
from softfall.crypto.lattice.parameters import ERROR_BOUND, PRIMES, RING_DEGREE, SENT_LEVELS, Q
from softfall.crypto.lattice.query import packed, unpacked
from softfall.crypto.lattice.sampling import bounded, stream, ternary
from softfall.crypto.lattice.transform import joined
from softfall.errors import InputError
from softfall.options.homomorphic.secret_hash.plane import PIXELS, I16Array
from softfall.options.homomorphic.secret_hash.projection import SCORE_OF_ONE, I8Array

COMPONENTS: Final = 64
ROWS: Final = RING_DEGREE // COMPONENTS  # of a block, and the transform's size
ELEMENTS: Final = PIXELS // COMPONENTS
QUERY_BYTES: Final = 3 * ROWS * PIXELS
LEVELS: Final = 512
UNIT: Final = int(Q / 2 / (1.02 * SCORE_OF_ONE))
"""What one unit of score is, modulo q: cosine 1 and its rounding stay below half of q."""

_PUBLIC: Final = b"softfall secret hash: public elements 1"
_SECRET: Final = b"softfall secret hash: secret 1"
_ERRORS: Final = b"softfall secret hash: errors 1"

I64Array = npt.NDArray[np.int64]
U16Array = npt.NDArray[np.uint16]
F64Array = npt.NDArray[np.float64]

_DOT: Final = Native("softfall.options.homomorphic.secret_hash.lattice_kernel", "dot")


class MalformedPlane(InputError):
    """Bytes that are no encrypted plane."""

    remedy = "Send 196,608 bytes: 65,536 numbers of 24 bits, each below the ring's modulus."


def _transform(prime: int) -> tuple[F64Array, F64Array]:
    """From coefficients to slots, and back: (16, 16) each."""
    powers = (pow(base, (prime - 1) // (2 * ROWS), prime) for base in range(2, prime))
    root = next(power for power in powers if pow(power, ROWS, prime) == prime - 1)
    there = [[pow(root, (2 * s + 1) * r, prime) for r in range(ROWS)] for s in range(ROWS)]
    part, inverse = pow(ROWS, -1, prime), pow(root, -1, prime)
    back = [
        [part * pow(inverse, (2 * s + 1) * r, prime) % prime for s in range(ROWS)]
        for r in range(ROWS)
    ]
    return np.array(there, np.float64), np.array(back, np.float64)


_TRANSFORMS: Final = [_transform(prime) for prime in PRIMES]


def _slots(coefficients: npt.NDArray[Any]) -> list[F64Array]:
    """Polynomials along the first axis, (16, ...), in slots modulo each prime. Exact in float64."""
    flat = coefficients.reshape(ROWS, -1)
    shape = coefficients.shape
    return [
        ((there @ (flat % prime).astype(np.float64)) % prime).reshape(shape)
        for prime, (there, _) in zip(PRIMES, _TRANSFORMS, strict=True)
    ]


def _coefficients(slots: list[I64Array]) -> I64Array:
    """(16, ...) modulo each prime -> (16, ...) modulo q."""
    first, second = (
        ((back @ (values % prime).astype(np.float64)) % prime).astype(np.int64)
        for values, prime, (_, back) in zip(slots, PRIMES, _TRANSFORMS, strict=True)
    )
    return joined(first, second)


def public_elements(seed: bytes) -> list[F64Array]:
    """The 64 elements in slots modulo each prime: (16, 64, 64), by slot, element, component."""
    drawn = np.frombuffer(stream(seed, _PUBLIC, 6 * ROWS * PIXELS), np.uint8).reshape(-1, 3)
    numbers = unpacked(drawn.tobytes()).astype(np.int64)
    kept = numbers[numbers < Q][: ROWS * PIXELS].reshape(ROWS, ELEMENTS, COMPONENTS)
    return [(kept % prime).astype(np.float64) for prime in PRIMES]


def encrypt(
    plane: I16Array, secret_seed: bytes, error_seed: bytes, public: list[F64Array]
) -> bytes:
    """The query of a plane, (4096,) int16: 196,608 bytes. Seeds: 32 bytes each. Raises BadSeed."""
    secret = _slots(_secret(secret_seed))
    words = np.frombuffer(stream(error_seed, _ERRORS, 8 * ROWS * PIXELS), "<u8")
    errors = _slots(bounded(words.astype(np.uint64)).reshape(ROWS, PIXELS))
    signal = plane.astype(np.int64) * UNIT
    residues = []
    for own, error, elements, prime, y in zip(secret, errors, public, PRIMES, _Y, strict=True):
        hiding = elements @ _rotations(own, prime, y).transpose(0, 2, 1)
        values = hiding.reshape(ROWS, PIXELS) % prime + error + signal % prime
        residues.append((values % prime).astype(np.int64))
    return packed(joined(*residues))


def read_query(body: bytes) -> I16Array:
    """A query as `products` takes it: (2, 16, 4096) int16. Raises MalformedPlane."""
    if len(body) != QUERY_BYTES:
        raise MalformedPlane(f"an encrypted plane has {QUERY_BYTES} bytes, not {len(body)}")
    values = unpacked(body)
    if (values >= Q).any():
        raise MalformedPlane("an encrypted plane holds a number that is not below the modulus")
    numbers = values.astype(np.int64)
    return np.stack([_nearest(numbers % prime, prime) for prime in PRIMES]).reshape(2, ROWS, PIXELS)


def prepare(weights: I8Array) -> I16Array:
    """Rows of weights, (n, 4096) int8, n a multiple of 16: (2, 16, n / 16, 4096) int16."""
    blocks = weights.reshape(-1, ROWS, PIXELS).transpose(1, 0, 2).astype(np.int64)
    halves = []
    for prime, slots in zip(PRIMES, _slots(blocks), strict=True):
        halves.append(_nearest(slots, prime))
    return np.stack(halves)


def products(prepared: I16Array, query: I16Array) -> I64Array:
    """The query with each row: (n,) modulo q; each is UNIT * score, hidden."""
    blocks = prepared.shape[2]
    sums = np.empty((2, ROWS, blocks), np.int64)
    _DOT(prepared, query, 2 * ROWS, blocks, PIXELS, sums)
    return _coefficients([sums[0], sums[1]]).T.reshape(-1)


def products_plain(prepared: I16Array, query: I16Array) -> I64Array:
    """What `products` gives, in plain numpy."""
    sums = [
        np.einsum("sbj,sj->sb", half.astype(np.int64), asked.astype(np.int64))
        for half, asked in zip(prepared, query, strict=True)
    ]
    return _coefficients(sums).T.reshape(-1)


def make_hint(prepared: I16Array, public: list[F64Array]) -> list[F64Array]:
    """What the keyholder gets of the rows: (16, n / 16, 64) modulo each prime."""
    made = []
    for half, elements, prime, y in zip(prepared, public, PRIMES, _Y, strict=True):
        columns = _hint_columns(elements, prime, y)
        made.append((half.astype(np.float64) @ columns) % prime)
    return made


def unmasking(hint: list[F64Array], secret_seed: bytes) -> I64Array:
    """What hides each row's score: (n,) modulo q. Raises BadSeed."""
    sums = [
        np.einsum("sbh,sh->sb", half, own).astype(np.int64)
        for half, own in zip(hint, _slots(_secret(secret_seed)), strict=True)
    ]
    return _coefficients(sums).T.reshape(-1)


def masked(values: I64Array, masks: U16Array) -> bytes:
    """What the keyholder is sent of `products`: 12 bits a row, in two bytes. masks: 0 to 511."""
    moved = (values + Q // 2 + masks.astype(np.int64) * Q // LEVELS) % Q
    return (moved * SENT_LEVELS // Q).astype("<u2").tobytes()


def opened(sent: bytes, hiding: I64Array) -> U16Array:
    """(level + mask) modulo 512 of each row; `level_of` says which level a score has."""
    values = np.frombuffer(sent, "<u2").astype(np.int64)
    shown = (values * Q // SENT_LEVELS + Q // (2 * SENT_LEVELS) - hiding) % Q
    return (shown * LEVELS // Q).astype(np.uint16)


def level_of(cosine: float) -> int:
    """The level, 0 to 511, of a score."""
    return int((cosine * SCORE_OF_ONE * UNIT + Q // 2) * LEVELS // Q)


def noise_deviation(weights: I8Array) -> float:
    """The standard deviation of a score's noise, modulo q, of the worst block of weights."""
    squares = (weights.astype(np.float64) ** 2).reshape(-1, ROWS * PIXELS).sum(axis=1)
    variance = ERROR_BOUND * (ERROR_BOUND + 1) / 3  # of a uniform error
    return float(np.sqrt(variance * squares.max(initial=0)))


def _nearest(residues: npt.NDArray[Any], prime: int) -> I16Array:
    """Residues 0 to prime - 1 as the numbers nearest to 0."""
    return np.where(residues > prime // 2, residues - prime, residues).astype(np.int16)


def _secret(seed: bytes) -> I64Array:
    words = np.frombuffer(stream(seed, _SECRET, 8 * RING_DEGREE), "<u8").astype(np.uint64)
    return ternary(words).reshape(ROWS, COMPONENTS)


def _rotations(secret: F64Array, prime: int, y: F64Array) -> F64Array:
    """Per slot what takes an element's components to those of its product with the secret.

    (16, 64, 64): component f of the product has secret f - g of component g, times Y if f < g.
    """
    steps = np.subtract.outer(np.arange(COMPONENTS), np.arange(COMPONENTS))
    turned = secret[:, steps % COMPONENTS]
    return np.where(steps < 0, turned * y[:, None, None] % prime, turned)


def _hint_columns(elements: F64Array, prime: int, y: F64Array) -> F64Array:
    """(16, 4096, 64): per slot and column what each component of the secret is multiplied by."""
    steps = np.subtract.outer(np.arange(COMPONENTS), np.arange(COMPONENTS))
    turned = elements[:, :, steps % COMPONENTS]
    wrapped = turned * y[:, None, None, None] % prime
    return np.where(steps < 0, wrapped, turned).reshape(ROWS, PIXELS, COMPONENTS)


def _y_slots() -> list[F64Array]:
    y = np.zeros(ROWS, np.int64)
    y[1] = 1
    return _slots(y)


_Y: Final = _y_slots()
