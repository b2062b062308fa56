"""`python -m bench [NAME ...]`: run the benches of this folder and print a row for each work.

Exit code 1 if a row's exactness check fails. The rows are also written to softfall-out/bench.json.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import bench
from bench.rows import Row

OUT = Path("softfall-out/bench.json")
COLUMNS = ("work", "peer", "ours", "peer's", "ratio", "our peak", "peer's peak", "check")
PLAIN_WIDTH = 150  # characters, where the output is no terminal
NOT_BENCHES = {"__main__", "rows", "memory", "peers"}


def main(words: list[str]) -> int:
    names = sorted({module.name for module in pkgutil.iter_modules(bench.__path__)} - NOT_BENCHES)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write the rows as JSON")
    options = parser.parse_args(words)
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no bench is called {min(unknown)}; there are {', '.join(names)}")
    rows = _run(options.names or names)
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(_table(rows))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine(), "rows": [asdict(row) for row in rows]}
    options.out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(f"{', '.join(f'{key} {value}' for key, value in machine().items())}; {options.out}")
    return 0 if all(row.exact for row in rows) else 1


def _run(names: list[str]) -> list[Row]:
    rows: list[Row] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for name in progress.track(names, description="measuring"):
            rows += importlib.import_module(f"bench.{name}").rows()
    return rows


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _table(rows: list[Row]) -> Table:
    table = Table(*COLUMNS, title="Medians of one interleaved run")
    for row in rows:
        table.add_row(
            row.work,
            row.peer,
            f"{row.our_median_ms:.3g} ms",
            f"{row.peer_median_ms:.3g} ms",
            f"{row.ratio:.2f}x",
            _megabytes(row.our_peak_bytes),
            _megabytes(row.peer_peak_bytes),
            ("" if row.exact else "WRONG: ") + row.exactness,
        )
    return table


def _megabytes(size_bytes: int | None) -> str:
    return "not known" if size_bytes is None else f"{size_bytes / 2**20:.1f} MiB"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing.name} is missing: `make bench` installs the peers")
