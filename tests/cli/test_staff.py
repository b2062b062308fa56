"""`softfall staff` and `softfall console tool`, as an operator types them."""

from pathlib import Path

import pytest

from softfall.audit.trail import read
from softfall.casework.database import open_casework
from softfall.console.tools import tool_of
from softfall.store.database import sqlite_url

from .typed import Done, as_a_program, typed

PASSWORD = "quiet rivers run deep"


class Shell:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "s.toml").write_text('[console]\ndata_dir = "console"\n')

    def softfall(self, *words: str, said: str = "") -> Done:
        return typed(self.folder, *words, "--config", "s.toml", said=said)

    def add(self, name: str, *words: str) -> Done:
        return self.softfall("staff", "add", name, "--password-stdin", *words, said=PASSWORD + "\n")

    def database(self) -> str:
        return sqlite_url(self.folder / "console" / "casework.db")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_an_operator_keeps_the_staff(shell: Shell) -> None:
    assert shell.add("ada", "--role", "administrator").returncode == 0
    assert shell.add("mo").stdout == "mo is on the staff, as moderator\n"
    assert shell.softfall("staff", "role", "mo", "lead").stdout == "mo is now lead\n"
    assert shell.softfall("staff", "disable", "mo").returncode == 0
    told = as_a_program(shell.folder, "staff", "list", "--config", "s.toml").stdout
    assert told == "ada  administrator  in use\nmo  lead  disabled\n"
    assert shell.softfall("staff", "disable", "mo", "--enable").returncode == 0
    assert shell.softfall("staff", "unlock", "mo").returncode == 0
    new = shell.softfall("staff", "passwd", "mo", "--password-stdin", said="another sentence\n")
    assert new.returncode == 0
    assert shell.softfall("staff", "link", "mo", "subject-1").returncode == 0
    assert shell.softfall("staff", "add", "lee", "--no-password").returncode == 0
    assert shell.softfall("staff", "list").stdout.splitlines() == [
        "ada  administrator  in use",
        "lee  moderator  no password",
        "mo  lead  in use",
    ]
    db = open_casework(shell.database())
    with db.read() as tx:
        lines = read(tx)
    db.close()
    assert {line.who for line in lines} == {"operator"}
    assert [line.action for line in lines] == [
        "staff.added", "staff.added", "staff.role_changed", "staff.disabled", "staff.enabled",
        "staff.unlocked", "staff.password_reset", "staff.oidc_linked", "staff.added",
    ]  # fmt: skip
    assert PASSWORD not in "".join(line.details for line in lines)


@pytest.mark.parametrize(
    ("words", "said", "error", "code"),
    [
        (("staff", "add", "mo", "--password-stdin"), "short\n", "PasswordUnfit", 2),
        (("staff", "add", "Mo Li", "--password-stdin"), f"{PASSWORD}\n", "StaffNameUnfit", 2),
        (("staff", "add", "clock", "--password-stdin"), f"{PASSWORD}\n", "StaffNameUnfit", 2),
        (("staff", "add", "ada", "--password-stdin"), f"{PASSWORD}\n", "StaffNameTaken", 2),
        (("staff", "disable", "nobody"), "", "StaffUnknown", 2),
        (("staff", "disable", "ada"), "", "LastAdministrator", 4),
        (("staff", "role", "ada", "lead"), "", "LastAdministrator", 4),
        (("console", "tool", "remove", "nothing"), "", "ToolUnknown", 2),
        (("console", "tool", "add", "provider"), "", "StaffNameUnfit", 2),
    ],
)
def test_what_an_operator_may_not_do_is_refused_by_name(
    shell: Shell, words: tuple[str, ...], said: str, error: str, code: int
) -> None:
    shell.add("ada", "--role", "administrator")
    answer = shell.softfall(*words, said=said)
    assert answer.returncode == code
    assert error in answer.stderr
    assert "what to do" in answer.stderr


def test_a_tool_s_token_is_printed_once_and_can_be_taken_away(shell: Shell) -> None:
    token = shell.softfall("console", "tool", "add", "word-filter").stdout.strip()
    assert len(token) == 43
    db = open_casework(shell.database())
    assert tool_of(db, token) == "word-filter"
    assert shell.softfall("console", "tool", "list").stdout == "word-filter  in use\n"
    assert shell.softfall("console", "tool", "remove", "word-filter").returncode == 0
    assert tool_of(db, token) is None
    assert tool_of(db, "") is None
    db.close()
    listed = as_a_program(shell.folder, "console", "tool", "list", "--config", "s.toml")
    assert listed.stdout == "word-filter  removed\n"
    again = shell.softfall("console", "tool", "add", "word-filter")
    assert "ToolNameTaken" in again.stderr


def test_the_roles_that_can_be_given_are_caseworks() -> None:
    from softfall.casework.model import Role
    from softfall.cli.staff import GivenRole

    assert [one.value for one in GivenRole] == [one.value for one in Role]
