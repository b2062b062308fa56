"""The table of a run with `--video`: questions down, options across; and its printing."""

import statistics
from collections.abc import Callable, Iterable, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from softfall.compare.casts.limits import limits_of
from softfall.compare.cells import Cell, Group, Row, Tone, duration, size
from softfall.compare.film_plan import FilmKind
from softfall.compare.film_results import FilmComparison, FilmFacts, FilmRun, FilmSent
from softfall.compare.results import Outcome
from softfall.device import films
from softfall.options import framed
from softfall.options.frames import choosing, device, opening, provider
from softfall.provider import streams

_STYLES = {Tone.GOOD: "green", Tone.MIXED: "yellow", Tone.BAD: "red", Tone.PLAIN: ""}
_STOPPED = frozenset({Outcome.HELD, Outcome.QUARANTINED, Outcome.REFUSED})

Answer = Callable[[FilmRun], Cell]


def make_film_table(found: FilmComparison) -> list[Group]:
    """Every row of the table."""
    groups = [Group("What was stopped", _stopped(found)), Group("What it took", _took(found))]
    if found.live:
        groups.append(Group("The live stream, while it ran", _live(found)))
    return groups


def print_films(found: FilmComparison, console: Console) -> None:
    """Print what was done, and the table."""
    looked = sum(each.seen for each in found.messages)
    console.print(
        f"\n[bold]{found.clip}: {len(found.messages)} videos with {looked} frames looked at, past "
        f"{len(found.options)} option(s)[/]; a list of {found.list_size:,} ({found.list_origin})\n",
        highlight=False,
    )
    console.print(draw(found))
    console.print("\n[bold]What no option can do about videos[/]", highlight=False)
    for limit in limits_of(framed, choosing, opening, device, provider, streams, films):
        console.print(f"  - {limit[:1].upper()}{limit[1:]}", highlight=False)


def draw(found: FilmComparison) -> RenderableType:
    """The table for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, header_style="bold")
    table.add_column("", ratio=5)
    for run in found.options:
        table.add_column(run.name, ratio=4)
    for group in make_film_table(found):
        table.add_section()
        table.add_row(Text(group.title, style="bold underline"), *[""] * len(found.options))
        for row in group.rows:
            question = Text.assemble(row.question, ("\n" + row.detail if row.detail else "", "dim"))
            table.add_row(question, *(_drawn(cell) for cell in row.cells))
    return table


def _drawn(cell: Cell) -> Text:
    note = "\n" + cell.note if cell.note else ""
    return Text.assemble((cell.text, _STYLES[cell.tone]), (note, "dim"))


def _stopped(found: FilmComparison) -> tuple[Row, ...]:
    listed = [at for at, facts in enumerate(found.messages) if facts.listed]
    clip = [at for at in listed if found.messages[at].kind is FilmKind.CLIP]
    control = [
        at
        for at, facts in enumerate(found.messages)
        if facts.kind is FilmKind.CONTROL and not facts.listed
    ]
    frames = sum(found.messages[at].listed for at in clip)
    return (
        _row(
            found,
            "Videos with a listed frame, stopped",
            f"of {len(clip)} that plain PDQ matches on the same frames ({frames} frames of them)",
            lambda run: _counted(run.sent, clip, should_stop=True),
        ),
        _row(
            found,
            "Videos with no listed frame, stopped",
            f"of {len(control)}: the clip mirrored",
            lambda run: _counted(run.sent, control, should_stop=False),
        ),
    )


def _took(found: FilmComparison) -> tuple[Row, ...]:
    facts = found.messages
    shares = (
        sum(each.seen for each in facts),
        sum(each.seen - each.submitted for each in facts),
        sum(each.submitted for each in facts),
    )
    frames = max(1, shares[2])
    return (
        _row(
            found,
            "Frames looked at / dropped / submitted",
            "one a second; repeats and frames without a hash are dropped",
            lambda run: Cell(
                "all read" if not _submits(run) else " / ".join(f"{each:,}" for each in shares)
            ),
        ),
        _row(
            found,
            "Sent by the sender's device",
            "everything, the file included, for each video that arrived (median)",
            lambda run: Cell(size(_median(each.up_bytes for each in _through(run)))),
        ),
        _row(
            found,
            "for each frame, besides the file",
            "",
            lambda run: Cell(size(_beside(run, facts))),
        ),
        _row(
            found,
            "Until the sender's app has its answer",
            "for each video (median)",
            lambda run: Cell(duration(_median(each.sender_ms for each in run.sent))),
        ),
        _row(
            found,
            "and from then until the provider has decided",
            "",
            lambda run: Cell(duration(_median(each.verdict_ms for each in run.sent))),
        ),
        _row(
            found,
            "Processor time, all parties",
            "for each frame submitted",
            lambda run: Cell(duration(_cpu(run) / frames)),
        ),
    )


def _live(found: FilmComparison) -> tuple[Row, ...]:
    first = next((at for at, facts in enumerate(found.live) if facts.listed), len(found.live))
    before, after = list(range(first)), list(range(first, len(found.live)))
    return (
        _row(
            found,
            "Parts before the listed moment, shown",
            f"of {len(before)}",
            lambda run: _shown(run.live, before),
        ),
        _row(
            found,
            "Parts from the listed moment on, held",
            f"of {len(after)}; a stream stops where a part is held",
            lambda run: _counted(run.live, after, should_stop=True),
        ),
        _row(
            found,
            "From the listed picture until it is stopped",
            "the rest of its part included: a part is sent when it is whole",
            lambda run: Cell(duration(_first_hold(run))),
        ),
    )


def _row(found: FilmComparison, question: str, detail: str, answer: Answer) -> Row:
    return Row(question, detail, tuple(answer(run) for run in found.options))


def _counted(sent: Sequence[FilmSent], rows: Sequence[int], *, should_stop: bool) -> Cell:
    stopped = sum(sent[at].outcome in _STOPPED for at in rows)
    right = stopped == (len(rows) if should_stop else 0)
    return Cell(f"{stopped} of {len(rows)}", tone=Tone.GOOD if right else Tone.BAD)


def _shown(sent: Sequence[FilmSent], rows: Sequence[int]) -> Cell:
    shown = sum(sent[at].outcome is Outcome.SHOWN for at in rows)
    return Cell(f"{shown} of {len(rows)}", tone=Tone.GOOD if shown == len(rows) else Tone.BAD)


def _first_hold(run: FilmRun) -> float | None:
    return next(
        (each.stopped_after_ms for each in run.live if each.stopped_after_ms is not None), None
    )


def _submits(run: FilmRun) -> bool:
    return run.name not in ("in_transit", "backdoor")


def _through(run: FilmRun) -> list[FilmSent]:
    """What arrived: of what was blocked before it was sent, the file never left."""
    return [each for each in run.sent if each.outcome is Outcome.SHOWN]


def _beside(run: FilmRun, facts: Sequence[FilmFacts]) -> float | None:
    """Bytes beside the file, for each frame submitted, of the videos that arrived."""
    sent = _through(run)
    frames = sum(facts[each.message].submitted for each in sent)
    if not frames:
        return None
    return sum(each.up_bytes - facts[each.message].size_bytes for each in sent) / frames


def _cpu(run: FilmRun) -> float:
    return sum(sum(each.cpu_ms.values()) for each in run.sent)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None
