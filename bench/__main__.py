"""`python -m bench [NAME ...]`: run the benches of this folder; print rows, figures and goals.

Exit code 1 if an exactness check fails; a goal that is missed fails nothing, it is said.
All is also written to softfall-out/bench.json, from which docs/performance.py draws its page.
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
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import bench
from bench import goals
from bench.figures import Figure, shown
from bench.rows import Row

OUT = Path("softfall-out/bench.json")
COLUMNS = ("work", "peer", "ours", "peer's", "ratio", "our peak", "peer's peak", "check")
PLAIN_WIDTH = 150  # characters, where the output is no terminal
FIGURE_COLUMNS = ("work", "figure", "peak", "check")
GOAL_COLUMNS = ("option", "goal", "asked", "measured", "")
NOT_BENCHES = {"__main__", "figures", "goals", "hashes", "memory", "peers", "picture", "rows"}


def main(words: list[str]) -> int:
    names = sorted({module.name for module in pkgutil.iter_modules(bench.__path__)} - NOT_BENCHES)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write the rows as JSON")
    options = parser.parse_args(words)
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no bench is called {min(unknown)}; there are {', '.join(names)}")
    before = _load()
    rows, figures = _run(options.names or names)
    document: dict[str, Any] = {
        "machine": {**machine(), "load before": before},
        "rows": [asdict(row) for row in rows],
        "figures": [asdict(figure) for figure in figures],
    }
    document["goals"] = goals.judge(document)
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    for table in (_table(rows), _figure_table(figures), _goal_table(document["goals"])):
        if table.row_count:
            console.print(table)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    told = ", ".join(f"{key} {value}" for key, value in document["machine"].items())
    print(f"{told}; {options.out}")
    return 0 if all(each.exact for each in (*rows, *figures)) else 1


def _run(names: list[str]) -> tuple[list[Row], list[Figure]]:
    rows: list[Row] = []
    figures: list[Figure] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for name in progress.track(names, description="measuring"):
            module = importlib.import_module(f"bench.{name}")
            rows += getattr(module, "rows", list)()
            figures += getattr(module, "figures", list)()
    return rows, figures


def _load() -> str:
    """How many programs wanted a core just before, on average: more than cores spoils figures."""
    return f"{os.getloadavg()[0]:.1f}"


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


def _figure_table(figures: list[Figure]) -> Table:
    table = Table(*FIGURE_COLUMNS, title="Without a peer: medians of processor time, and sizes")
    for each in figures:
        table.add_row(
            f"{each.key.split('.')[0]}: {each.what}",
            shown(each.value, each.unit),
            "" if each.peak_bytes is None else _megabytes(each.peak_bytes),
            ("" if each.exact else "WRONG: ") + each.exactness,
        )
    return table


def _goal_table(judged: list[dict[str, Any]]) -> Table:
    table = Table(*GOAL_COLUMNS, title="Goals")
    for each in judged:
        table.add_row(
            each["option"],
            each["what"],
            f"{each['asked']} {shown(each['bound'], each['unit'])}",
            shown(each["measured"], each["unit"]),
            "met" if each["met"] else "MISSED",
        )
    return table


def _megabytes(size_bytes: int | None) -> str:
    return "not known" if size_bytes is None else f"{size_bytes / 2**20:.1f} MiB"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing.name} is missing: `make bench` installs the peers")
