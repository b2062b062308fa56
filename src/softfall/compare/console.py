"""The table on a terminal, readable from 100 columns on.

Notes that are too long for it are left to the report and the JSON file; a figure stands for them.
"""

from dataclasses import replace

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from softfall.compare.cells import Cell, Group, Row, Tone
from softfall.compare.results import Comparison

_STYLES = {Tone.GOOD: "green", Tone.MIXED: "yellow", Tone.BAD: "red", Tone.PLAIN: ""}
MIN_COLUMNS = 100


def print_comparison(comparison: Comparison, groups: list[Group], console: Console) -> None:
    """Print what was done, the table, and what the options can't do."""
    pictures = sum(turn.picture is not None for turn in comparison.turns)
    console.print(
        f"\n[bold]{len(comparison.turns)} messages, {pictures} of them pictures, past "
        f"{len(comparison.options)} option(s)[/]; a list of {comparison.list_size:,} "
        f"({comparison.list_origin}); seed {comparison.seed}\n",
        highlight=False,
    )
    console.print(draw_table(comparison, groups))
    for run in comparison.options:
        console.print(f"\n[bold]What {run.name} can't do[/]", highlight=False)
        for limit in run.limits:
            console.print(f"  - {limit[:1].upper()}{limit[1:]}", highlight=False)


def draw_table(comparison: Comparison, groups: list[Group]) -> RenderableType:
    """Questions down, options across."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, header_style="bold")
    table.add_column("", ratio=5)
    for run in comparison.options:
        table.add_column(Text.assemble(run.name, "\n", (run.summary, "dim")), ratio=4)
    for group in groups:
        blank = [""] * len(comparison.options)
        table.add_section()
        table.add_row(Text(group.title, style="bold underline"), *blank)
        for row in group.rows:
            cells = (_brief(cell) if group.long_notes else _answer(cell) for cell in row.cells)
            table.add_row(_question(row), *cells)
    return table


def _question(row: Row) -> Text:
    if row.minor:
        return Text.assemble("  ", row.question, (f"  {row.detail}", "dim"))
    return Text.assemble(row.question, ("\n" + row.detail if row.detail else "", "dim"))


def _brief(cell: Cell) -> Text:
    return _answer(replace(cell, note=cell.brief))


def _answer(cell: Cell) -> Text:
    return Text.assemble(
        (cell.text, _STYLES[cell.tone]), ("\n" + cell.note if cell.note else "", "dim")
    )
