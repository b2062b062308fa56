"""The hints of list segments, as files: carried here by the provider, named by their SHA-256.

Guarantees: a file is here under the digest that the custodian signed or not at all, on the disk
before it is told of; what is read is a view of a memory-mapped file, whose digest was checked when
this process mapped it. A file that turns out damaged is removed, and shows as missing again.
Refuses: other bytes than the digest's (BadListFile), a full disk (KeyholderDiskFull).
A hint tells nothing of a picture; of the list it hides all rows (`crypto/lattice/hint.py`).
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from softfall.keyholder.files import sweep, write_whole
from softfall.options.homomorphic.segments import BadListFile, U32Array, read_hint

_SUFFIX: Final = ".hint"


class HintFiles:
    """The folder of one running keyholder's hints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mapped: dict[bytes, U32Array] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # what is being written is not swept

    def has(self, sha256: bytes) -> bool:
        """Whether this hint is here."""
        return sha256 in self._mapped or self._path(sha256).exists()

    def put(self, sha256: bytes, content: bytes) -> None:
        """Keep a hint. Raises BadListFile, KeyholderDiskFull."""
        read_hint(content, sha256)
        with self._writing:
            write_whole(self._path(sha256), [content])

    def read(self, sha256: bytes) -> U32Array:
        """(64, blocks, 16) uint32, on disk; checked the first time. Raises BadListFile."""
        with self._lock:
            if sha256 not in self._mapped:
                self._mapped[sha256] = self._checked(sha256)
            return self._mapped[sha256]

    def keep_only(self, digests: Iterable[bytes]) -> int:
        """Remove every other file, and what a kill left half written; returns how many went."""
        wanted = frozenset(digests)
        with self._lock:
            for gone in self._mapped.keys() - wanted:
                del self._mapped[gone]  # its pages go with the last run that reads them
        with self._writing:
            return sweep(self._folder, (self._path(digest).name for digest in wanted))

    def _checked(self, sha256: bytes) -> U32Array:
        path = self._path(sha256)
        try:
            return read_hint(np.memmap(path, np.uint8, "r"), sha256)
        except BadListFile:
            path.unlink(missing_ok=True)
            raise
        except (OSError, ValueError):  # away, or empty, which can't be mapped
            path.unlink(missing_ok=True)
            raise BadListFile("a hint's file can't be read") from None

    def _path(self, sha256: bytes) -> Path:
        return self._folder / f"{sha256.hex()}{_SUFFIX}"
