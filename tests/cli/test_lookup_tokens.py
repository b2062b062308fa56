"""`softfall keys lookup-token` and `lookup-tokens`, as the list's keeper types them."""

from pathlib import Path

from softfall.custodian.lookup.tools import ToolBook

from .typed import typed

DATA_DIR = Path("softfall-data") / "custodian"


def test_a_token_is_printed_once_and_works(tmp_path: Path) -> None:
    made = typed(tmp_path, "keys", "lookup-token", "avatars")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    book = ToolBook(tmp_path / DATA_DIR)
    assert book.named(f"Bearer {token}".encode(), 0) == "avatars"
    named = typed(tmp_path, "keys", "lookup-tokens")
    assert named.stdout == "avatars\n"
    assert token not in named.stdout


def test_a_token_is_taken_away(tmp_path: Path) -> None:
    typed(tmp_path, "keys", "lookup-token", "avatars")
    gone = typed(tmp_path, "keys", "lookup-token", "avatars", "--remove")
    assert gone.returncode == 0
    assert typed(tmp_path, "keys", "lookup-tokens").stdout == ""
    again = typed(tmp_path, "keys", "lookup-token", "avatars", "--remove")
    assert again.returncode == 2
    assert "UnknownTool" in again.stderr


def test_a_name_that_no_tool_can_have_is_refused(tmp_path: Path) -> None:
    refused = typed(tmp_path, "keys", "lookup-token", "Two Words")
    assert refused.returncode == 2
    assert "BadToolName" in refused.stderr
