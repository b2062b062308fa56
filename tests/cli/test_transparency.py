from collections.abc import Callable
from pathlib import Path

import pytest

from softfall.casework.desk import CaseDesk
from softfall.casework.evidence.vault import Vault
from softfall.config import CaseworkSettings, ConsoleSettings
from softfall.console.offline import opened
from tests.casework.office import PROVIDER, report

from .typed import Done, as_a_program, typed


def reported(folder: Path, *words: str, run: Callable[..., Done] = typed) -> Done:
    here = {"SOFTFALL__CONSOLE__DATA_DIR": str(folder / "console")}
    return run(folder, "transparency", "report", *words, environment=here)


def test_a_report_is_a_page_and_a_table(tmp_path: Path) -> None:
    with opened(ConsoleSettings(data_dir=tmp_path / "console")) as offline:
        desk = CaseDesk(offline.db, offline.clock, CaseworkSettings(), Vault(bytes(32)))
        for number in range(6):
            desk.take_in(PROVIDER, report(subject=f"account-{number}"))
    days = ("--from", "2020-01-01", "--to", "2099-12-31")
    done = reported(tmp_path, *days, "--out", "out", run=as_a_program)
    assert done.returncode == 0, done.stderr
    assert "<h1>Transparency report</h1>" in (tmp_path / "out/transparency.html").read_text()
    lines = (tmp_path / "out/transparency.csv").read_text().splitlines()
    assert "2020-01-01,2099-12-31,came-in,all,Count,6" in lines


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("2026-01-02", "2026-01-01", "PeriodUnfit"),
        ("soon", "2026-01-01", "DayUnreadable"),
        ("2026-01-01", "2026-01-02", "NoSuchLog"),
    ],
)
def test_what_can_not_be_reported_is_said_by_name(
    tmp_path: Path, first: str, last: str, name: str
) -> None:
    done = reported(tmp_path, "--from", first, "--to", last)
    assert (done.returncode, name in done.stderr) == (2, True)
