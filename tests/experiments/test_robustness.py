"""The page on robustness says what its record says, and which edits its views foretold."""

import json
import sys
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from softfall.compare.everyday import EVERYDAY
from softfall.compare.false_matches import FalseMatches, Radius
from softfall.compare.robustness import Growth
from softfall.compare.robustness_report import Study, sheets
from softfall.media.views import VIEWS, ViewSet

FOLDER = Path(__file__).parents[2] / "docs" / "experiments"
PAGE = FOLDER / "robustness.md"
sys.path.insert(0, str(FOLDER))

from robustness import write_page  # noqa: E402  (found beside the page, not in the package)


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads(PAGE.with_suffix(".json").read_text("utf-8"))


def test_the_pages_tables_are_those_of_the_record(record: Any, tmp_path: Path) -> None:
    again = Path(copy(PAGE, tmp_path))
    write_page(again, record)
    assert again.read_text("utf-8") == PAGE.read_text("utf-8")


def test_the_tables_of_the_record_are_drawn_from_its_counts(record: Any) -> None:
    told = record["study"]["unrelated"]
    radii = tuple(Radius(**each) for each in told["radii"])
    growth = Growth(**record["study"]["growth"])
    unrelated = FalseMatches(**{**told, "radii": radii})
    drawn = {each.name: each.rows for each in sheets(Study("default", growth, (), unrelated))}
    for sheet in record["sheets"]:
        if sheet["name"] in {"growth", "setting", "unrelated"}:
            assert [*map(list, drawn[sheet["name"]])] == sheet["rows"]


def sizes(family: str) -> set[str]:
    return {edit.size.split(" ")[0] for edit in EVERYDAY if edit.family == family}


def listed(prefix: str) -> set[str]:
    names = (view.name for view in VIEWS[ViewSet.DEFAULT])
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def test_the_page_names_the_crops_that_are_views_themselves() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    whole, side = (
        sorted(sizes(family) & listed(prefix), key=float)
        for family, prefix in (("crop", "crop-centre-"), ("crop one side", "crop-left-"))
    )
    assert f"crops of {said(whole)} off each of the four sides" in text
    assert f"of {said(side)} off one side" in text
    (other,) = listed("crop-centre-") - sizes("crop")
    assert f"lists a crop of {other} % off each side, which is no edit here" in text


def said(percents: list[str]) -> str:
    *most, last = (f"{each} %" for each in percents)
    return f"{', '.join(most)} and {last}"
