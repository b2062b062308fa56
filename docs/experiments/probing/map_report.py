"""The on-device study's record as tables in Markdown and as a figure.

Guarantees: every table of the page is written from the record, between its own two markers, so
that a test can write it again and compare.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from probing import packing
from probing.report import _per_10_000, _percent, _table

Record = dict[str, Any]
Row = dict[str, Any]

COLOURS = {1: "#bab0ac", 2: "#4e79a7", 3: "#e15759"}
_QUESTIONS_TRIED: Final = (24, 32, 48, 64, 96, 128)


def _megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _kilobytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e3:.1f} kB"


_CONFIGURATION: Final = [
    "k",
    "tables",
    "probes",
    "hits",
    "check bits",
    "download",
    "recovered",
    "of the hard",
    "innocent to confirm, in 10,000",
    "95 % bound",
    "random list",
    "pictures' worth of questions to read a table",
]


def _configuration(row: Row) -> list[str]:
    return [
        *(str(row[name]) for name in ("k_bits", "tables", "probes", "hits", "check_bits")),
        _megabytes(row["download_bytes"]),
        _percent(row["recall"]),
        _percent(row["recall_hard"]) if row["recall_hard"] is not None else "-",
        _per_10_000(row["innocent"]),
        _per_10_000(row["innocent_upper"]),
        _per_10_000(row["innocent_random"]),
        f"{2 ** row['k_bits'] * row['tables'] / row['questions']:,.0f}",
    ]


def _best(rows: Iterable[Row]) -> Row | None:
    return max(rows, key=lambda row: (row["recall"], -row["download_bytes"]), default=None)


def _choice(record: Record) -> str:
    choice, recall, innocent = record["choice"], record["recall"], record["innocent"]
    rows = [
        ["bits in a piece, k", str(choice["k_bits"])],
        ["tables, T", str(choice["tables"])],
        ["probes in a table, P", str(choice["probes"])],
        ["tables that must agree, hits", str(choice["hits"])],
        ["bits of an entry number / check bits", f"{packing.CODE_BITS} / {choice['check_bits']}"],
        ["slots", str(packing.SLOTS)],
        ["questions a picture, T x P", str(choice["questions"])],
        ["download, a million entries", _megabytes(_size_of(record))],
        ["recovered of plain PDQ's matches, in a map of a million", _percent(recall["recovered"])],
        ["95 % interval over photographs", " to ".join(map(_percent, recall["interval"]))],
        ["innocent pictures that reach `confirm`, in 10,000", _per_10_000(innocent["reached"])],
        ["95 % bound over photographs", _per_10_000(innocent["upper"])],
        ["of them confirmed by mistake, of all looked up", _confirmed(record)],
        ["the estimate, a million real entries, in 10,000", _per_10_000(choice["innocent"])],
        ["95 % bound of the estimate", _per_10_000(choice["innocent_upper"])],
        ["a million random entries, in 10,000", _per_10_000(choice["innocent_random"])],
    ]
    return _table(["what", "value"], rows)


def _confirmed(record: Record) -> str:
    return f"{record['innocent']['confirmed']} of {record['innocent']['pictures']:,}"


def _size_of(record: Record) -> float:
    return float(max(record["sizes"], key=lambda row: row["entries"])["bytes"])


def _by_k(record: Record) -> str:
    """For each k and hits, the most recall within the limits."""
    rows = []
    for hits in sorted({row["hits"] for row in record["grid"]}):
        for k_bits in sorted({row["k_bits"] for row in record["grid"]}):
            best = _best(
                row
                for row in record["grid"]
                if (row["hits"], row["k_bits"]) == (hits, k_bits)
                and packing.fits(row, packing.GOAL_INNOCENT)
            )
            if best is not None and best["recall"] >= 0.97:
                rows.append(_configuration(best))
    return _table(_CONFIGURATION, rows)


def _by_questions(record: Record) -> str:
    """The largest k that still recovers RECALL, for each number of questions."""
    rows = []
    for most in _QUESTIONS_TRIED:
        fit = [
            row
            for row in record["grid"]
            if row["recall"] >= packing.RECALL and packing.fits(row, packing.INNOCENT, most)
        ]
        if fit:
            largest = max(row["k_bits"] for row in fit)
            best = _best(row for row in fit if row["k_bits"] == largest)
            if best is not None:
                rows.append([str(most), *_configuration(best)])
    return _table(["questions at most", *_CONFIGURATION], rows)


def _families(record: Record) -> str:
    rows = [
        [
            row["family"],
            _percent(row["recall"]),
            _percent(row["recall_hard"]) if row["recall_hard"] is not None else "-",
            _per_10_000(row["false_holds"]),
            _per_10_000(row["false_holds_upper"]),
        ]
        for row in record["families"]
    ]
    head = ["position sets", "recovered", "of the hard", "entries that agree, in 10,000"]
    return _table([*head, "95 % bound"], rows)


def _check_bits(record: Record) -> str:
    rows = [
        [
            str(row["check_bits"]),
            _megabytes(
                packing.download_bytes(
                    record["choice"]["tables"], packing.CODE_BITS + row["check_bits"]
                )
            ),
            _per_10_000(row["expected"]),
            _per_10_000(row["share"]),
        ]
        for row in record["innocent"]["check_bits"]
    ]
    head = ["check bits", "download", "by chance, in 10,000", "seen to reach `confirm`, in 10,000"]
    return _table(head, rows)


def _slots(record: Record) -> str:
    rows = [
        [
            str(row["slots"]),
            _percent(row["left_out"]),
            _percent(row["recovered"]),
            _per_10_000(row["chance"]),
        ]
        for row in record["slots"]
    ]
    head = ["slots", "pieces left out of the map", "recovered", "candidates by chance, in 10,000"]
    return _table(head, rows)


def _sizes(record: Record) -> str:
    rows = [
        [
            f"{row['entries']:,}",
            _megabytes(row["bytes"]),
            f"{8 * row['bytes'] / row['entries']:.0f}",
        ]
        for row in record["sizes"]
    ]
    return _table(["entries", "base", "bits an entry"], rows)


def _deltas(record: Record) -> str:
    deltas = record["innocent"]["deltas"]
    rows = [
        ["a day's file, 500 added and 500 withdrawn", _kilobytes(deltas["half_and_half_bytes"])],
        ["a day's file, 1,000 added", _kilobytes(deltas["added_bytes"])],
        [
            f"innocent pictures that reach `confirm` with {deltas['days']} days' files, in 10,000",
            _per_10_000(deltas["share"]),
        ],
    ]
    return _table(["what", "value"], rows)


TABLES: Final[dict[str, Callable[[Record], str]]] = {
    "choice": _choice,
    "by_k": _by_k,
    "by_questions": _by_questions,
    "families": _families,
    "check_bits": _check_bits,
    "slots": _slots,
    "sizes": _sizes,
    "deltas": _deltas,
}


def draw(record: Record, folder: Path, stem: str) -> Path:
    """Write the figure beside the record; returns its path."""
    figure, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    _missed(axes, record)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    file = folder / f"{stem}-trade-off.png"
    figure.savefig(file, dpi=130, metadata={"Software": None})
    plt.close(figure)
    return file


def _missed(axes: Axes, record: Record) -> None:
    for hits, colour in COLOURS.items():
        best = [
            row
            for k_bits in sorted({row["k_bits"] for row in record["grid"]})
            if (
                row := _best(
                    r
                    for r in record["grid"]
                    if (r["hits"], r["k_bits"]) == (hits, k_bits)
                    and packing.fits(r, packing.GOAL_INNOCENT)
                )
            )
        ]
        label = f"{hits} table{'s' if hits > 1 else ''} must name the entry"
        missed = [100 * (1 - row["recall"]) for row in best]
        axes.plot([row["k_bits"] for row in best], missed, "o-", color=colour, ms=4, label=label)
    choice, limit = record["choice"], 100 * (1 - record["rule"]["recall"])
    axes.plot(choice["k_bits"], 100 * (1 - choice["recall"]), "k*", ms=15, label="chosen")
    axes.axhline(limit, color="black", lw=1, ls="--")
    axes.set_yscale("log")
    axes.set_xlabel("k: each bit more doubles what it costs to read the list by asking")
    axes.set_ylabel("matches of plain PDQ missed, %")
    axes.set_title(
        f"Within {record['rule']['questions']} questions, 20 MB and 2 % to confirm", loc="left"
    )
    axes.legend(frameon=False)
