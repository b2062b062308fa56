"""The files that a comparison leaves: written whole or not at all, in the place of the old one."""

import os
import tempfile
from pathlib import Path

from softfall.errors import OperatorError


class ReportUnwritable(OperatorError):
    """A report can't be written where it should go; what was there is as it was."""

    remedy = "Name a file in a folder that you may write to."


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it appears whole or not at all. Raises ReportUnwritable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except OSError:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ReportUnwritable(f"{path} can't be written: {error.strerror}") from None


def check_writable(path: Path) -> None:
    """Find out before a long run whether `write_whole` will be able to. Raises ReportUnwritable."""
    if path.is_dir():
        raise ReportUnwritable(f"{path} is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ReportUnwritable(f"{path} can't be written: {error.strerror}") from None
