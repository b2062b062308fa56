"""`softfall evidence` as a lead and a recipient type it."""

import zipfile
from pathlib import Path

import pytest

from softfall.audit.keys import load_or_make_key
from softfall.casework.desk import CaseDesk
from softfall.casework.evidence import master_key
from softfall.casework.model import Role
from softfall.config import CaseworkSettings, ConsoleSettings
from softfall.console.offline import opened
from tests.casework.office import PROVIDER, report

from .typed import Done, as_a_program, typed


class House:
    """A console's data folder with one reported case and a lead, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "console"
        with opened(ConsoleSettings(data_dir=self.data)) as offline:
            vault = master_key.open_vault(offline.db, self.data / master_key.FILE)
            offline.office.add("operator", "boss", Role.ADMINISTRATOR, "a long enough password")
            offline.office.add("boss", "lea", Role.LEAD, "a long enough password")
            desk = CaseDesk(offline.db, offline.clock, CaseworkSettings(), vault)
            self.case_id = desk.take_in(PROVIDER, report(words="a reported word")).case_id
        self.key = load_or_make_key(self.data).public_key.hex()

    def __call__(self, *words: str) -> Done:
        here = {"SOFTFALL__CONSOLE__DATA_DIR": str(self.data)}
        return typed(self.folder, *words, environment=here)

    def export(self, *more: str) -> Done:
        asked = ["--to", "out.zip", "--by", "lea", "--reason", "the police asked"]
        return self("evidence", "export", self.case_id, *asked, *more)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_exported_bundle_is_checked_by_whoever_has_the_public_key(house: House) -> None:
    done = house.export()
    assert done.returncode == 0, done.stderr
    assert (house.folder / "out.zip").stat().st_mode & 0o777 == 0o600
    good = house("evidence", "verify", "out.zip", "--public-key", house.key)
    assert (good.returncode, "whole" in good.stdout, house.case_id in good.stdout) == (
        0, True, True,
    )  # fmt: skip
    again = house.export()
    assert (again.returncode, "FileUnusable" in again.stderr) == (2, True)


def test_a_changed_bundle_is_told_by_file_and_exit_code(house: House) -> None:
    house.export()
    with zipfile.ZipFile(house.folder / "out.zip") as old:
        inside = {name: old.read(name) for name in old.namelist()}
    inside["case.json"] = inside["case.json"].replace(b"reported", b"repeated")
    with zipfile.ZipFile(house.folder / "new.zip", "w") as new:
        for name, body in inside.items():
            new.writestr(zipfile.ZipInfo(name), body)
    done = house("evidence", "verify", "new.zip")
    assert done.returncode == 1
    assert "case.json was changed" in done.stdout
    assert "give --public-key" in done.stdout


def test_what_is_no_bundle_is_told_by_name(house: House) -> None:
    (house.folder / "not.zip").write_bytes(b"PK nothing")
    done = house("evidence", "verify", "not.zip")
    assert (done.returncode, "NotABundle" in done.stderr) == (2, True)
    program = as_a_program(house.folder, "evidence", "verify", "not.zip")
    assert (program.returncode, program.stderr) == (2, done.stderr)


@pytest.mark.parametrize(
    ("words", "name", "code"),
    [
        (["--by", "boss"], "NotYourRole", 4),
        (["--by", "nobody"], "StaffUnknown", 2),
        (["--reason", " "], "ExportReasonMissing", 2),
    ],
)
def test_an_export_that_is_refused_leaves_no_file(
    house: House, words: list[str], name: str, code: int
) -> None:
    done = house.export(*words)
    assert (done.returncode, name in done.stderr) == (code, True)
    assert not (house.folder / "out.zip").exists()


def test_a_referral_that_nobody_decided_is_not_written(house: House) -> None:
    asked = ["--dir", "referral", "--by", "lea", "--reason", "the hotline's page"]
    done = house("evidence", "referral", house.case_id, *asked)
    assert (done.returncode, "ReferralNotDecided" in done.stderr) == (4, True)
    assert not (house.folder / "referral").exists()
