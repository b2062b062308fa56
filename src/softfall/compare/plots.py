"""The report's plots, as SVG that stands in the page: text stays text, black becomes the page's.

Source: matplotlib's SVG backend. Colours tell options apart for colour-blind readers too, and each
series has its own marker or label, so that no plot speaks by colour alone.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from softfall.compare import findings
from softfall.compare.declared import Nature
from softfall.compare.results import Comparison

OPTION_COLOURS: Final = (
    "#d9742b", "#2a87c8", "#3a9a6f", "#a05bb5", "#b8860b", "#c2476b", "#5c6b73",
)  # fmt: skip
OPTION_MARKERS: Final = ("s", "o", "^", "D", "v", "P", "X")
ROLE_COLOURS: Final = {
    "sender": "#2a87c8",
    "provider": "#d9742b",
    "custodian": "#3a9a6f",
    "dealer": "#b8860b",
    "enclave": "#6a7fdb",
    "keyholder": "#c2476b",
    "recipient": "#a05bb5",
}
NATURE_COLOURS: Final = {
    Nature.READABLE.value: "#d1495b",
    Nature.OWN.value: "#5b9bd0",
    Nature.ESCROWED.value: "#9c5fb5",
    Nature.SEALED.value: "#8a8f98",
    Nature.HASHES.value: "#c4762b",
    Nature.MATCHING.value: "#e0a526",
    Nature.DEALT.value: "#c9b79c",
    Nature.ROUTING.value: "#3a9a8f",
}
WIDTH_INCHES: Final = 5.6
INK: Final = "#010203"  # replaced by the page's own text colour
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def recall_plot(comparison: Comparison) -> str:
    """For each edit, the share of listed pictures that was stopped; plain PDQ behind it."""
    columns = [findings.recall_by_edit(comparison, run) for run in comparison.options]
    edits = columns[0]
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "recall"}):
        figure, axes = _figure(max(0.27, 0.06 * len(columns)) * len(edits) + 1.3)
        rows = range(len(edits))
        plain = [100 * (each.plain.value or 0) for each in edits]
        axes.barh(rows, plain, height=0.72, color=INK, alpha=0.13, label="plain PDQ matches")
        for at, (run, column) in enumerate(zip(comparison.options, columns, strict=True)):
            shift = min(0.3, 0.8 / len(columns)) * (at - (len(columns) - 1) / 2)
            axes.plot(
                [100 * (each.stopped.value or 0) for each in column],
                [row + shift for row in rows],
                linestyle="none",
                marker=OPTION_MARKERS[at % len(OPTION_MARKERS)],
                color=OPTION_COLOURS[at % len(OPTION_COLOURS)],
                markersize=5.5 if len(columns) <= 5 else 4.5,
                label=f"{run.name} stopped",
                clip_on=False,
            )
        axes.set_yticks(rows, [each.edit for each in edits])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("per cent of the listed pictures")
        _legend(figure, 2)
        return _svg(figure, "recall")


def cost_plot(comparison: Comparison) -> str:
    """Processor time a picture, by party, one bar an option."""
    names = [run.name for run in comparison.options]
    by_option = [findings.cpu_by_role(comparison, run) for run in comparison.options]
    series = {
        role: [option.get(role, 0.0) for option in by_option]
        for role in ROLE_COLOURS
        if any(option.get(role) for option in by_option)
    }
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "cost"}):
        figure, axes = _figure(0.55 * len(names) + 1.3)
        _stack(axes, names, series, ROLE_COLOURS, "{:.0f} ms")
        axes.set_xlabel("milliseconds of processor time a picture (medians)")
        _legend(figure, 2)
        return _svg(figure, "cost")


def received_plot(comparison: Comparison) -> str:
    """Bytes that each party received a picture, by what they are to it."""
    labels, rows = [], []
    pictures = sum(turn.picture is not None for turn in comparison.turns) or 1
    for role in findings.ROLES:
        for run in comparison.options:
            if role in findings.roles_of(run):
                labels.append(f"{role}, {run.name}")
                natures = findings.natures(run, role)
                rows.append({name: natures.get(name, 0) / pictures / 1e3 for name in natures})
    series = {
        nature: [row.get(nature, 0.0) for row in rows]
        for nature in NATURE_COLOURS
        if any(row.get(nature) for row in rows)
    }
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "received"}):
        figure, axes = _figure(0.42 * len(labels) + 1.5)
        _stack(axes, labels, series, NATURE_COLOURS, "{:.1f} kB")
        axes.set_xlabel("kilobytes received a picture (mean)")
        _legend(figure, 1)
        return _svg(figure, "received")


def _figure(height_inches: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    return figure, figure.add_subplot()


def _stack(
    axes: Any,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
    total_form: str,
) -> None:
    lefts = [0.0] * len(labels)
    for name, values in series.items():
        axes.barh(range(len(labels)), values, 0.62, left=lefts, color=colours[name], label=name)
        lefts = [left + value for left, value in zip(lefts, values, strict=True)]
    most = max(lefts, default=0.0) or 1.0
    for row, total in enumerate(lefts):
        axes.text(total + most * 0.015, row, total_form.format(total), va="center")
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, most * 1.2)


def _legend(figure: Figure, columns: int) -> None:
    figure.legend(loc="outside lower center", ncols=columns, frameon=False)


def _svg(figure: Figure, name: str) -> str:
    """The figure's <svg> element: scaled by the page, in the page's ink and letters.

    name: before every id, so that no two plots of a page share one.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>\s*", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r"font: ([0-9.]+px) [^;\"]*", r"font-size: \1; font-family: inherit", drawn)
    drawn = re.sub(r"font-family: [^;\"]*", "font-family: inherit", drawn)
    drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn)
    return drawn.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1).replace(
        INK, "currentColor"
    )
