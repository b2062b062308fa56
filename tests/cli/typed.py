"""`softfall ...` as somebody types it in a folder: its exit code, what it prints, its errors.

In this process, which has loaded everything already; each verb is also started once as a program.
"""

import contextlib
import io
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from softfall.cli.main import main

PROGRAM = "from softfall.cli.main import main; main()"
NOTHING: Mapping[str, str] = {}

Done = subprocess.CompletedProcess[str]


def typed(
    folder: Path, *words: str | Path, said: str = "", environment: Mapping[str, str] = NOTHING
) -> Done:
    """What a verb does, in this process. said: standard input."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2)
    )
    line = ["softfall", *map(str, words)]
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _signals_kept(),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", line)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(said.encode()), "utf-8"))
        patch.setattr(tempfile, "tempdir", None)  # asked anew: the environment may name another
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return subprocess.CompletedProcess(line, code or 0, _read(out), _read(err))


def as_a_program(
    folder: Path, *words: str | Path, environment: Mapping[str, str] = NOTHING
) -> Done:
    """The same, in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, words)],
            cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """A verb that takes care of signals does so for its own time alone."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read(printed: io.TextIOWrapper) -> str:
    printed.seek(0)
    return printed.read()
