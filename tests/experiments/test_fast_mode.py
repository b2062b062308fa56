"""The published distance between the modes keeps the promise, and is what the record says."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from softfall.media.fast import MAX_DISTANCE_BITS, MAX_QUALITY_DISTANCE

FOLDER = Path(__file__).parents[2] / "docs" / "experiments"
sys.path.insert(0, str(FOLDER))

import fast_mode  # noqa: E402  (found beside the page, not in the package)
from probing.photographs import shipped_folders  # noqa: E402


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads(fast_mode.RECORD.read_text("utf-8"))


def test_the_record_keeps_the_promise_on_enough_photographs(record):
    assert record["photographs"] >= 200
    assert record["fast"] == sum(record["quality"].values()) >= 200
    assert max(map(int, record["bits"])) <= MAX_DISTANCE_BITS
    assert max(map(int, record["quality"])) <= MAX_QUALITY_DISTANCE
    assert record["disagree_whether_there_is_a_hash"] == 0


def test_the_pages_tables_are_the_records(record):
    page = fast_mode.PAGE.read_text("utf-8")
    assert fast_mode.drawn(page, record) == page


def test_a_photograph_of_today_is_measured_within_the_promise(monkeypatch):
    monkeypatch.setattr(fast_mode, "SIDES", (640, 320))
    picture = next(fast_mode.originals(shipped_folders()))
    rows = [
        {"edit": edit, "side": side, **fast_mode.measured(data)}
        for edit, side, data in fast_mode.saved(picture)
    ]
    told = fast_mode.summary(rows)
    assert told["disagree_whether_there_is_a_hash"] == 0
    assert told["fast"] > 0
    assert max(map(int, told["bits"])) <= MAX_DISTANCE_BITS
    assert max(map(int, told["quality"])) <= MAX_QUALITY_DISTANCE
