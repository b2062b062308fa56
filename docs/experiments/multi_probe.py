"""The multi-probe experiment: which tables, probes and hits should `split` use?

Run: python docs/experiments/multi_probe.py [PHOTO_FOLDER ...] [--out FILE]
With no folder it uses the photographs that scikit-image and scikit-learn ship: enough to see it
work, too few to choose by. docs/experiments/multi_probe.md says how to fetch the others, what was
measured, and what was chosen. FILE (multi_probe.json) gets every figure; drawings and, where
multi_probe.md lies beside it, the page's tables are written there too.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probing import figures, report, study
from probing.hashes import edited_pairs, innocent
from probing.photographs import CATALOGUE, Photograph, find, shipped_folders
from probing.study import Material, Plan

from softfall.options.tags.parameters import DEFAULT_SEED

CROPS = 800


def run(photographs: Sequence[Photograph], crops: int, plan: Plan, cache: Path | None) -> Any:
    """The whole study: the record that the page is written from."""
    material = Material.of(
        len(photographs),
        edited_pairs(photographs, cache),
        innocent(photographs, crops, cache),
    )
    grid = study.measure(material, plan)
    choice = study.choose(grid)
    record = {
        "packages": _packages(photographs),
        "crops": crops,
        "draws": plan.draws,
        "innocent": len(material.innocent.bits),
        "unhashable": material.innocent.unhashable + material.pairs.edited.unhashable,
        "rule": study.rule(),
        "census": study.count_pairs(material.counted),
        "choice": choice,
        "grid": grid,
    }
    if choice is None:
        return record
    size = (choice["k_bits"], choice["tables"])
    return {
        **record,
        "published": study.published(material, choice, DEFAULT_SEED),
        "check": study.check(material, choice, DEFAULT_SEED),
        "anatomy": study.anatomy(material, plan, choice),
        "families": study.compare_families(material, plan, *size),
    }


def _packages(photographs: Sequence[Photograph]) -> list[dict[str, Any]]:
    with CATALOGUE.open(newline="") as lines:
        version_of = {row["package"]: row["version"] for row in csv.DictReader(lines)}
    counted = Counter(photograph.package for photograph in photographs)
    return [
        {"package": name, "version": version_of.get(name, ""), "count": count}
        for name, count in sorted(counted.items())
    ]


def write(record: Any, out: Path) -> None:
    """The record, its figures, and the tables of the page if it lies beside."""
    record = _rounded(record)
    out.write_text(_json(record), "utf-8")
    if record["choice"] is None:
        print("nothing within the limits: too few photographs to bound by", file=sys.stderr)
        return
    figures.draw(record, out.parent, out.stem)
    page = out.with_suffix(".md")
    if page.exists():
        page.write_text(report.fill(page.read_text("utf-8"), record), "utf-8")
    print(report.TABLES["choice"](record))


def _json(record: Any) -> str:
    """JSON with a line for each figure or row, so that two records can be compared."""
    parts = []
    for name, value in record.items():
        rows = value if isinstance(value, list) else None
        text = ",\n  ".join(map(json.dumps, rows)) if rows else json.dumps(value)
        parts.append(f"{json.dumps(name)}: " + (f"[\n  {text}\n ]" if rows else text))
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _rounded(value: Any) -> Any:
    """Floats to six digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="PHOTO_FOLDER")
    parser.add_argument("--out", type=Path, default=Path("multi_probe.json"), metavar="FILE")
    parser.add_argument("--cache", type=Path, help="keep hashes here, for another run")
    parser.add_argument("--crops", type=int, default=CROPS, help="innocent crops a photograph")
    parser.add_argument(
        "--everything", action="store_true", help="use pictures that photographs.csv does not name"
    )
    asked = parser.parse_args()
    photographs = find([*shipped_folders(), *asked.folders], asked.everything)
    print(f"{len(photographs)} photographs", file=sys.stderr)
    if asked.cache is not None:
        asked.cache.mkdir(parents=True, exist_ok=True)
    write(run(photographs, asked.crops, Plan(), asked.cache), asked.out)


if __name__ == "__main__":
    main()
