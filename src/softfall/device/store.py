"""The device's state at rest: every key and value sealed, changed all or nothing.

Guarantees: the file shows how many values of which drawer there are and how long, and nothing
else: values are AES-256-GCM under a fresh nonce, bound to their place (one moved elsewhere is
damage); places are HMACs of keys. A transaction that ended is there after kill -9; one that did
not never was.
Refuses: what does not open (`StateDamaged`), what can't be written (`StateUnwritable`: full disk).
Limit: who can write the file may put back an older one, whole or value by value; Olm and Megolm
then refuse to go on, but lost secrecy of what was sent since is not repaired.
"""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, OperationalError

from softfall.device.keyring import StoreKeys
from softfall.device.tables import cells
from softfall.errors import OperatorError
from softfall.messaging.session.cells import KeyPart, StateDamaged
from softfall.store.database import open_store, sqlite_url

MIGRATIONS = Path(__file__).parent / "migrations"
_NONCE_BYTES = 12
_PLACE_BYTES = 16
_LENGTH_BYTES = 4


class StateUnwritable(OperatorError):
    """The device's state can't be written; what was not written was not sent or acknowledged."""

    remedy = "Make room on the disk and check the folder's owner; then try again."


class SealedStore:
    """The `Cells` of one device. Every call belongs inside `transaction()`."""

    def __init__(self, file: Path, keys: StoreKeys, random_bytes: Callable[[int], bytes]) -> None:
        self._engine = open_store(sqlite_url(file), MIGRATIONS)
        file.chmod(0o600)
        self._values = AESGCM(keys.values)
        self._places_key = keys.places
        self._pickle_key = keys.pickles
        self._random_bytes = random_bytes
        self._open: Connection | None = None

    @property
    def pickle_key(self) -> bytes:
        """32 bytes under which ratchets are pickled."""
        return self._pickle_key

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside lasts, or none of it. One inside another joins it."""
        if self._open is not None:
            yield
            return
        try:
            with self._engine.begin() as connection:
                self._open = connection
                yield
        except OperationalError as error:
            raise StateUnwritable(f"the device's state can't be written: {error.orig}") from None
        except DBAPIError as error:
            raise StateDamaged(f"the device's state can't be read: {error.orig}") from None
        finally:
            self._open = None

    def get(self, drawer: str, *key: KeyPart) -> bytes | None:
        """The value, or None where there is none. Raises StateDamaged."""
        place = self._place(drawer, key)
        found = self._connection.execute(
            select(cells.c.sealed).where(cells.c.drawer == drawer, cells.c.place == place)
        ).scalar()
        return None if found is None else self._unseal(drawer, place, found)[1]

    def put(self, drawer: str, *key: KeyPart, value: bytes) -> None:
        """Set the value; a new key goes behind all others of its drawer."""
        place = self._place(drawer, key)
        sealed = self._seal(drawer, place, key, value)
        row = insert(cells).values(drawer=drawer, place=place, sealed=sealed)
        self._connection.execute(
            row.on_conflict_do_update(["drawer", "place"], set_={"sealed": sealed})
        )

    def delete(self, drawer: str, *key: KeyPart) -> None:
        """Remove the key; nothing happens where there is none."""
        place = self._place(drawer, key)
        self._connection.execute(
            delete(cells).where(cells.c.drawer == drawer, cells.c.place == place)
        )

    def items(self, drawer: str) -> Iterator[tuple[tuple[KeyPart, ...], bytes]]:
        """Every (key, value) of the drawer, oldest key first. Raises StateDamaged."""
        places = self._connection.execute(
            select(cells.c.row, cells.c.place).where(cells.c.drawer == drawer).order_by(cells.c.row)
        ).all()
        for row, place in places:  # one value at a time: pictures are large
            sealed = self._connection.execute(
                select(cells.c.sealed).where(cells.c.row == row)
            ).scalar()
            if sealed is not None:
                yield self._unseal(drawer, place, sealed)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @property
    def _connection(self) -> Connection:
        assert self._open is not None, "state is read and written in a transaction only"
        return self._open

    def _place(self, drawer: str, key: tuple[KeyPart, ...]) -> bytes:
        body = drawer.encode() + b"\0" + cbor2.dumps(list(key))
        return hmac.digest(self._places_key, body, "sha256")[:_PLACE_BYTES]

    def _seal(self, drawer: str, place: bytes, key: tuple[KeyPart, ...], value: bytes) -> bytes:
        nonce = self._random_bytes(_NONCE_BYTES)
        named = cbor2.dumps(list(key))
        plain = len(named).to_bytes(_LENGTH_BYTES, "big") + named + value
        return nonce + self._values.encrypt(nonce, plain, drawer.encode() + b"\0" + place)

    def _unseal(
        self, drawer: str, place: bytes, sealed: bytes
    ) -> tuple[tuple[KeyPart, ...], bytes]:
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = self._values.decrypt(nonce, body, drawer.encode() + b"\0" + place)
        except (InvalidTag, ValueError):
            raise StateDamaged("a value of the device's state does not open") from None
        start = _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")
        return tuple(cbor2.loads(plain[_LENGTH_BYTES:start])), plain[start:]
