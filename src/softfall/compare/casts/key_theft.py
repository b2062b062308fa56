"""What a keyholder's key opens: every query whose key was sealed to it, where that is at hand too.

What is stolen: the keyholder's secret, by somebody who also keeps what the provider was handed and
should have deleted; or the two work together. What they get: the exact hash of every picture that
was submitted, listed or not. What they never get: a picture or a word; those are encrypted to
devices alone. The keyholder's key alone opens seeds and nothing else, the provider's store alone
opens nothing.
How: with the key of a query anybody can make hints of rows of their own choice. The distances to
the empty row and to the 256 rows of one bit tell the hash, bit by bit, by the option's own code.
Limit: a perceptual hash can be turned back into a rough picture.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import create_engine

from softfall.compare.blast import Loot
from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import CUSTODIAN, KEYHOLDER
from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.masking import masked, opened
from softfall.crypto.lattice.parameters import COLUMNS, HASH_BYTES, LIST_ROWS, SLOTS
from softfall.crypto.lattice.prepared import prepare, products
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.query import read_query
from softfall.crypto.lattice.transform import U32Array
from softfall.crypto.lattice.unmasking import secret_slots, unmasking
from softfall.custodian.epochs import EpochBook
from softfall.custodian.store import DATABASE_FILE, EPOCHS_FOLDER
from softfall.keyholder import keys
from softfall.lists.manifest import read
from softfall.options.homomorphic import sealing, wire
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.store.database import sqlite_url

_BLOCKS: Final = -(-(1 + COLUMNS) // LIST_ROWS)


def opened_hashes(loot: Loot, option: str) -> list[bytes | None]:
    """The hash in each submission that the provider was handed; None where the key opens none."""
    secrets = stolen_secrets(loot)
    public = public_elements(parameters_of(loot, option).public_seed)
    found = []
    for each in tag_theft.logged_submissions(loot, option):
        seed = seed_of(each["body"], secrets, each["epoch"])
        query = wire.octets(wire.decode(wire.QUERY, each["body"]), "query")
        found.append(None if seed is None else hash_in(query, seed, public))
    return found


def stolen_secrets(loot: Loot) -> list[bytes]:
    """The keyholder's secrets, out of its own folder."""
    return [key.secret for key in keys.load_keys(loot.place.folder / KEYHOLDER)]


def parameters_of(loot: Loot, option: str) -> HomomorphicParameters:
    """What the epoch in use was published with: public, read at its publisher."""
    folder = loot.place.folder / CUSTODIAN
    engine = create_engine(sqlite_url(folder / DATABASE_FILE))
    try:
        published = EpochBook(engine, folder / EPOCHS_FOLDER, 0).published(option)[0]
    finally:
        engine.dispose()
    return HomomorphicParameters.decode(read(published.manifest).parameters)


def seed_of(body: bytes, secrets: list[bytes], epoch: int) -> bytes | None:
    """The seed of one submission's key, by whichever secret opens its capsule."""
    values: dict[str, Any] = wire.decode(wire.QUERY, body)
    return sealing.opened_seed(values["capsule"], values["commitment"], secrets, epoch)


def hash_in(query: bytes, secret_seed: bytes, public: U32Array) -> bytes:
    """The 32-byte hash in a query, by the seed of its key; another seed gives other bytes."""
    prepared, hint = _own_rows(public.tobytes())
    values = products(prepared, read_query(query)[None])[0]
    unmasked = masked(values, np.zeros(_BLOCKS * LIST_ROWS, np.uint16))
    distances = opened(unmasked, unmasking(hint, secret_slots(secret_seed))).astype(np.int64)
    # To the empty row: how many bits are set. To the row of one bit: one fewer where it is set.
    bits = distances[1 : 1 + COLUMNS] < distances[0]
    return np.packbits(bits).tobytes()


@lru_cache(maxsize=2)
def _own_rows(public: bytes) -> tuple[U32Array, U32Array]:
    """The empty row and the 256 rows of one bit: prepared, and the hint of them."""
    places = np.zeros((_BLOCKS, SLOTS, HASH_BYTES), np.uint8)
    ones = np.packbits(np.eye(COLUMNS, dtype=np.uint8), axis=1)
    listed = np.zeros((_BLOCKS * LIST_ROWS, HASH_BYTES), np.uint8)
    listed[1 : 1 + COLUMNS] = ones
    places[:, :LIST_ROWS] = listed.reshape(_BLOCKS, LIST_ROWS, HASH_BYTES)
    elements = np.frombuffer(public, np.uint32).reshape(SLOTS, COLUMNS)
    return prepare(places), make_hint(places, elements)
