"""The files of one epoch's list under `homomorphic`: rows and hints, each named by its SHA-256.

Guarantees: a file appears under its name whole and on the disk, or not at all, and never changes.
Those of an ended epoch go with it (`EpochBook`).
Refuses: names that are no digest of a file here, as BadListFile.
Leaves to others: checking what a file holds against its name; who reads does (`segments`).
Rows hold the list's hashes: the folder is the owner's alone, and who may fetch a file is decided by
`homomorphic_routes`.
"""

import hashlib
import mmap
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.custodian.store import write_whole
from softfall.options.homomorphic.segments import BadListFile

_NAME: Final = re.compile(r"[0-9a-f]{64}")


class EpochFiles:
    """What `options.homomorphic.custodian.Files` asks for, in one folder.

    size_bytes: how much was kept since this object was made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.size_bytes = 0

    def keep(self, file: bytes) -> bytes:
        """Keep a file; its SHA-256, 32 bytes. Raises OSError."""
        digest = hashlib.sha256(file).digest()
        write_whole(self._folder / digest.hex(), file)
        self.size_bytes += len(file)
        return digest

    def read(self, sha256: bytes) -> npt.NDArray[np.uint8]:
        """A file's bytes, memory-mapped, unchecked. Raises BadListFile where there are none."""
        try:
            return _mapped(self._folder / sha256.hex())
        except (OSError, ValueError):  # missing, or empty
            raise BadListFile("a file of the list is missing") from None

    def path(self, sha256: str) -> Path | None:
        """Where the file of this digest, in hexadecimal, lies; None where there is none."""
        path = self._folder / sha256
        return path if _NAME.fullmatch(sha256) and path.is_file() else None

    def tidy(self, needed: Collection[bytes]) -> None:
        """Remove all but these, also what killed runs left. Nobody else writes meanwhile."""
        names = {digest.hex() for digest in needed}
        for path in self._folder.glob("*"):
            if path.name not in names:
                path.unlink(missing_ok=True)


def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
