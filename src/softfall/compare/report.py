"""The report: one HTML file that stands alone, for people who are no engineers as well.

Guarantees: no request leaves the page (styles and plots stand in it, no script); every sentence
with a number is made from the run.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from softfall.compare import findings, plots
from softfall.compare.cells import percent, size
from softfall.compare.plan import AS_IT_IS, Kind
from softfall.compare.results import Comparison, OptionRun, View
from softfall.compare.statistics import Share, upper_bound
from softfall.compare.table import make_table
from softfall.compare.theft_rows import share_of

TEMPLATE: Final = "report.html.jinja"


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure of an option's summary. tone as in the table."""

    figure: str
    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its heading, what it shows in words, and the same as a table for screen readers.

    data: the header, then a row each.
    """

    title: str
    caption: str
    svg: Markup
    data: tuple[tuple[str, ...], ...]


def render(comparison: Comparison) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("softfall.compare", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(size=size, percent=percent, capital=capital, ticked=ticked)
    return environment.get_template(TEMPLATE).render(
        run=comparison,
        groups=make_table(comparison),
        tiles={run.name: _tiles(comparison, run) for run in comparison.options},
        sentences=_sentences(comparison),
        plots=_plots(comparison),
        views={run.name: _views(run) for run in comparison.options},
        limits={run.name: sentences_of(run.limits) for run in comparison.options},
        beside=findings.beside(comparison),
        listed=_names(comparison, listed=True),
        unlisted=_names(comparison, listed=False),
        pictures_sent=sum(turn.picture is not None for turn in comparison.turns),
        texts_sent=sum(turn.kind is Kind.TEXT for turn in comparison.turns),
    )


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def ticked(text: str) -> Markup:
    """The text, escaped, with `names` in backticks set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def sentences_of(paragraphs: Sequence[str]) -> list[str]:
    """Each sentence once, with a capital."""
    found: dict[str, None] = {}
    for paragraph in paragraphs:
        for sentence in paragraph.rstrip(".").split(". "):
            found[capital(sentence) + "."] = None
    return list(found)


def _tiles(comparison: Comparison, run: OptionRun) -> list[Tile]:
    """The cells that people ask for first, out of the very table."""
    wanted = {
        "Listed pictures, sent as they are": "known pictures stopped, sent as they are",
        "Of those that plain PDQ matches": "of those that plain hashes match, edited or not",
        "Unlisted pictures, held by mistake": "innocent pictures held by mistake",
        "Pictures that the provider can read": "pictures that the provider could look at",
        "Can the list be read on the device": "list readable on the phone",
        "Patched sender caught": "times a cheating app was caught",
        "Colluding pair caught": "two people who both cheat, caught",
        "Grooming by text alone, stopped": "text messages stopped",
    }
    column = [each.name for each in comparison.options].index(run.name)
    tiles = []
    for group in make_table(comparison):
        for row in group.rows:
            if row.question in wanted:
                cell = row.cells[column]
                tiles.append(Tile(cell.text, wanted[row.question], cell.tone.value))
    return tiles


def _sentences(comparison: Comparison) -> list[str]:
    """What was found, in plain words, option by option."""
    told = []
    for run in comparison.options:
        as_is = findings.stopped(findings.sent_of(comparison, run, Kind.AS_IS))
        edited = findings.recall_overall(
            [each for each in findings.recall_by_edit(comparison, run) if each.edit != AS_IT_IS],
            "",
        )
        mistakes = findings.stopped(findings.sent_of(comparison, run, Kind.UNLISTED))
        cheats = findings.stopped(findings.sent_of(comparison, run, Kind.CHEAT))
        pairs = findings.stopped(findings.sent_of(comparison, run, Kind.COLLUDING))
        read = findings.within_reach(run, "provider")
        files = len({turn.picture for turn in comparison.turns if turn.picture is not None})
        told.append(
            f"{run.name} stopped {as_is} known pictures sent as they are, and {edited.stopped} "
            f"edited copies (a plain comparison of hashes matches {edited.plain.count}). "
            f"It held {mistakes} innocent pictures by mistake; with {percent(0.95)} confidence "
            f"its true rate on pictures like these is under {percent(upper_bound(mistakes), 1)}. "
            f"An app that cheats was caught {cheats} times; two people who both cheat, {pairs} "
            f"times. The provider could look at {Share(read['pictures'], files)} pictures."
            f"{_theft(run)}"
        )
    return told


def _theft(run: OptionRun) -> str:
    """What its worst single compromise opened, as a sentence more."""
    if run.blast is None:
        return ""
    blast = run.blast
    return (
        f" Whoever steals {blast.stolen} can open {share_of(blast.messages)} messages, look at "
        f"{share_of(blast.pictures)} pictures, and has {share_of(blast.hashes)} perceptual hashes."
    )


def _plots(comparison: Comparison) -> list[Plot]:
    return [
        Plot(
            "Which edits get past",
            "Each row is an everyday edit of the known pictures. The grey bar is how many of them "
            "a plain comparison of whole hashes still matches. The marks are what each option "
            "really stopped: one that compares parts of hashes may stop a little less, or more.",
            Markup(plots.recall_plot(comparison)),  # noqa: S704 - drawn by our own plots
            _recall_data(comparison),
        ),
        Plot(
            "Who receives what",
            "Kilobytes that each party received for each picture that was sent, by what they are "
            "to it. Red is what a party can read although it is meant for others.",
            Markup(plots.received_plot(comparison)),  # noqa: S704 - likewise
            _received_data(comparison),
        ),
        Plot(
            "What it costs",
            "Processor time that each party spends on one picture.",
            Markup(plots.cost_plot(comparison)),  # noqa: S704 - likewise
            _cost_data(comparison),
        ),
    ]


def _recall_data(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    columns = [findings.recall_by_edit(comparison, run) for run in comparison.options]
    head = ("Edit", "plain PDQ matches", *(f"{run.name} stopped" for run in comparison.options))
    rows = [
        (each.edit, str(each.plain), *(str(column[at].stopped) for column in columns))
        for at, each in enumerate(columns[0])
    ]
    return (head, *rows)


def _received_data(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    rows = [
        (role, run.name, nature, size(size_bytes))
        for role in findings.ROLES
        for run in comparison.options
        for nature, size_bytes in findings.natures(run, role).items()
    ]
    return (("Party", "Option", "What it is to the party", "Received in all"), *rows)


def _cost_data(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    rows = [
        (run.name, role, f"{milliseconds:.1f}")
        for run in comparison.options
        for role, milliseconds in findings.cpu_by_role(comparison, run).items()
    ]
    return (("Option", "Party", "Processor time, ms"), *rows)


def _views(run: OptionRun) -> Mapping[str, list[View]]:
    return {role: findings.views_of(run, role) for role in findings.roles_of(run)}


def _names(comparison: Comparison, *, listed: bool) -> list[str]:
    return [
        picture.photograph
        for picture in comparison.pictures
        if picture.edit == AS_IT_IS and (picture.distance_bits is not None) is listed
    ]
