"""The study's record as tables in Markdown and as figures.

Guarantees: every table of the page is written from the record, between its own two markers, so
that a test can write it again and compare; figures are drawn from the record alone.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Record = dict[str, Any]
Row = dict[str, Any]
Tables = Mapping[str, Callable[[Record], str]]

_MARKER: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: str, record: Record, tables: Tables | None = None) -> str:
    """The page with each marked table written anew from the record. tables: by default TABLES."""
    made = TABLES if tables is None else tables
    return _MARKER.sub(lambda found: found[1] + made[found[2]](record) + found[3], page)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(share: float, places: int = 2) -> str:
    return f"{100 * share:.{places}f} %"


def _rate(rate: float) -> str:
    return f"{rate * 10_000:.2g}"


def _per_10_000(rate: float) -> str:
    return f"{rate * 10_000:.2f}" if rate * 10_000 >= 0.01 else "< 0.01"


def _photographs(record: Record) -> str:
    rows = [[p["package"], p["version"], str(p["count"])] for p in record["packages"]]
    total = str(sum(p["count"] for p in record["packages"]))
    return _table(["package", "version", "photographs"], [*rows, ["all", "", total]])


def _edits(record: Record) -> str:
    rows = [
        [
            row["edit"],
            f"{row['copies']:,}",
            f"{row['median']:.0f}",
            _percent(row["plain"], 1),
            f"{row['matches']:,}",
            _percent(row["recovered"]) if row["matches"] else "-",
            _percent(row["end_to_end"], 1),
        ]
        for row in record["published"]["by_edit"]
    ]
    head = ["edit", "copies", "median bits", "plain PDQ", "matches", "recovered by tags", "in all"]
    return _table(head, rows)


def _distances(record: Record) -> str:
    rows = [
        [str(row["distance"]), f"{row['matches']:,}", _percent(row["recovered"])]
        for row in record["published"]["by_distance"]
        if row["distance"] >= 16
    ]
    return _table(["distance in bits", "matches", "recovered by tags"], rows)


def _close_pairs(record: Record) -> str:
    counted = record["census"]
    rows = []
    for most in (30, 50, 60, 70, 80, 90, 100, 110, 128):
        at = counted["at_distance"]
        real = sum(number for distance, number in at.items() if int(distance) <= most)
        balanced = counted["balanced_within"][str(most)]
        rows.append([f"<= {most}", f"{real:,}", f"{balanced:,.0f}" if balanced > 1 else "< 1"])
    return _table(["bits apart", "real pairs", "if bits were fair coins"], rows)


def _best(record: Record) -> str:
    """For each k, the most recall within the limits."""
    rows = []
    for k_bits in sorted({row["k_bits"] for row in record["grid"]}):
        fit = [
            row
            for row in record["grid"]
            if row["k_bits"] == k_bits
            and row["tables"] <= record["rule"]["tables"]
            and row["questions"] <= record["rule"]["questions"]
            and row["false_holds_upper"] <= record["rule"]["budget"]
        ]
        if fit:
            rows.append(_configuration(max(fit, key=lambda row: row["recall"])))
    return _table(_CONFIGURATION, rows)


def _dearer(record: Record) -> str:
    """The largest k that recovers enough at each cost, whatever the tables."""
    rule, rows = record["rule"], []
    for most in (64, 96, 128, 192, 256, 384, 512, 640):
        fit = [
            row
            for row in record["grid"]
            if row["questions"] <= most
            and row["false_holds_upper"] <= rule["budget"]
            and row["recall"] >= rule["recall"]
        ]
        if fit:
            largest = max(fit, key=lambda row: (row["k_bits"], row["recall"]))
            rows.append([str(most), *_configuration(largest)])
    return _table(["questions at most", *_CONFIGURATION], rows)


_CONFIGURATION: Final = [
    "k",
    "tables",
    "probes",
    "hits",
    "recovered",
    "of the hard",
    "candidates in 10,000",
    "95 % bound",
    "random list",
    "pictures' worth of questions to read a table",
]


def _configuration(row: Row) -> list[str]:
    return [
        *(str(row[name]) for name in ("k_bits", "tables", "probes", "hits")),
        _percent(row["recall"]),
        _percent(row["recall_hard"]) if row["recall_hard"] is not None else "-",
        _per_10_000(row["false_holds"]),
        _per_10_000(row["false_holds_upper"]),
        _per_10_000(row["random_list"]),
        f"{2 ** row['k_bits'] * row['tables'] / row['questions']:,.0f}",
    ]


def _families(record: Record) -> str:
    choice = record["choice"]
    rows = [
        [
            row["family"],
            _percent(row["recall"]),
            _percent(row["recall_hard"]),
            _per_10_000(row["false_holds"]),
            _per_10_000(row["false_holds_upper"]),
        ]
        for row in record["families"]
        if row["probes"] == choice["probes"] and row["hits"] == choice["hits"]
    ]
    head = ["position sets", "recovered", "of the hard", "candidates in 10,000", "95 % bound"]
    return _table(head, rows)


def _check(record: Record) -> str:
    rows = [
        [
            str(row["hits"]),
            f"{row['counted']:,}",
            f"{row['estimated']:,.1f}",
            f"{row['of_them_kept']:,.1f}",
        ]
        for row in record["check"]
    ]
    return _table(["hits", "pairs counted", "pairs estimated", "of them within 88 bits"], rows)


def _anatomy(record: Record) -> str:
    found = record["anatomy"]
    rows = [
        ["pairs of pictures", str(found["pairs"])],
        ["pairs of photographs that they come from", str(found["pairs_of_photographs"])],
        ["bits apart, the median", str(found["median_distance"])],
    ]
    return _table(["candidates in some draw of the position sets", "number"], rows)


def _choice(record: Record) -> str:
    choice, published = record["choice"], record["published"]
    low, high = published["recall_interval"]
    rows = [
        ["bits in a piece, k", str(choice["k_bits"])],
        ["tables, T", str(choice["tables"])],
        ["probes in a table, P", str(choice["probes"])],
        ["hits, m", str(choice["hits"])],
        ["questions a picture, T x P", str(choice["questions"])],
        ["recovered of plain PDQ's matches", _percent(published["recall"])],
        ["95 % interval over photographs", f"{_percent(low)} to {_percent(high)}"],
        ["innocent candidates in 10,000, a million real entries", _rate(choice["false_holds"])],
        ["95 % bound over photographs", _rate(choice["false_holds_upper"])],
        ["the bound under a harsher guess, see Limits", _rate(record["anatomy"]["harsher_upper"])],
        ["the same with a million random entries", _rate(choice["random_list"])],
    ]
    return _table(["what", "value"], rows)


TABLES: Final[dict[str, Callable[[Record], str]]] = {
    "photographs": _photographs,
    "edits": _edits,
    "distances": _distances,
    "close_pairs": _close_pairs,
    "best": _best,
    "dearer": _dearer,
    "families": _families,
    "check": _check,
    "anatomy": _anatomy,
    "choice": _choice,
}
