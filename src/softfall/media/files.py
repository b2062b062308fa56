"""Picture files on disk: which there are, and the bytes of one, never more than the limit.

Guarantees: a folder's files come in the order of their names' bytes, so that two runs agree; no
more than the limit is ever read; a pipe or device is refused without waiting for it.
Refuses: a missing file, one that may not be read, and what is no file at all, each by name.
Leaves out: hidden files and folders inside a folder (a path that is named itself is always taken),
and links to folders, which may go round in circles.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from softfall.config import MediaLimits
from softfall.errors import InputError
from softfall.media.decode import check_size


class FileMissing(InputError):
    """A path that leads nowhere."""

    remedy = "Check the path; quote names that hold spaces."


class FileUnreadable(InputError):
    """A file or folder that the operating system does not let us read."""

    remedy = "Give this user the right to read it."


class NotAFile(InputError):
    """A pipe, a device or a socket where a file was expected."""

    remedy = "Name a regular file, or a folder of them."


class EmptyFile(InputError):
    """A file without a single byte, which may have been meant for anything."""

    remedy = "Fetch or save the file again."


def walk(paths: Iterable[Path]) -> Iterator[Path]:
    """Each path that is no folder, and every file in each that is, at any depth.

    A folder that can't be listed comes out itself, so that reading it says why.
    """
    for path in paths:
        if _is_folder(path.is_dir):
            yield from _walk_folder(path)
        else:
            yield path


def _walk_folder(top: Path) -> Iterator[Path]:
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            files, below = _names_in(folder)
        except OSError:
            yield folder
            continue
        yield from (folder / os.fsdecode(name) for name in files)
        folders += [folder / os.fsdecode(name) for name in reversed(below)]


def _names_in(folder: Path) -> tuple[list[bytes], list[bytes]]:
    """The names in a folder, in order: of its files, and of folders that are no links.

    Only the names are kept, because a folder may hold very many. Raises OSError.
    """
    files, below = list[bytes](), list[bytes]()
    with os.scandir(folder) as listing:
        for entry in listing:
            if entry.name.startswith("."):
                continue
            if not _is_folder(entry.is_dir):
                files.append(os.fsencode(entry.name))
            elif not entry.is_symlink():
                below.append(os.fsencode(entry.name))
    return sorted(files), sorted(below)


def _is_folder(ask: Callable[[], bool]) -> bool:
    """Whether it is one; what can't be asked is left for `read_file` to say why."""
    try:
        return ask()
    except OSError:
        return False


def read_file(path: Path, limits: MediaLimits) -> bytes:
    """The file's bytes; at most one byte over `limits.max_file_bytes` is read.

    Raises FileMissing, FileUnreadable, NotAFile, or TooManyBytes.
    """
    with opened(path) as stream:
        check_size(os.fstat(stream.fileno()).st_size, limits)
        data = stream.read(limits.max_file_bytes + 1)
    check_size(len(data), limits)
    return data


def check_not_empty(size_bytes: int) -> None:
    """Raises EmptyFile."""
    if not size_bytes:
        raise EmptyFile("the file is empty")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open to be read at any place. Raises FileMissing, FileUnreadable or NotAFile."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise NotAFile("the path is not a regular file")
            yield stream
    except (FileNotFoundError, NotADirectoryError):
        raise FileMissing("there is no file of this name") from None
    except IsADirectoryError:
        raise FileUnreadable("the folder can't be listed") from None
    except (OSError, ValueError) as error:  # ValueError: a name that holds a zero byte
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise FileUnreadable(f"the file can't be read: {reason}") from None


def _open_without_waiting(path: str, flags: int) -> int:
    # Otherwise the mere opening of a pipe would wait for its other end.
    return os.open(path, flags | os.O_NONBLOCK)
