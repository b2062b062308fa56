"""`softfall audit` as an auditor types it, the database's owner being the attacker."""

import sqlite3
from pathlib import Path

import pytest

from softfall.audit import trail
from softfall.audit.keys import load_or_make_key
from softfall.casework.database import MIGRATIONS
from softfall.store.database import sqlite_url
from softfall.store.transactions import Database

from .typed import Done, as_a_program, typed


class House:
    """A console's data folder with a log of six lines, and the command line beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "console"
        db = Database(sqlite_url(self.data / "casework.db"), MIGRATIONS)
        load_or_make_key(self.data)
        with db.write() as tx:
            for number in range(1, 7):
                trail.append(tx, number, "mira", "case.opened", f"case-{number}")
        db.close()

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTFALL__CONSOLE__DATA_DIR": str(self.data)}

    def __call__(self, *words: str) -> Done:
        return typed(self.folder, "audit", *words, environment=self.environment)

    def tamper(self, *statements: str) -> None:
        with sqlite3.connect(self.data / "casework.db") as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in names.fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_whole_log_passes_with_what_vouches_for_it(house: House) -> None:
    before = house("verify")
    assert (before.returncode, "no signed checkpoint" in before.stdout) == (0, True)
    assert '"number":6' in house("checkpoint").stdout
    after = house("verify")
    assert after.returncode == 0
    assert "6 lines, whole; signed checkpoints vouch for lines 1 to 6" in after.stdout


def test_a_changed_line_is_named_and_the_exit_code_says_so(house: House) -> None:
    house.tamper("UPDATE audit_lines SET who = 'noor' WHERE number = 4")
    for run in (typed, as_a_program):
        found = run(house.folder, "audit", "verify", environment=house.environment)
        assert found.returncode == 1
        assert "line 4 was changed" in found.stdout


def test_an_end_that_was_cut_off_is_found_by_the_file_beside_the_database(house: House) -> None:
    house("checkpoint")
    house.tamper("DELETE FROM audit_lines WHERE number > 4", "DELETE FROM audit_checkpoints")
    found = house("verify")
    assert found.returncode == 1
    assert "cut off after line 4" in found.stdout
    assert "lines 5 to 6 are missing" in found.stdout


def test_an_exported_log_is_checked_anywhere_with_the_public_key(
    house: House, tmp_path: Path
) -> None:
    assert "6 lines" in house("export", "log.jsonl").stdout
    key = str(house.data / "audit.pub")
    good = house("verify", "--export", "log.jsonl", "--public-key", key)
    assert (good.returncode, "whole" in good.stdout) == (0, True)
    digits = (house.data / "audit.pub").read_text().strip()
    assert house("verify", "--export", "log.jsonl", "--public-key", digits).returncode == 0
    stranger = load_or_make_key(tmp_path / "stranger").public_key.hex()
    bad = house("verify", "--export", "log.jsonl", "--public-key", stranger)
    assert (bad.returncode, "another key" in bad.stdout) == (1, True)
    body = (tmp_path / "log.jsonl").read_text()
    (tmp_path / "log.jsonl").write_text(body.replace("case-3", "case-9"))
    changed = house("verify", "--export", "log.jsonl")
    assert (changed.returncode, "line 3 was changed" in changed.stdout) == (1, True)
    assert "give --public-key" in changed.stdout


def test_a_checkpoint_carried_away_finds_a_log_begun_anew(house: House, tmp_path: Path) -> None:
    house("checkpoint")
    carried = tmp_path / "carried.jsonl"
    carried.write_bytes((house.data / "checkpoints.jsonl").read_bytes())
    (house.data / "checkpoints.jsonl").unlink()
    house.tamper(
        "DELETE FROM audit_lines WHERE number = 6",
        "DELETE FROM audit_checkpoints",
    )
    assert house("verify").returncode == 0
    found = house("verify", "--checkpoints", str(carried))
    assert (found.returncode, "line 6" in found.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["verify", "--export", "nowhere"], "FileUnusable"),
        (["verify", "--checkpoints", "nowhere"], "FileUnusable"),
        (["verify", "--public-key", "zz"], "NotAPublicKey"),
        (["verify", "--public-key", "a" * 5_000], "NotAPublicKey"),
        (["verify", "--public-key", "console/casework.db"], "NotAPublicKey"),
        (["verify", "--export", "console/casework.db"], "NotALog"),
        (["verify", "--checkpoints", "console/casework.db"], "NotACheckpoint"),
        (["export", "console"], "FileUnusable"),
    ],
)
def test_what_can_not_be_done_is_said_by_name(house: House, words: list[str], name: str) -> None:
    done = house(*words)
    assert (done.returncode, name in done.stderr) == (2, True)


def test_a_folder_without_a_log_does_not_pass_as_an_empty_one(tmp_path: Path, house: House) -> None:
    house.data = tmp_path / "elsewhere"
    done = house("verify")
    assert (done.returncode, "NoSuchLog" in done.stderr) == (2, True)
    assert not (tmp_path / "elsewhere").exists()
