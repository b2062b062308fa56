"""What every test shares: both databases; files in memory; no time limit is an assertion.

Nor is one of hypothesis.
"""

import signal

import pytest
from hypothesis import settings

from .databases import (  # noqa: F401 - fixtures: pytest finds them by being here
    _templates,
    database_url,
    databases,
    postgres,
    postgres_server,
)
from .longest import SHOWN, long_first, seconds_by_file, slowest
from .scratch import write_into_memory

write_into_memory()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started by a shell in the background: services that tests start would not hear Ctrl-C either.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("softfall", deadline=None)
settings.load_profile("softfall")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    long_first(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the slowest files of a run of many."""
    reports = [
        report
        for kind in terminalreporter.stats.values()
        for report in kind
        if isinstance(report, pytest.TestReport)
    ]
    seconds = seconds_by_file(reports)
    if len(seconds) > SHOWN:
        terminalreporter.section("slowest files")
        for line in slowest(seconds):
            terminalreporter.line(line)
