"""A service's data folder, held by one process at a time.

Guarantees: the folder is its owner's alone (0700 when made here); the lock is the system's, and
goes with the process, however that ends.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from softfall.errors import OperatorError


class FolderHeld(OperatorError):
    """Another process of the same service holds the data folder."""

    remedy = "Stop the other one; a second service needs a data_dir of its own."


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the folder while the block runs. Raises FolderHeld."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "service.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderHeld(f"{data_dir} is held by another process") from None
        yield
