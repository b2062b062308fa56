"""The on-device experiment: how small may the map be, and what does it find?

Run: python docs/experiments/on_device.py [PHOTO_FOLDER ...] [--out FILE]
The photographs are those of multi_probe.py, and docs/experiments/multi_probe.md says how to fetch
them; with no folder it uses those that scikit-image and scikit-learn ship: enough to see it work,
too few to choose by. FILE (on-device.json) gets every figure; a drawing and, where on-device.md
lies beside it, the page's tables are written there too.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multi_probe import CROPS, _json, _rounded
from probing import map_report, map_study, report
from probing.hashes import edited_pairs, innocent
from probing.map_study import PLAN, Scale
from probing.photographs import Photograph, find, shipped_folders
from probing.study import Material, Plan

from softfall.options.tags.parameters import DEFAULT_SEED


def run(
    photographs: Sequence[Photograph], crops: int, plan: Plan, scale: Scale, cache: Path | None
) -> Any:
    """The whole study: the record that the page is written from."""
    material = Material.of(
        len(photographs), edited_pairs(photographs, cache), innocent(photographs, crops, cache)
    )
    record = map_study.run(material, plan, scale, DEFAULT_SEED)
    return {"photographs": len(photographs), "crops": crops, "draws": plan.draws, **record}


def write(record: Any, out: Path) -> None:
    """The record, its figure, and the tables of the page if it lies beside."""
    record = _rounded(record)
    out.write_text(_json(record), "utf-8")
    if record["choice"] is None:
        print("nothing within the limits: too few photographs to bound by", file=sys.stderr)
        return
    map_report.draw(record, out.parent, out.stem)
    page = out.with_suffix(".md")
    if page.exists():
        filled = report.fill(page.read_text("utf-8"), record, map_report.TABLES)
        page.write_text(filled, "utf-8")
    print(map_report.TABLES["choice"](record))


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="PHOTO_FOLDER")
    parser.add_argument("--out", type=Path, default=Path("on-device.json"), metavar="FILE")
    parser.add_argument("--cache", type=Path, help="keep hashes here, for another run")
    parser.add_argument("--crops", type=int, default=CROPS, help="innocent crops a photograph")
    asked = parser.parse_args()
    photographs = find([*shipped_folders(), *asked.folders])
    print(f"{len(photographs)} photographs", file=sys.stderr)
    if asked.cache is not None:
        asked.cache.mkdir(parents=True, exist_ok=True)
    write(run(photographs, asked.crops, PLAN, Scale(), asked.cache), asked.out)


if __name__ == "__main__":
    main()
