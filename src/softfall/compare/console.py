"""The table on a terminal, readable from 100 columns on; in two parts where options are many.

Notes that are too long for it are left to the report and the JSON file; a figure stands for them.
"""

from collections.abc import Iterator
from dataclasses import replace

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from softfall.compare import findings
from softfall.compare.cells import Cell, Group, Row, Tone
from softfall.compare.results import Comparison

_STYLES = {Tone.GOOD: "green", Tone.MIXED: "yellow", Tone.BAD: "red", Tone.PLAIN: ""}
MIN_COLUMNS = 100
MIN_OPTION_COLUMNS = 14


def print_comparison(comparison: Comparison, groups: list[Group], console: Console) -> None:
    """Print what was done, the table, and what the options can't do."""
    pictures = sum(turn.picture is not None for turn in comparison.turns)
    console.print(
        f"\n[bold]{len(comparison.turns)} messages, {pictures} of them pictures, past "
        f"{len(comparison.options)} option(s)[/]; a list of {comparison.list_size:,} "
        f"({comparison.list_origin}); seed {comparison.seed}\n",
        highlight=False,
    )
    for part, rows in _in_parts(comparison, groups, console.width):
        console.print(draw_table(part, rows))
    if left_out := findings.beside(comparison):
        console.print(left_out, highlight=False)
    for run in comparison.options:
        console.print(f"\n[bold]What {run.name} can't do[/]", highlight=False)
        for limit in run.limits:
            console.print(f"  - {limit[:1].upper()}{limit[1:]}", highlight=False)


def _in_parts(
    comparison: Comparison, groups: list[Group], width_columns: int
) -> Iterator[tuple[Comparison, list[Group]]]:
    """The table, cut between options where a terminal has no room for all of them side by side."""
    total = len(comparison.options)
    room = max(1, (width_columns * 4 // MIN_OPTION_COLUMNS - 5) // 4)
    tables = -(-total // room)
    each = -(-total // max(1, tables))
    for start in range(0, total, each or 1):
        chosen = slice(start, start + each)
        part = comparison.model_copy(update={"options": comparison.options[chosen]})
        cut = [
            replace(group, rows=tuple(replace(row, cells=row.cells[chosen]) for row in group.rows))
            for group in groups
        ]
        yield part, cut


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
