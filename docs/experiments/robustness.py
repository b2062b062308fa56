"""The robustness experiment: which views should a list keep of each picture?

Run: python docs/experiments/robustness.py [PHOTO_FOLDER ...] [--out FILE]
With no folder it uses the photographs that scikit-image and scikit-learn ship: enough to see it
work, too few to choose by. docs/experiments/multi_probe.md says how to fetch the others. FILE
(robustness.json) gets every figure; where robustness.md lies beside it, its tables are written.
The same on pictures of your own, without choosing: `softfall robustness FOLDER`.
"""

import argparse
import json
import pickle
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from probing.photographs import Photograph, find, shipped_folders

from softfall.compare.everyday import EVERYDAY
from softfall.compare.false_matches import Plan, count
from softfall.compare.robustness import Seen, distance, growth, look_at_all, recall
from softfall.compare.robustness_report import Sheet, Study, markdown, percent, sheets
from softfall.compare.statistics import Share
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.media.pdq_oracle import PixelArray
from softfall.media.views import (
    SIDES,
    STRIPPED,
    VIEWS,
    WHOLE,
    View,
    ViewSet,
    centre_view,
    side_views,
)

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

Made = TypeVar("Made")
SEEN: list[Seen] = []
"""The study's photographs, once they are hashed."""


def kept(folder: Path | None, name: str, make: Callable[[], Made]) -> Made:
    """A step's outcome; from the cache's own file, where an earlier run of it left one there."""
    file = folder / f"{name}.pkl" if folder else None
    if file and file.exists():
        return pickle.loads(file.read_bytes())
    started = time.monotonic()
    made = make()
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(made))
    return made


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


@cache
def reached(view: str) -> npt.NDArray[np.bool_]:
    """(photographs, edits): whether this view finds the copy, however it is asked for."""
    hows = (WHOLE, STRIPPED)
    return np.array(
        [
            [
                min(distance(each, place, view, how) for how in hows) <= MATCH_RADIUS_BITS
                for place in range(len(EVERYDAY))
            ]
            for each in SEEN
            if WHOLE in each.listed
        ]
    )


def found_by(views: Sequence[str]) -> npt.NDArray[np.int64]:
    """(edits,): how many copies are found with these views listed besides the whole picture."""
    return np.any([reached(view) for view in (WHOLE, *views)], axis=0).sum(axis=0)


def mean_recall(views: Sequence[str]) -> float:
    """Over all edits, each counting the same."""
    return float(found_by(views).mean() / len(reached(WHOLE)))


def compare_sets() -> Sheet:
    rows = []
    for name, views in sets_of_views().items():
        grown = growth(SEEN, views)
        counts = found_by(views).tolist()
        found = {
            edit.name: percent(Share(number, grown.pictures))
            for edit, number in zip(EVERYDAY, counts, strict=True)
        }
        wanted = ("crop 3 %", "crop 5 %", "crop 7.5 %", "crop one side 5 %", "crop one side 7.5 %")
        mean = f"{100 * mean_recall(views):.1f} %"
        rows.append((name, f"{grown.factor:.1f}", mean, *(found[edit] for edit in wanted)))
    header = ("views", "entries a picture", "mean of all edits", *wanted)
    return Sheet("sets", "Sets of views", header, tuple(rows))


def worth() -> Sheet:
    """What is lost, in points of the mean over all edits, when one view is left out."""
    views = sets_of_views()["default"]
    whole = mean_recall(views)
    rows = []
    for view in views:
        rest = [each for each in views if each != view]
        lost = [
            (int(number), edit.name)
            for number, edit in zip(found_by(views) - found_by(rest), EVERYDAY, strict=True)
        ]
        most = max(lost)
        told = f"{most[1]} ({most[0]} of {len(reached(WHOLE))} copies)" if most[0] else "nothing"
        rows.append((view, f"{100 * (whole - mean_recall(rest)):.2f}", told))
    header = ("view", "points lost without it", "most of all in")
    return Sheet("worth", "What each view of the default set is worth", header, tuple(rows))


def greedy() -> Sheet:
    """The views of all that were tried, each time the one that adds most."""
    chosen = [STRIPPED]
    left = [view.name for view in (*VIEWS[ViewSet.ALL], *CANDIDATES)]
    rows = [("(stripped)", f"{100 * mean_recall(chosen):.1f} %")]
    for _ in range(min(GREEDY_STEPS, len(left))):
        best = max(left, key=lambda view: mean_recall([*chosen, view]))
        chosen.append(best)
        left.remove(best)
        rows.append((best, f"{100 * mean_recall(chosen):.1f} %"))
    return Sheet("greedy", "Greedily", ("view added", "mean of all edits"), tuple(rows))


def run(
    photographs: Sequence[Photograph], plan: Plan, processes: int, folder: Path | None
) -> dict[str, Any]:
    """The whole study: the record that the page is written from."""
    pictures: list[tuple[str, PixelArray]] = [(p.sha256[:12], p.pixels) for p in photographs]
    seen = kept(
        folder, "seen", lambda: [*look_at_all(pictures, processes, ViewSet.ALL, CANDIDATES)]
    )
    SEEN[:] = seen
    unrelated = kept(folder, "unrelated", lambda: count(pictures, plan, processes))
    default = sets_of_views()["default"]
    study = Study("default", growth(seen, default), tuple(recall(seen, default)), unrelated)
    made = [*sheets(study), compare_sets(), worth(), greedy()]
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
    parser.add_argument("--cache", type=Path, help="a folder for what takes long; yours alone")
    parser.add_argument("--listed-crops", type=int, default=8)
    parser.add_argument("--asked-crops", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    photographs = find([*asked.folders, *shipped_folders()])
    plan = Plan(asked.listed_crops, asked.asked_crops)
    record = run(photographs, plan, asked.processes, asked.cache)
    asked.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    page = asked.out.with_suffix(".md")
    if page.exists():
        write_page(page, record)


if __name__ == "__main__":
    main()
