"""The page's three figures, drawn by matplotlib from the study's record."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

Record = dict[str, Any]
COLOURS = {1: "#bab0ac", 2: "#4e79a7", 3: "#e15759", 4: "#59a14f"}


def draw(record: Record, folder: Path, stem: str) -> list[Path]:
    """Write the figures beside each other; returns their paths."""
    files = []
    for name, plot, size in (
        ("recall", _recall, (7.2, 4.2)),
        ("trade-off", _trade_off, (7.2, 4.6)),
        ("distances", _distances, (7.2, 4.0)),
    ):
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        plot(axes, record)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        file = folder / f"{stem}-{name}.png"
        figure.savefig(file, dpi=130, metadata={"Software": None})
        plt.close(figure)
        files.append(file)
    return files


def _recall(axes: Axes, record: Record) -> None:
    choice = record["choice"]
    for k_bits, shade in zip((22, 24, 28), (1.0, 0.65, 0.35), strict=True):
        for hits in (2, 3):
            rows = sorted(
                (row["probes"], 100 * row["recall_hard"])
                for row in record["grid"]
                if (row["k_bits"], row["hits"], row["tables"]) == (k_bits, hits, choice["tables"])
            )
            probes, shares = zip(*rows, strict=True)
            label = f"k = {k_bits}, {hits} hits"
            axes.plot(probes, shares, "o-", color=COLOURS[hits], alpha=shade, ms=4, label=label)
    axes.plot(choice["probes"], 100 * choice["recall_hard"], "k*", ms=15, label="chosen")
    axes.set_xlabel(f"probes in each of {choice['tables']} tables")
    axes.set_ylabel("recovered, % of the hard matches\n(24 to 30 bits apart)")
    axes.set_title("More probes recover more of what plain PDQ matches", loc="left")
    axes.legend(frameon=False, ncols=2, loc="lower right")


def _trade_off(axes: Axes, record: Record) -> None:
    choice, rule = record["choice"], record["rule"]
    for hits in (2, 3, 4):
        rows = [
            row
            for row in record["grid"]
            if row["hits"] == hits
            and row["tables"] == choice["tables"]
            and row["questions"] <= rule["questions"]
        ]
        axes.plot(
            [row["false_holds_upper"] for row in rows],
            [100 * (1 - row["recall"]) for row in rows],
            "o",
            color=COLOURS[hits],
            alpha=0.75,
            ms=5,
            label=f"{hits} hits",
        )
    axes.plot(
        choice["false_holds_upper"], 100 * (1 - choice["recall"]), "k*", ms=15, label="chosen"
    )
    axes.axvline(rule["budget"], color="black", lw=1, ls="--")
    axes.annotate(
        "at most 1 in 1,000", (rule["budget"], 0.012), xytext=(5, 0), textcoords="offset points"
    )
    axes.annotate(
        "no candidate at all:\nthe bound is three pairs",
        (9e-5, 6),
        xytext=(-12, 0),
        textcoords="offset points",
        ha="right",
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1e-6, 3e-2)
    axes.set_ylim(0.01, 40)
    axes.set_xlabel("candidates of an innocent picture, a million real entries (95 % bound)")
    axes.set_ylabel("matches of plain PDQ missed, %")
    title = f"Recall against candidates: k = 20 to 32, up to {rule['questions']} questions"
    axes.set_title(title, loc="left")
    axes.legend(frameon=False, loc="upper right")


def _distances(axes: Axes, record: Record) -> None:
    counted = record["census"]
    at = {int(distance): number for distance, number in counted["at_distance"].items()}
    total, within, real = counted["pairs"], 0, []
    for distance in sorted(at):
        within += at[distance]
        if distance <= 128:
            real.append((distance, within / total))
    balanced = [
        (int(distance), number / total) for distance, number in counted["balanced_within"].items()
    ]
    axes.plot(*zip(*balanced, strict=True), "--", color="#777777", label="fair coins")
    axes.plot(
        *zip(*real, strict=True), color="#e15759", lw=2, label="crops of unrelated photographs"
    )
    axes.axvline(31, color="black", lw=1)
    axes.annotate("PDQ's radius", (31, 1e-3), xytext=(5, 0), textcoords="offset points")
    axes.set_yscale("log")
    axes.set_ylim(1e-14, 2)
    axes.set_xlim(20, 130)
    axes.set_xlabel("bits apart")
    axes.set_ylabel("share of pairs at most so far apart")
    axes.set_title("Unrelated photographs: nearly fair coins, but for a thin tail", loc="left")
    axes.legend(frameon=False, loc="lower right")
