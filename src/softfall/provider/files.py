"""Files named by their own SHA-256: encrypted attachments, reported pictures, lists' artefacts.

Guarantees: a name under the folder is a whole file with that digest, on disk and synced, whatever
was killed and when; putting the same bytes twice is harmless. Nothing is ever opened to be read as
anything but bytes. Several processes may share the folder.
Refuses: bytes whose digest is not the one promised (`DigestMismatch`), and a full disk
(`StorageFull`); either leaves no file. How large a body may be is the edge's to say.
"""

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from softfall.errors import InputError
from softfall.store.transactions import StorageFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PARTS = "parts"
_LEFT_OVER_SECONDS = 3600.0  # far longer than any body may take


class DigestMismatch(InputError):
    """The bytes do not have the SHA-256 that they were announced with."""

    remedy = "Send the file again, under the SHA-256 of exactly the bytes that are sent."


class Files:
    """One folder of files named by digest; `parts/` inside it holds what is not whole yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts = folder / _PARTS
        self._parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        drop_left_overs(self._parts)

    def path(self, sha256: bytes) -> Path:
        """Where a file is, or would be."""
        return self._folder / sha256.hex()

    def has(self, sha256: bytes) -> bool:
        """Whether the whole file is here."""
        return self.path(sha256).is_file()

    def read(self, sha256: bytes) -> bytes:
        """The file's bytes. Raises FileNotFoundError."""
        return self.path(sha256).read_bytes()

    def begin(self) -> "Incoming":
        """Start on a file that arrives in pieces. Raises StorageFull."""
        with full_disk_named():
            return Incoming(self, self._parts / secrets.token_hex(16))

    def put(self, body: bytes) -> bytes:
        """Keep `body`; its SHA-256. Raises StorageFull."""
        incoming = self.begin()
        try:
            incoming.add(body)
            digest = incoming.sha256
            incoming.keep(digest)
        finally:
            incoming.close()
        return digest

    def delete(self, sha256: bytes) -> None:
        """Remove a file; harmless if it is gone."""
        self.path(sha256).unlink(missing_ok=True)

    def all(self) -> list[bytes]:
        """The digest of every whole file."""
        names = (path.name for path in self._folder.iterdir() if path.is_file())
        return [bytes.fromhex(name) for name in names]


class Incoming:
    """A file on its way in. `close` in a `finally`: what was not kept is removed."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self._out = path.open("xb", buffering=0)

    @property
    def sha256(self) -> bytes:
        """Of what has arrived so far."""
        return self._hash.digest()

    def add(self, piece: bytes) -> None:
        """Write one more piece. Raises StorageFull."""
        self.size_bytes += len(piece)
        self._hash.update(piece)
        rest = memoryview(piece)
        with full_disk_named():
            while rest:
                rest = rest[self._out.write(rest) :]

    def settle(self) -> None:
        """Have its bytes on disk: then `keep` is quick. Raises StorageFull."""
        with full_disk_named():
            os.fsync(self._out.fileno())

    def keep(self, sha256: bytes) -> None:
        """Make it a whole file, on disk before this returns. Raises DigestMismatch, StorageFull."""
        if self.sha256 != sha256:
            raise DigestMismatch("the file does not have the SHA-256 that it was sent under")
        with full_disk_named():
            os.fsync(self._out.fileno())
            final = self._files.path(sha256)
            self._path.rename(final)
            folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Close, and remove what was not kept."""
        self._out.close()
        self._path.unlink(missing_ok=True)


def drop_left_overs(parts: Path) -> None:
    """Delete what killed processes were writing; what may still be being written stays."""
    for part in parts.iterdir():
        with suppress(FileNotFoundError):  # another process does the same
            if part.stat().st_mtime < time.time() - _LEFT_OVER_SECONDS:
                part.unlink()


@contextmanager
def full_disk_named() -> Iterator[None]:
    """A disk that is full becomes StorageFull; other faults stay what they are."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("the service has no room left on its disk") from None
        raise
