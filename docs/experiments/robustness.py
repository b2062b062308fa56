"""The robustness experiment: which views should a list keep of each picture?

Run: python docs/experiments/robustness.py [PHOTO_FOLDER ...] [--out FILE]
With no folder it uses the photographs that scikit-image and scikit-learn ship: enough to see it
work, too few to choose by. docs/experiments/multi_probe.md says how to fetch the others. FILE
(robustness.json) gets every figure; where robustness.md lies beside it, its tables are written.
The same on pictures of your own, without choosing: `softfall robustness FOLDER`.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from probing.photographs import Photograph, find, shipped_folders

from softfall.compare.everyday import EVERYDAY
from softfall.compare.false_matches import Plan, count
from softfall.compare.robustness import Seen, growth, look_at_all, recall
from softfall.compare.robustness_report import Sheet, Study, markdown, percent, sheets
from softfall.media.pdq_oracle import PixelArray
from softfall.media.views import SIDES, STRIPPED, VIEWS, View, ViewSet, centre_view, side_views

CANDIDATES: tuple[View, ...] = (
    *(centre_view(percent) for percent in (1, 2, 3, 4, 6, 8.5, 12.5, 15)),
    *side_views(3.5),
    *side_views(15),
)
"""Tried besides all views of the product."""

ISSUE = (
    *(f"crop-{place}-{size}" for size in (5, 10) for place in ("centre", *SIDES)),
    *("mirror", "turn-90", "turn-180", "turn-270"),
)
"""Crops of 5 and 10 %, mirror and turns: what one would list before measuring."""

GREEDY_STEPS = 24


def sets_of_views() -> dict[str, list[str]]:
    named = {name.value: [view.name for view in views] for name, views in VIEWS.items()}
    sets = {
        "none": named["none"],
        "5 and 10 %, mirror, turns": [*ISSUE],
        "default": named["default"],
        "all": named["all"],
        "all and every candidate": [*named["all"], *(view.name for view in CANDIDATES)],
    }
    return {name: [*views, STRIPPED] if views else [] for name, views in sets.items()}


def mean_recall(seen: Sequence[Seen], views: Sequence[str]) -> float:
    """Over all edits, each counting the same."""
    return sum(row.both.value or 0.0 for row in recall(seen, views)) / len(EVERYDAY)


def compare_sets(seen: Sequence[Seen]) -> Sheet:
    rows = []
    for name, views in sets_of_views().items():
        grown = growth(seen, views)
        found = {f"{r.family} {r.size}".strip(): percent(r.both) for r in recall(seen, views)}
        wanted = ("crop 3 %", "crop 5 %", "crop 7.5 %", "crop one side 5 %", "crop one side 7.5 %")
        mean = f"{100 * mean_recall(seen, views):.1f} %"
        rows.append((name, f"{grown.factor:.1f}", mean, *(found[edit] for edit in wanted)))
    header = ("views", "entries a picture", "mean of all edits", *wanted)
    return Sheet("sets", "Sets of views", header, tuple(rows))


def worth(seen: Sequence[Seen]) -> Sheet:
    """What is lost, in points of the mean over all edits, when one view is left out."""
    views = sets_of_views()["default"]
    whole = mean_recall(seen, views)
    rows = []
    for view in views:
        rest = [each for each in views if each != view]
        lost = [
            (row.both.count - less.both.count, f"{row.family} {row.size}".strip())
            for row, less in zip(recall(seen, views), recall(seen, rest), strict=True)
        ]
        most = max(lost)
        told = f"{most[1]} ({most[0]} of {len(seen)} copies)" if most[0] else "nothing"
        rows.append((view, f"{100 * (whole - mean_recall(seen, rest)):.2f}", told))
    header = ("view", "points lost without it", "most of all in")
    return Sheet("worth", "What each view of the default set is worth", header, tuple(rows))


def greedy(seen: Sequence[Seen]) -> Sheet:
    """The views of all that were tried, each time the one that adds most."""
    chosen = [STRIPPED]
    left = [view.name for view in (*VIEWS[ViewSet.ALL], *CANDIDATES)]
    rows = [("(stripped)", f"{100 * mean_recall(seen, chosen):.1f} %")]
    for _ in range(min(GREEDY_STEPS, len(left))):
        best = max(left, key=lambda view: mean_recall(seen, [*chosen, view]))
        chosen.append(best)
        left.remove(best)
        rows.append((best, f"{100 * mean_recall(seen, chosen):.1f} %"))
    return Sheet("greedy", "Greedily", ("view added", "mean of all edits"), tuple(rows))


def run(photographs: Sequence[Photograph], plan: Plan, processes: int) -> dict[str, Any]:
    """The whole study: the record that the page is written from."""
    pictures: list[tuple[str, PixelArray]] = [(p.sha256[:12], p.pixels) for p in photographs]
    started = time.monotonic()
    seen = list(look_at_all(pictures, processes, ViewSet.ALL, CANDIDATES))
    print(f"edited and hashed: {time.monotonic() - started:.0f} s", flush=True)
    unrelated = count(pictures, plan, processes)
    print(f"unrelated pictures compared: {time.monotonic() - started:.0f} s", flush=True)
    default = sets_of_views()["default"]
    study = Study("default", growth(seen, default), tuple(recall(seen, default)), unrelated)
    made = [*sheets(study), compare_sets(seen), worth(seen), greedy(seen)]
    packages = Counter(photograph.package for photograph in photographs)
    rows = tuple((name, f"{number}") for name, number in sorted(packages.items()))
    made.append(Sheet("photographs", "Photographs", ("package", "photographs"), rows))
    return {
        "photographs": len(photographs),
        "plan": {"viewed_crops": plan.viewed_crops, "asked_crops": plan.asked_crops},
        "study": asdict(study),
        "sheets": [asdict(sheet) for sheet in made],
    }


def write_page(page: Path, record: dict[str, Any]) -> None:
    """Each table of the record between its markers in the page."""
    text = page.read_text("utf-8")
    for values in record["sheets"]:
        sheet = Sheet(**values)
        text = re.sub(
            rf"(<!-- table: {sheet.name} -->\n).*?(<!-- end -->)",
            lambda found, sheet=sheet: f"{found[1]}{markdown(sheet)}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
    page.write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path("robustness.json"))
    parser.add_argument("--listed-crops", type=int, default=12)
    parser.add_argument("--asked-crops", type=int, default=80)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    photographs = find([*asked.folders, *shipped_folders()])
    record = run(photographs, Plan(asked.listed_crops, asked.asked_crops), asked.processes)
    asked.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    page = asked.out.with_suffix(".md")
    if page.exists():
        write_page(page, record)


if __name__ == "__main__":
    main()
