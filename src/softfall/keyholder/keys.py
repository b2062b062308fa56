"""The keyholder's key pairs: what devices seal the key of each query to.

Guarantees: a secret is 96 random bytes in a file that its owner alone can read (0600), made once
and never overwritten; one that others can read is refused. `keyholder.pub` is the newest key's
public half, which the custodian's setting names and each epoch's signed parameters carry.
A key is replaced, not changed: epochs that name an older one are answered with that one, until
`KeyRing.forget` destroys it with the last of them.
Limit: who has a secret opens the keys of all queries sealed to it. That alone tells nothing of a
picture; together with the provider's store it opens the hash of every submission kept there.
"""

import os
import re
import stat
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from softfall.crypto import hpke
from softfall.edge.keyholder_key import write_keyholder_key
from softfall.errors import OperatorError
from softfall.keyholder.files import sync_folder

PUBLIC_FILE: Final = "keyholder.pub"
_SECRET_FILE: Final = re.compile(r"sealing-([1-9][0-9]{0,8})\.key")


class SealingKeyExists(OperatorError):
    """The keyholder has a key already."""

    remedy = "Keep it: epochs name it. `softfall keys rotate-keyholder` makes the next one."


class SealingKeyUnusable(OperatorError):
    """A key of the keyholder's is missing, damaged, or open to others."""

    remedy = (
        "Run `softfall keys init` (or `softfall keys rotate-keyholder`), or put the backup of "
        "keyholder.data_dir back with mode 0600."
    )


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One key pair. number: grows with each that is made. secret: 96 bytes; public: 1,216."""

    number: int
    secret: bytes = field(repr=False)
    public: bytes = field(repr=False)


def create_key(data_dir: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> SealingKey:
    """Make the first key of `data_dir`. Raises SealingKeyExists."""
    require_no_key(data_dir)
    return _make(data_dir, 1, random_bytes)


def require_no_key(data_dir: Path) -> None:
    """Raises SealingKeyExists."""
    if has_key(data_dir):
        raise SealingKeyExists(f"{data_dir} holds a keyholder's key already")


def has_key(data_dir: Path) -> bool:
    """Whether there is one."""
    return bool(_numbers(data_dir))


def rotate_key(data_dir: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> SealingKey:
    """Make the next key, or the first; epochs published from now on should name it.

    Those before stay. Raises FileExistsError where another process makes it just now.
    """
    return _make(data_dir, max(_numbers(data_dir), default=0) + 1, random_bytes)


def load_keys(data_dir: Path) -> tuple[SealingKey, ...]:
    """Every key of `data_dir`, the newest last. Raises SealingKeyUnusable."""
    return KeyRing(data_dir).all()


class KeyRing:
    """The keys of one running keyholder; one that is made meanwhile is noticed when it is needed.

    Raises SealingKeyUnusable.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._read: dict[int, SealingKey] = {}
        self._lock = threading.Lock()
        self.all()

    def all(self) -> tuple[SealingKey, ...]:
        """Every key, the newest last. Raises SealingKeyUnusable."""
        _newest(self._data_dir)
        with self._lock:
            for number in _numbers(self._data_dir):
                if number not in self._read:
                    self._read[number] = _read_secret(self._data_dir, number)
            return tuple(self._read[number] for number in sorted(self._read))

    def forget(self, publics: Collection[bytes]) -> list[int]:
        """Destroy the secrets of these public keys, but never the newest; returns their numbers."""
        gone = [key.number for key in self.all()[:-1] if key.public in publics]
        with self._lock:
            for number in gone:
                _destroy(self._data_dir, number)
                del self._read[number]
        return gone


def public_path(data_dir: Path) -> Path:
    """Where the newest key's public half lies."""
    return data_dir / PUBLIC_FILE


def _make(data_dir: Path, number: int, random_bytes: Callable[[int], bytes]) -> SealingKey:
    secret = random_bytes(hpke.SECRET_BYTES)
    made = SealingKey(number, secret, hpke.public_of(secret))
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(
        _secret_path(data_dir, number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(data_dir)
    write_keyholder_key(public_path(data_dir), made.public)
    return made


def _newest(data_dir: Path) -> int:
    numbers = _numbers(data_dir)
    if not numbers:
        raise SealingKeyUnusable(f"{data_dir} holds no keyholder's key")
    return numbers[-1]


def _numbers(data_dir: Path) -> list[int]:
    if not data_dir.is_dir():
        return []
    names = (_SECRET_FILE.fullmatch(path.name) for path in data_dir.iterdir())
    return sorted(int(name[1]) for name in names if name)


def _secret_path(data_dir: Path, number: int) -> Path:
    return data_dir / f"sealing-{number}.key"


def _read_secret(data_dir: Path, number: int) -> SealingKey:
    path = _secret_path(data_dir, number)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SealingKeyUnusable(f"{path} can be read by others")
        secret = path.read_bytes()
        return SealingKey(number, secret, hpke.public_of(secret))
    except OSError:
        raise SealingKeyUnusable(f"{path} can't be read") from None
    except hpke.BadSealKey:
        raise SealingKeyUnusable(f"{path} holds no keyholder's key") from None


def _destroy(data_dir: Path, number: int) -> None:
    """Destroy one key's secret: nothing that was sealed to it is ever opened again."""
    path = _secret_path(data_dir, number)
    size_bytes = path.stat().st_size
    with path.open("r+b") as file:  # where the file system writes in place, over the old bytes
        file.write(bytes(size_bytes))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(data_dir)
