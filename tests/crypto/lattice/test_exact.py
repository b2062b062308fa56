"""From a hash to its masked distances and back: exactly the plain ones, whatever the input."""

from collections.abc import Callable

import numpy as np
import pytest

from softfall.crypto.lattice import sampling
from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.masking import masked, opened
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    ERROR_BOUND,
    LEVELS,
    LIST_ROWS,
    NOISE_LIMIT,
    NOISE_TERMS,
    SLOTS,
)
from softfall.crypto.lattice.prepared import prepare, products
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.query import encrypt, encrypt_plain, read_query
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from tests.crypto.lattice import schoolbook

PUBLIC = public_elements(b"\x0b" * 32)
EXTREMES = (0, 1, 2, 30, 31, 32, 33, 128, 254, 255, 256)
BLOCKS = 4


def moved(hash_bits: bytes, bits: int, rng: np.random.Generator) -> np.ndarray:
    flipped = np.unpackbits(np.frombuffer(hash_bits, np.uint8))
    flipped[rng.permutation(COLUMNS)[:bits]] ^= 1
    return np.packbits(flipped)


def random_rows(hash_bits: bytes, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (BLOCKS, SLOTS, 32), np.uint8)


def clustered_rows(hash_bits: bytes, rng: np.random.Generator) -> np.ndarray:
    """Every row near the hash: 25 to 37 bits."""
    rows = random_rows(hash_bits, rng)
    for place in np.ndindex(BLOCKS, SLOTS):
        rows[place] = moved(hash_bits, int(rng.integers(25, 38)), rng)
    return rows


def extreme_rows(hash_bits: bytes, rng: np.random.Generator) -> np.ndarray:
    rows = random_rows(hash_bits, rng)
    for k, place in enumerate(np.ndindex(BLOCKS, SLOTS)):
        rows[place] = moved(hash_bits, EXTREMES[k % len(EXTREMES)], rng)
    return rows


def one_hash_everywhere(hash_bits: bytes, rng: np.random.Generator) -> np.ndarray:
    return np.broadcast_to(np.frombuffer(hash_bits, np.uint8), (BLOCKS, SLOTS, 32)).copy()


def flat_rows(hash_bits: bytes, rng: np.random.Generator) -> np.ndarray:
    rows = np.zeros((BLOCKS, SLOTS, 32), np.uint8)
    rows[1::2] = 255
    return rows


def decrypted(rows: np.ndarray, query: bytes, secret_seed: bytes, seed: int) -> np.ndarray:
    masks = np.random.default_rng(seed).integers(0, LEVELS, len(rows) * LIST_ROWS)
    values = products(prepare(rows), read_query(query)[None])[0]
    hidden = unmasking(make_hint(rows, PUBLIC), secret_slots(secret_seed))
    moved_on = opened(masked(values, masks.astype(np.uint16)), hidden).astype(np.int64)
    return (moved_on - masks) % LEVELS


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "rows_of", [random_rows, clustered_rows, extreme_rows, one_hash_everywhere, flat_rows]
)
def test_what_is_decrypted_is_exactly_the_plain_distances(
    rows_of: Callable[[bytes, np.random.Generator], np.ndarray], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    hash_bits = [rng.bytes(32), bytes(32), b"\xff" * 32, rng.bytes(32)][seed]
    rows = rows_of(hash_bits, rng)
    seeds = rng.bytes(32), rng.bytes(32)
    found = decrypted(rows, encrypt(hash_bits, *seeds, PUBLIC), seeds[0], seed)
    assert np.array_equal(found, schoolbook.distances(rows, hash_bits))


def test_another_secret_decrypts_to_noise() -> None:
    rng = np.random.default_rng(3)
    hash_bits = rng.bytes(32)
    rows = clustered_rows(hash_bits, rng)
    query = encrypt(hash_bits, rng.bytes(32), rng.bytes(32), PUBLIC)
    found = decrypted(rows, query, rng.bytes(32), 3)
    assert (found == schoolbook.distances(rows, hash_bits)).mean() < 0.1
    assert len(np.unique(found)) > 100


def words_of(errors: np.ndarray) -> np.ndarray:
    """Words that become these errors: each in the middle of those that do."""
    choices = 2 * ERROR_BOUND + 1
    wide = [(int(e) + ERROR_BOUND) * 2**64 // choices + 2**58 for e in errors.reshape(-1)]
    return np.array(wide, np.uint64).reshape(errors.shape)


def adverse_errors(row: np.ndarray, place: int, total: int) -> np.ndarray:
    """Legal errors whose sum in the product of one row is `total`: all against it, at their bound.

    The row's coefficient at Y^place is the sum over columns j and places r of D_j at r times
    e_j at (place - r), negative where that wraps; only row `place` of D holds this row, but every
    other row of the block counts too: these are `row` as well, so that D_j is one sign throughout.
    """
    signs = 1 - 2 * np.unpackbits(row).astype(np.int64)
    wraps = np.where(np.arange(SLOTS) <= place, 1, -1)
    against = wraps[:, None] * signs[None, :]
    flat = np.zeros(NOISE_TERMS, np.int64)
    whole, rest = divmod(abs(total), ERROR_BOUND)
    flat[:whole] = ERROR_BOUND
    flat[whole] = rest
    return np.sign(total) * flat.reshape(SLOTS, COLUMNS) * against


@pytest.mark.parametrize("total", [NOISE_LIMIT, -NOISE_LIMIT])
@pytest.mark.parametrize("bits", [0, 31, 32, 256])
def test_the_worst_errors_within_the_bound_change_no_distance(
    total: int, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, expected = _with_errors(total, bits, monkeypatch)
    assert found == expected


@pytest.mark.parametrize("total", [13_000, -13_000])
def test_worse_errors_do_and_no_seed_will_give_them(
    total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, expected = _with_errors(total, 31, monkeypatch)
    assert abs(found - expected) == 1


def _with_errors(total: int, bits: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    rng = np.random.default_rng(bits)
    hash_bits, place = rng.bytes(32), 17
    row = moved(hash_bits, bits, rng)
    rows = np.broadcast_to(row, (1, SLOTS, 32)).copy()
    words = words_of(adverse_errors(row, place, total))
    assert int(np.abs(sampling.bounded(words)).max()) == ERROR_BOUND
    monkeypatch.setattr("softfall.crypto.lattice.query.error_words", lambda seed: words)
    query = encrypt(hash_bits, b"\x01" * 32, bytes(32), PUBLIC)
    assert query == encrypt_plain(hash_bits, b"\x01" * 32, bytes(32), PUBLIC)
    return int(decrypted(rows, query, b"\x01" * 32, 1)[place]), bits
