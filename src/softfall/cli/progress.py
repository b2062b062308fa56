"""Progress of named steps, on standard error: bars on a terminal, one line a step elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

Show = Callable[[str, int, int], None]


@contextmanager
def shown_progress() -> Iterator[Show]:
    """A function to call with a step's name, how much is done, and how much there is."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console.print)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step)
            bars.update(tasks[step], completed=done, total=total)

        yield show


def _lines(write: Callable[[str], None]) -> Show:
    """One line when a step is done, with the seconds since the line before."""
    last = [monotonic()]

    def show(step: str, done: int, total: int) -> None:
        if done == total:
            now = monotonic()
            write(f"{step}: {total} done in {now - last[0]:.1f} s")
            last[0] = now

    return show
