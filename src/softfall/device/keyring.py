"""The key of a device's store, locked by a passphrase or by a 32-byte key; and the home's lock.

Guarantees: the store's own random key is wrapped by AES-256-GCM under what Argon2id makes of the
passphrase (RFC 9106's second recommended setting: 64 MiB, 3 passes, 4 lanes) or under the 32-byte
key given; one process at a time has a home.
Refuses: `WrongSecret`; `HomeInUse`; a keyring that can't be read (`StateDamaged`).
Limit: a short passphrase can be guessed by who has the files, at Argon2id's price for each guess.
"""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softfall.errors import InputError, OperatorError, RefusedError
from softfall.messaging.session.cells import StateDamaged
from softfall.wire import Bytes, Field, MalformedMessage, Message, Party, Uint

Secret = str | bytes  # a passphrase, or a key of 32 bytes

KEY_BYTES = 32
_PASSES, _LANES, _MEMORY_KIB = 3, 4, 64 * 1024
_FILE = "keyring"

_KEYRING = Message(
    "keyring",
    Party.DEVICE,
    (
        Field("version", Uint(1), "1"),
        Field("passes", Uint(16), "Argon2id; 0: the secret is the key itself"),
        Field("lanes", Uint(16), "Argon2id"),
        Field("memory_kib", Uint(1024 * 1024), "Argon2id"),
        Field("salt", Bytes(16, 16), "Argon2id"),
        Field("nonce", Bytes(12, 12), "AES-256-GCM"),
        Field("wrapped", Bytes(48, 48), "the store's key, sealed"),
    ),
    max_bytes=256,
)


class WrongSecret(InputError):
    """The passphrase or key does not open this device."""

    remedy = "Try the passphrase again; there is no other way in."


class HomeInUse(RefusedError):
    """Another process has this device open."""

    remedy = "Close the other one; two would break the ratchets."


class HomeNotEmpty(RefusedError):
    """There is a device in this folder already."""

    remedy = "Open it with `Device.open`, or choose another folder."


class HomeMissing(OperatorError):
    """There is no device in this folder."""

    remedy = "Make one with `Device.create`, or correct the path."


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """Keys that derive from the store's own: for values, for their places, for ratchets."""

    values: bytes = field(repr=False)
    places: bytes = field(repr=False)
    pickles: bytes = field(repr=False)


def lock_home(home: Path) -> IO[bytes]:
    """Hold this until the device is closed; the kernel lets go when the process dies.

    Raises HomeInUse.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (home / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise HomeInUse("this device is open already") from None
    return file


def has_keyring(home: Path) -> bool:
    """Whether a device was made here."""
    return (home / _FILE).exists()


def make_keyring(home: Path, secret: Secret, random_bytes: Callable[[int], bytes]) -> StoreKeys:
    """A new store key, wrapped under `secret`, on disk before this returns."""
    by_passphrase = isinstance(secret, str)
    facts: dict[str, Any] = {
        "version": 1,
        "passes": _PASSES if by_passphrase else 0,
        "lanes": _LANES if by_passphrase else 0,
        "memory_kib": _MEMORY_KIB if by_passphrase else 0,
        "salt": random_bytes(16),
        "nonce": random_bytes(12),
    }
    key = random_bytes(KEY_BYTES)
    wrapping = AESGCM(_wrapping_key(secret, facts))
    wrapped = wrapping.encrypt(facts["nonce"], key, _FILE.encode())
    _write_whole(home / _FILE, _KEYRING.encode({**facts, "wrapped": wrapped}))
    return _derive(key)


def open_keyring(home: Path, secret: Secret) -> StoreKeys:
    """The store's keys. Raises HomeMissing, WrongSecret, StateDamaged."""
    try:
        facts: dict[str, Any] = _KEYRING.decode((home / _FILE).read_bytes())
    except FileNotFoundError:
        raise HomeMissing("there is no device in this folder") from None
    except (OSError, MalformedMessage):
        raise StateDamaged("the device's keyring can't be read") from None
    wrapping = AESGCM(_wrapping_key(secret, facts))
    try:
        return _derive(wrapping.decrypt(facts["nonce"], facts["wrapped"], _FILE.encode()))
    except InvalidTag:
        raise WrongSecret("the secret does not open this device") from None


def _wrapping_key(secret: Secret, facts: dict[str, Any]) -> bytes:
    if isinstance(secret, bytes):
        if len(secret) != KEY_BYTES:
            raise WrongSecret(f"a key has {KEY_BYTES} bytes; pass a passphrase as text")
        return HKDF(SHA256(), KEY_BYTES, facts["salt"], b"softfall device key v1").derive(secret)
    if facts["passes"] == 0:
        raise WrongSecret("this device is opened by a key, not by a passphrase")
    try:
        derivation = Argon2id(
            salt=facts["salt"],
            length=KEY_BYTES,
            iterations=facts["passes"],
            lanes=facts["lanes"],
            memory_cost=facts["memory_kib"],
        )
    except ValueError:
        raise StateDamaged("the device's keyring has impossible settings") from None
    return derivation.derive(secret.encode())


def _derive(key: bytes) -> StoreKeys:
    parts = (
        HKDF(SHA256(), KEY_BYTES, None, b"softfall device store v1|" + use).derive(key)
        for use in (b"values", b"places", b"pickles")
    )
    return StoreKeys(*parts)


def _write_whole(path: Path, body: bytes) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
