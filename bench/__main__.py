"""`python -m bench [NAME ...]`: run the benches of this folder; print rows, figures and goals.

Exit code 1 if an exactness check fails; a goal that is missed fails nothing, it is said.
All is also written to softfall-out/bench.json, from which docs/performance.py draws its page.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import goals
from bench.figures import shown
from bench.machine import Others, machine

OUT = Path("softfall-out/bench.json")
COLUMNS = ("work", "peer", "ours", "peer's", "ratio", "our peak", "peer's peak", "check")
FIGURE_COLUMNS = ("work", "figure", "peak", "check")
GOAL_COLUMNS = ("", "goal", "asked", "measured", "")
PLAIN_WIDTH = 150  # characters, where the output is no terminal
OFFERS = ("\ndef rows(", "\ndef figures(")  # a module of this folder that has one is a bench

ONLY_NAMED = {"on_device_whole"}  # minutes, for little that a quicker one does not tell

Document = dict[str, Any]


def main(words: list[str]) -> int:
    names = benches()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=OUT, help="where to write the rows as JSON")
    parser.add_argument(
        "--keep", action="store_true", help="keep what OUT has of the benches that don't run now"
    )
    options = parser.parse_args(words)
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no bench is called {min(unknown)}; there are {', '.join(names)}")
    kept: Document = json.loads(options.out.read_text("utf-8")) if options.keep else {}
    if kept and kept["machine"] != machine():
        parser.error(f"{options.out} is of another machine, so nothing of it can be kept")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = kept
    for measured in _run(options.names or [name for name in names if name not in ONLY_NAMED]):
        document = joined(document, measured)
        # After each bench, so that one which ends in the middle costs itself alone.
        options.out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    _print(document)
    print(f"{', '.join(f'{key} {value}' for key, value in machine().items())}; {options.out}")
    return 0 if all(each["exact"] for each in (*document["rows"], *document["figures"])) else 1


def benches() -> list[str]:
    """The names of the modules beside this one that measure something."""
    texts = {path.stem: path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py")}
    del texts["__main__"]
    return sorted(name for name, text in texts.items() if any(offer in text for offer in OFFERS))


def joined(kept: Document, measured: Document) -> Document:
    """What was measured now, and of what is kept whatever other benches measured."""
    document: Document = {
        "machine": machine(),
        "others_cores": dict(
            sorted({**kept.get("others_cores", {}), **measured["others_cores"]}.items())
        ),
    }
    for part in ("rows", "figures"):
        old = [each for each in kept.get(part, []) if each["bench"] not in measured["others_cores"]]
        document[part] = sorted([*old, *measured[part]], key=lambda each: each["bench"])
    document["goals"] = goals.judge(document)
    return document


def _run(names: list[str]) -> Iterator[Document]:
    """Bench by bench: its rows and figures, and what other programs took meanwhile."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for name in progress.track(names, description="measuring"):
            module, others = importlib.import_module(f"bench.{name}"), Others()
            measured: Document = {
                part: [{"bench": name, **asdict(each)} for each in getattr(module, part, list)()]
                for part in ("rows", "figures")
            }
            yield {**measured, "others_cores": {name: round(others.cores(), 2)}}


def _print(document: Document) -> None:
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    for name in document["others_cores"]:
        for table in (_table, _figure_table):
            drawn = table(document, name)
            if drawn.row_count:
                console.print(drawn)
    goals_drawn = _goal_table(document)
    if goals_drawn.row_count:
        console.print(goals_drawn)
    busiest = max(document["others_cores"].values(), default=0)
    if busiest >= 0.5:
        print(f"Other programs kept up to {busiest:.1f} cores busy: the times are too long.")


def _table(document: Document, bench_name: str) -> Table:
    table = Table(*COLUMNS, title=f"{bench_name}: medians of one interleaved run")
    for row in (each for each in document["rows"] if each["bench"] == bench_name):
        table.add_row(
            row["work"],
            row["peer"],
            shown(row["our_median_ms"], "ms"),
            shown(row["peer_median_ms"], "ms"),
            f"{row['ratio']:.2f}x",
            _megabytes(row["our_peak_bytes"]),
            _megabytes(row["peer_peak_bytes"]),
            ("" if row["exact"] else "WRONG: ") + row["exactness"],
        )
    return table


def _figure_table(document: Document, bench_name: str) -> Table:
    table = Table(*FIGURE_COLUMNS, title=f"{bench_name}: without a peer")
    for each in (each for each in document["figures"] if each["bench"] == bench_name):
        table.add_row(
            each["what"],
            shown(each["value"], each["unit"]),
            "" if each["peak_bytes"] is None else _megabytes(each["peak_bytes"]),
            ("" if each["exact"] else "WRONG: ") + each["exactness"],
        )
    return table


def _goal_table(document: Document) -> Table:
    table = Table(*GOAL_COLUMNS, title="Goals")
    for each in document["goals"]:
        table.add_row(
            each["area"],
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
