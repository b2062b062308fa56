"""The robustness study in tables: on a terminal, in Markdown, and as JSON.

Guarantees: every figure comes from the run; each share is printed with what it is a share of, and
the last column with its 95 % interval.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from softfall.compare.false_matches import FalseMatches
from softfall.compare.robustness import Found, Growth
from softfall.compare.statistics import Share, wilson

COLUMNS: Final = (
    "edit",
    "plain PDQ",
    "borders stripped",
    "views",
    "views and stripped",
    "95 % interval",
)


@dataclass(frozen=True, slots=True)
class Study:
    """One run. views: the set's name; left_out: files that were not used, and why."""

    views: str
    growth: Growth
    found: tuple[Found, ...]
    unrelated: FalseMatches | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: a name for a page's marker, a title, the header, and the rows."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(study: Study) -> list[Sheet]:
    """The tables of a run."""
    made = [_recall(study.found), _growth(study)]
    if study.unrelated is not None:
        made += [_setting(study.unrelated), _unrelated(study.unrelated)]
    return made


def markdown(sheet: Sheet) -> str:
    """The table alone."""
    lines = [sheet.header, ("---",) * len(sheet.header), *sheet.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(study: Study) -> str:
    """All tables, each under its title."""
    parts = [f"## {sheet.title}\n\n{markdown(sheet)}\n" for sheet in sheets(study)]
    return "# Robustness\n\n" + "\n".join(parts)


def as_json(study: Study) -> dict[str, Any]:
    """Everything, in plain values."""
    return asdict(study)


def percent(share: Share) -> str:
    """One decimal; a dash of nothing."""
    return "-" if share.value is None else f"{100 * share.value:.1f} %"


def _recall(found: Sequence[Found]) -> Sheet:
    total = found[0].both.total if found else 0
    rows = []
    for each in found:
        low, high = wilson(each.both)
        shares = (each.plain, each.stripped, each.views, each.both)
        rows.append(
            (
                f"{each.family} {each.size}".strip(),
                *map(percent, shares),
                f"{100 * low:.1f} to {100 * high:.1f} %",
            )
        )
    title = f"Edited copies found again within 31 bits, of {total} pictures"
    return Sheet("recall", title, COLUMNS, tuple(rows))


def _growth(study: Study) -> Sheet:
    growth = study.growth
    rows = (
        ("pictures", f"{growth.pictures:,}"),
        ("entries with views", f"{growth.entries:,}"),
        ("entries a picture", f"{growth.factor:.2f}"),
        ("views without a dependable hash, left out", f"{growth.without_hash:,}"),
    )
    return Sheet("growth", f"The list's growth (views: {study.views})", ("what", "value"), rows)


def _setting(unrelated: FalseMatches) -> Sheet:
    rows = (
        ("photographs that lists are made of", f"{unrelated.listed_photographs:,}"),
        ("photographs that are asked for", f"{unrelated.asked_photographs:,}"),
        ("entries of either list", f"{unrelated.entries:,}"),
        ("pictures asked for", f"{unrelated.asked_pictures:,}"),
        ("hashes asked for, with stripped ones", f"{unrelated.asked_hashes:,}"),
    )
    return Sheet("setting", "Unrelated pictures: what was compared", ("what", "number"), rows)


def _unrelated(unrelated: FalseMatches) -> Sheet:
    header = ("within bits", "plain list", "list with views", "of pairs", "ratio", "95 % interval")
    rows = []
    for each in unrelated.radii:
        ratio = interval = "-"
        if each.ratio is not None:
            value, low, high = each.ratio
            ratio = f"{value:.2f}"
            if low < high:  # (of nothing, or of one photograph, every draw is the same)
                interval = f"{low:.2f} to {high:.2f}"
        counts = (each.plain, each.viewed, each.plain_pairs)
        rows.append((str(each.bits), *(f"{count:,}" for count in counts), ratio, interval))
    title = "Unrelated pictures within so many bits, at the same number of entries"
    return Sheet("unrelated", title, header, tuple(rows))
