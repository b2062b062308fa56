"""Files of the keyholder's that must be whole: written aside, onto the disk, then named.

Guarantees: a name appears only once all bytes of it are on the disk; a kill leaves the part aside,
which `sweep` removes, and never a torn file under a name.
Refuses: a disk that takes no more, as KeyholderDiskFull.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from softfall.errors import UnavailableError

PART: Final = ".part"


class KeyholderDiskFull(UnavailableError):
    """The keyholder's disk takes no more; what was there before goes on."""

    remedy = "Free space where keyholder.data_dir lies, or lower keyholder.stock; then ask again."


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """The file appears under its name whole, and on the disk, or not at all.

    Raises KeyholderDiskFull, and whatever `parts` raises.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(path.name + PART)
    try:
        with aside.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise KeyholderDiskFull(f"{path.name} can't be written: {error.strerror}") from None
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Names in the folder are on the disk when this returns."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sweep(folder: Path, keep: Iterable[str]) -> int:
    """Remove every file of the folder but those named; returns how many went."""
    if not folder.is_dir():
        return 0
    kept, gone = frozenset(keep), 0
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)
            gone += 1
    if gone:
        sync_folder(folder)
    return gone
