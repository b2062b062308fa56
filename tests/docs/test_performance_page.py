"""docs/performance.md says what the run's record says, goal by goal; no figure is typed."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bench.goals import EXPERIMENT, every, judge

DOCS = Path(__file__).parents[2] / "docs"


def load_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_performance", DOCS / "performance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


performance = load_page()


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(performance.RECORD.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def page() -> str:
    text: str = performance.PAGE.read_text("utf-8")
    return text


def test_the_pages_tables_are_those_of_the_record(record: dict[str, Any], page: str) -> None:
    assert performance.fill(page, record) == page, "run `python docs/performance.py`"
    marked = re.findall(r"<!-- table: (\w+) -->", page)
    assert sorted(marked) == sorted(performance.TABLES)


def test_another_measurement_makes_another_page(record: dict[str, Any], page: str) -> None:
    changed = json.loads(json.dumps(record))
    for figure in changed["figures"]:
        figure["value"] *= 3
    changed["goals"] = judge(changed)
    assert performance.fill(page, changed) != page
    assert any(not each["met"] for each in changed["goals"])
    assert "**missed**" in performance.fill(page, changed)


def test_every_goal_was_judged_by_the_run_and_has_its_row(
    record: dict[str, Any], page: str
) -> None:
    assert record["goals"] == judge(record)
    assert len(record["goals"]) == len(every())
    for each in record["goals"]:
        cells = [performance.cell(text) for text in performance.goal_row(each)]
        start = 1 if each["area"] == "prototype" else 0
        assert f"| {' | '.join(cells[start:])} |" in page


def test_a_missed_goal_is_said_with_what_to_do(record: dict[str, Any], page: str) -> None:
    for each in record["goals"]:
        assert (f"- **Missed: {each['what']}.** {each['missed']}\n" in page) == (not each["met"])


def test_no_figure_of_the_run_comes_of_a_wrong_answer(record: dict[str, Any]) -> None:
    for each in (*record["rows"], *record["figures"]):
        assert each["exact"], each


def test_recall_is_the_experiments(record: dict[str, Any]) -> None:
    found = json.loads(EXPERIMENT.read_text("utf-8"))
    measured = {each["what"]: each["measured"] for each in record["goals"]}
    assert measured["recovered of plain PDQ's matches"] == 100 * found["recall"]["recovered"]
    largest = max(found["sizes"], key=lambda row: row["entries"])
    values = {each["key"]: each["value"] for each in record["figures"]}
    # Tags of a keyed mix, random tags, and (where it was run) real ones: the same but for chance.
    for key in {"on_device.download", "on_device.published"} & set(values):
        assert values[key] == pytest.approx(largest["bytes"], rel=0.01)


def test_the_machine_is_named(record: dict[str, Any], page: str) -> None:
    for value in record["machine"].values():
        assert value in page


def test_nothing_before_the_first_table_or_between_tables_holds_a_measured_figure(
    record: dict[str, Any], page: str
) -> None:
    prose = re.sub(r"<!-- table: \w+ -->.*?<!-- end -->", "", page, flags=re.DOTALL)
    assert not re.search(
        r"\d (?:ms|s|MB|kB|KiB|MiB|bytes|%|pictures/s)\b", prose.replace("1 MB", "")
    )
    assert record["rows"]
