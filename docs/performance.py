"""Draws docs/performance.md from the record of a run of the benches.

Run: python docs/performance.py [RECORD]
RECORD (softfall-out/bench.json, which `make bench` writes) is copied to docs/performance.json, and
every table of the page is written anew from it; without RECORD, from the copy that is there. No
figure of the page is typed: `tests/docs` compares it with the copy.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from bench.asked.options import PROTOTYPE  # noqa: E402
from bench.figures import shown  # noqa: E402

from bench import goals  # noqa: E402  (beside this folder, not in the package)

PAGE: Final = DOCS / "performance.md"
RECORD: Final = DOCS / "performance.json"
_MARKER: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

OPTIONS: Final = ("on_device", "split", "enclave", "homomorphic")

SHARED_WORK: Final = ("hashing", "cold_start", "folder", "search", "live", "video", "lookup")
"""Benches of what every option repeats; each has a table of its own."""

Record = dict[str, Any]


def fill(page: str, record: Record) -> str:
    """The page with each marked table written anew from the record."""
    return _MARKER.sub(lambda found: found[1] + TABLES[found[2]](record) + found[3], page)


def cell(text: str) -> str:
    """Text inside a table."""
    return text.replace("|", "\\|")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _machine(record: Record) -> str:
    return _table(list(record["machine"]), [list(record["machine"].values())])


def _others(record: Record) -> str:
    rows = [[f"`{name}`", f"{cores:.1f}"] for name, cores in record["others_cores"].items()]
    return _table(["bench", "cores"], rows)


def goal_row(judged: Record) -> list[str]:
    """A goal's cells: area, goal, asked, measured, met or missed."""
    asked = f"{judged['asked']} {shown(judged['bound'], judged['unit'])}"
    measured = shown(judged["measured"], judged["unit"])
    met = "met" if judged["met"] else "**missed**"
    return [judged["area"], judged["what"], asked, measured, met]


def _goals(wanted: Callable[[str], bool]) -> Callable[[Record], str]:
    """The goals that were set for the areas that are wanted."""

    def draw(record: Record) -> str:
        set_for = [each for each in record["goals"] if wanted(each["area"])]
        head = ["", "goal", "asked", "measured", ""]
        return _table(head, [goal_row(each) for each in set_for]) + _missed(set_for)

    return draw


def _prototype(record: Record) -> str:
    """What was measured before anything was built."""
    noted = [each for each in record["goals"] if each["area"] == PROTOTYPE]
    rows = [goal_row(each)[1:] for each in noted]
    return _table(["work", "prototype", "measured", ""], rows) + _missed(noted)


def _missed(judged: list[Record]) -> str:
    missed = [
        f"- **Missed: {each['what']}.** {each['missed']}\n" for each in judged if not each["met"]
    ]
    return "\n" + "".join(missed) if missed else ""


def _rows(*benches: str) -> Callable[[Record], str]:
    """What some benches measured beside a peer; all that no other table asks for, without names."""

    def draw(record: Record) -> str:
        head = ["work", "peer", "ours", "peer's", "ratio", "our peak", "peer's peak", "check"]
        wanted = [each for each in record["rows"] if _belongs(each["bench"], benches)]
        return _table(head, [_peer_row(each) for each in wanted])

    return draw


def _bench(name: str) -> Callable[[Record], str]:
    """All that one bench measured: beside its peers, and without."""

    def draw(record: Record) -> str:
        measured = [each for each in record["figures"] if each["bench"] == name]
        rows = _rows(name)(record)
        return rows + ("\n" + _figure_rows(measured) if measured else "")

    return draw


def _belongs(bench: str, benches: tuple[str, ...]) -> bool:
    return bench in benches if benches else bench not in SHARED_WORK


def _peer_row(row: Record) -> list[str]:
    return [
        row["work"],
        row["peer"],
        shown(row["our_median_ms"], "ms"),
        shown(row["peer_median_ms"], "ms"),
        f"{row['ratio']:.2f}x",
        _megabytes(row["our_peak_bytes"]),
        _megabytes(row["peer_peak_bytes"]),
        row["exactness"],
    ]


def _megabytes(size_bytes: int | None) -> str:
    return "not known" if size_bytes is None else f"{size_bytes / 2**20:.1f} MiB"


def _figures(*prefixes: str) -> Callable[[Record], str]:
    """The figures whose key begins with one of these words."""

    def draw(record: Record) -> str:
        return _figure_rows(
            [each for each in record["figures"] if each["key"].split(".")[0] in prefixes]
        )

    return draw


def _figure_rows(figures: list[Record]) -> str:
    rows = [
        [each["what"], shown(each["value"], each["unit"]), _peak(each), each["exactness"]]
        for each in figures
    ]
    return _table(["what", "figure", "peak memory", "check"], rows)


def _peak(figure: Record) -> str:
    return "" if figure["peak_bytes"] is None else _megabytes(figure["peak_bytes"])


TABLES: Final[dict[str, Callable[[Record], str]]] = {
    "machine": _machine,
    "others": _others,
    "goals": _goals(lambda area: area in OPTIONS),
    "sought": _goals(lambda area: area not in (*OPTIONS, PROTOTYPE)),
    "rows": _rows(),
    **{name: _bench(name) for name in SHARED_WORK},
    "on_device": _figures("on_device"),
    "split": _figures("split"),
    "tags": _figures("tags", "tokens"),
    "confirm": _figures("confirm"),
    "enclave": _figures("enclave"),
    "homomorphic": _figures("homomorphic", "dealing"),
    "prototype": _prototype,
}


def main() -> None:
    """Copy the record if one is named, and write the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("record", nargs="?", type=Path, metavar="RECORD", default=RECORD)
    record = json.loads(parser.parse_args().record.read_text("utf-8"))
    record["goals"] = goals.judge(record)
    RECORD.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    PAGE.write_text(fill(PAGE.read_text("utf-8"), record), "utf-8")
    sys.stdout.write(f"{RECORD.name}, {PAGE.name}\n")


if __name__ == "__main__":
    main()
