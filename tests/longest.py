"""Long files first, so that no worker ends with one alone; and at the end, which they were.

A file's tests stay with one worker (`--dist loadfile`), and workers take files in this order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pytest

# As measured; the summary tells when another belongs here.
LONG = (
    "tests/compare/test_comparison.py",
    "tests/cli/test_compare.py",
    "tests/compare/test_demo.py",
    "tests/console/test_looks.py",
    "tests/compare/test_plaintext_search.py",
    "tests/console/test_caps.py",
    "tests/console/test_browser.py",
    "tests/device/test_cut_off.py",
    "tests/console/test_journeys.py",
    "tests/console/test_viewer.py",
    "tests/casework/referral/test_kill.py",
    "tests/custodian/test_main.py",
    "tests/dealer/test_process.py",
)
SHOWN = 10


def long_first(items: list[pytest.Item]) -> None:
    """The files of `LONG` before all others, which keep their order."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(_file(item.nodeid), len(LONG)))


def slowest(seconds: Mapping[str, float]) -> list[str]:
    """A line each for the files that took longest. seconds: by file."""
    found = sorted(seconds.items(), key=lambda each: -each[1])[:SHOWN]
    return [f"{took:7.1f} s  {name}" for name, took in found]


def seconds_by_file(reports: Iterable[pytest.TestReport]) -> Mapping[str, float]:
    """How long each file's tests took, with what they set up and took down."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        seconds[_file(report.nodeid)] += report.duration
    return seconds


def _file(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]
