"""Libraries for homomorphic encryption in processes of their own, asked for the same distances.

OpenFHE has wheels for one Python at a time, so it runs by an interpreter of its own: `make bench`
makes it (`.venv/openfhe`) where a CPython 3.10 is at hand. What is not here is said, and left out.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(__file__).parent / "peers"
OPENFHE_PYTHON = ROOT / ".venv" / "openfhe" / "bin" / "python"


def interpreter(peer: str) -> str | None:
    """The interpreter that has a peer; None, and a word about it, where none has."""
    if peer == "openfhe":
        found = str(OPENFHE_PYTHON) if OPENFHE_PYTHON.exists() else None
    else:
        found = sys.executable if importlib.util.find_spec(peer) else None
    if found is None:
        print(f"{peer} is not installed here: its row, and goals that need it, are left out")
    return found


class Peer:
    """One library, ready to be asked; and what it said of itself."""

    def __init__(self, name: str, folder: Path, rows: npt.NDArray[np.uint8], bits: bytes) -> None:
        self._name = name
        self._folder = folder
        (folder / "rows.bin").write_bytes(rows.tobytes())
        (folder / "hash.bin").write_bytes(bits)
        python = interpreter(name)
        assert python is not None
        self._child = subprocess.Popen(
            [python, str(SCRIPTS / f"{name}_distances.py"), str(folder)],
            env={**os.environ, "OMP_NUM_THREADS": "2"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about: dict[str, Any] = json.loads(self._line())

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()

    def pass_ms(self) -> float:
        """All distances, once."""
        assert self._child.stdin is not None
        print("go", file=self._child.stdin, flush=True)
        return float(self._line())

    def distances(self) -> list[int]:
        """Those of the last pass."""
        found: list[int] = json.loads((self._folder / "distances.json").read_text("utf-8"))
        return found

    def _line(self) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended")
        return line
