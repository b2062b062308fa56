"""The master key: made once, never lost silently, changed without losing anything."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from softfall.casework.database import MIGRATIONS, open_casework
from softfall.casework.evidence import master_key
from softfall.casework.evidence.master_key import EvidenceKeyMissing, open_vault, rotate
from softfall.casework.evidence.tables import evidence_keys, evidence_masters
from softfall.casework.evidence.vault import EvidenceDamaged, EvidenceKeyWrong, Vault, master_id
from softfall.cli.keys import app
from softfall.store.database import sqlite_url
from tests.casework.evidence.room import Room
from tests.databases import Databases


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "console" / "evidence.key"


def furnished(room: Room, file: Path) -> int:
    """The room's vault is the file's; one piece of evidence lies in it."""
    room.vault = open_vault(room.db, file)
    return room.put(room.case()[0], b"kept under the master key")


def opened(room: Room, file: Path, number: int) -> bytes:
    vault = open_vault(room.db, file)
    with room.db.read() as tx:
        return vault.open(tx, number)


def test_the_first_start_makes_a_key_for_its_owner_alone(room: Room, file: Path) -> None:
    number = furnished(room, file)
    assert len(file.read_bytes()) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["evidence.key"]
    vault = open_vault(room.db, file)
    with room.db.read() as tx:
        assert vault.open(tx, number) == b"kept under the master key"
    assert vault.keyed_digest(b"x") == room.vault.keyed_digest(b"x")


def test_a_key_that_is_there_already_is_taken(room: Room, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(bytes(range(32)))
    open_vault(room.db, file)
    assert file.read_bytes() == bytes(range(32))


def test_a_missing_key_is_named_and_none_is_made(room: Room, file: Path) -> None:
    furnished(room, file)
    file.unlink()
    with pytest.raises(EvidenceKeyMissing):
        open_vault(room.db, file)
    assert not file.exists()


@pytest.mark.parametrize("body", [bytes(32), bytes(64), b"", b"short"])
def test_a_wrong_key_is_named_and_left_as_it_is(room: Room, file: Path, body: bytes) -> None:
    furnished(room, file)
    file.write_bytes(body)
    kept = room.rows(evidence_keys), room.rows(evidence_masters)
    with pytest.raises(EvidenceKeyWrong):
        open_vault(room.db, file)
    with pytest.raises(EvidenceKeyWrong):
        rotate(room.db, file)
    assert file.read_bytes() == body
    assert (room.rows(evidence_keys), room.rows(evidence_masters)) == kept


STARTING = """
import sys
from pathlib import Path
from softfall.casework.database import open_casework
from softfall.casework.evidence.master_key import open_vault
db = open_casework(sys.argv[1])
sys.stdin.readline()
print(open_vault(db, Path(sys.argv[2])).master_id.hex())
"""


def test_processes_that_start_at_once_make_one_key(databases: Databases, file: Path) -> None:
    url = databases.migrated(MIGRATIONS)
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", STARTING, url, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = {process.communicate()[0].strip() for process in starting}
    assert told == {master_id(file.read_bytes()).hex()}


def test_after_a_rotation_everything_opens_and_equals_are_still_known(
    room: Room, file: Path
) -> None:
    number, digest = furnished(room, file), room.vault.keyed_digest(b"x")
    another = room.put(room.case()[0], b"another")
    old = file.read_bytes()
    assert rotate(room.db, file) == 2
    assert old not in file.read_bytes()
    assert len(file.read_bytes()) == 32
    vault = open_vault(room.db, file)
    with room.db.read() as tx:
        assert vault.open(tx, number) == b"kept under the master key"
        assert vault.open(tx, another) == b"another"
    assert vault.keyed_digest(b"x") == digest


def test_a_process_that_still_has_the_old_key_changes_nothing(room: Room, file: Path) -> None:
    number = furnished(room, file)
    stale = room.vault
    rotate(room.db, file)
    keys = room.rows(evidence_keys)
    with pytest.raises(EvidenceKeyWrong), room.db.read() as tx:
        stale.open(tx, number)
    with pytest.raises(EvidenceKeyWrong), room.db.write() as tx:
        stale.new_case_key(tx, keys[0].case_row)
    with pytest.raises(EvidenceKeyWrong):
        room.put(keys[0].case_row)
    assert room.rows(evidence_keys) == keys


class Cut(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("committed", [False, True])
def test_a_rotation_that_is_cut_off_loses_nothing(
    room: Room, file: Path, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = furnished(room, file)
    real = master_key._replace

    def cut(path: Path, keys: list[bytes]) -> None:
        if len(keys) == 2:
            real(path, keys)
        if committed == (len(keys) == 1):
            raise Cut

    monkeypatch.setattr(master_key, "_replace", cut)
    with pytest.raises(Cut):
        rotate(room.db, file)
    monkeypatch.undo()
    assert len(file.read_bytes()) == 64
    named = room.rows(evidence_masters)[0].master_id
    assert (named != room.vault.master_id) == committed
    assert opened(room, file, number) == b"kept under the master key"
    assert len(file.read_bytes()) == 32  # a start clears up
    assert rotate(room.db, file) == 1
    assert opened(room, file, number) == b"kept under the master key"


def test_an_older_copy_of_the_database_is_of_no_use_to_the_new_key(tmp_path: Path) -> None:
    file = tmp_path / "evidence.key"
    room = Room(open_casework(sqlite_url(tmp_path / "casework.db")))
    number = furnished(room, file)
    room.db.truncate_log()
    copy = tmp_path / "copy.db"
    shutil.copyfile(make_url(str(room.db.engine.url)).database or "", copy)
    rotate(room.db, file)
    old = open_casework(sqlite_url(copy))
    with pytest.raises(EvidenceKeyWrong):
        open_vault(old, file)
    with pytest.raises((EvidenceDamaged, EvidenceKeyWrong)), old.read() as tx:
        Vault(file.read_bytes()).open(tx, number)


def test_there_is_nothing_to_rotate_before_the_first_start(room: Room, file: Path) -> None:
    with pytest.raises(EvidenceKeyMissing):
        rotate(room.db, file)
    assert not file.exists()


def test_the_command_rotates_the_key_of_the_configured_console(tmp_path: Path) -> None:
    config, data_dir = tmp_path / "softfall.toml", tmp_path / "console"
    config.write_text(f'[console]\ndata_dir = "{data_dir}"\n')
    room = Room(open_casework(sqlite_url(data_dir / "casework.db")))
    number = furnished(room, data_dir / "evidence.key")
    before = (data_dir / "evidence.key").read_bytes()
    told = CliRunner().invoke(app, ["rotate-evidence", "--config", str(config)])
    assert told.exit_code == 0, told.output
    assert "the keys of 1 cases" in told.output
    assert (data_dir / "evidence.key").read_bytes() != before
    assert opened(room, data_dir / "evidence.key", number) == b"kept under the master key"
