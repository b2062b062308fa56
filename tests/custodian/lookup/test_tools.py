"""Tools and their tokens: told once, kept as digests, refused as soon as they are taken away."""

import json

import pytest

from softfall.custodian.lookup import tools
from softfall.custodian.lookup.tools import (
    REREAD_SECONDS,
    TOOLS_FILE,
    BadToolName,
    LookupTokenRefused,
    ToolBook,
    ToolsUnusable,
    UnknownTool,
    add_tool,
    read_tools,
    remove_tool,
)


def bearer(token: str) -> bytes:
    return b"Bearer " + token.encode()


def test_each_tool_is_known_by_its_own_token(tmp_path):
    tokens = {name: add_tool(tmp_path, name) for name in ("scanner", "avatars")}
    book = ToolBook(tmp_path)
    assert {name: book.named(bearer(token), 0) for name, token in tokens.items()} == {
        name: name for name in tokens
    }


def test_what_is_kept_is_not_what_is_shown(tmp_path):
    token = add_tool(tmp_path, "scanner")
    kept = (tmp_path / TOOLS_FILE).read_text()
    assert token not in kept
    assert len(token) >= 43
    assert [tool.name for tool in read_tools(tmp_path)] == ["scanner"]


@pytest.mark.parametrize(
    "shown",
    [None, b"", b"Bearer", b"Bearer ", b"Basic dXNlcg==", b"Bearer x", b"Bearer " + b"x" * 1000],
)
def test_what_is_no_token_is_refused(tmp_path, shown):
    add_tool(tmp_path, "scanner")
    with pytest.raises(LookupTokenRefused):
        ToolBook(tmp_path).named(shown, 0)


def test_a_token_without_its_word_is_none(tmp_path):
    token = add_tool(tmp_path, "scanner")
    with pytest.raises(LookupTokenRefused):
        ToolBook(tmp_path).named(token.encode(), 0)


def test_a_tool_that_was_taken_away_is_refused_within_a_second(tmp_path):
    token = add_tool(tmp_path, "scanner")
    book = ToolBook(tmp_path)
    assert book.named(bearer(token), 0) == "scanner"
    remove_tool(tmp_path, "scanner")
    with pytest.raises(LookupTokenRefused):
        book.named(bearer(token), REREAD_SECONDS)


def test_a_new_token_ends_the_one_before(tmp_path):
    first, second = (add_tool(tmp_path, "scanner") for _ in range(2))
    book = ToolBook(tmp_path)
    assert book.named(bearer(second), 0) == "scanner"
    with pytest.raises(LookupTokenRefused):
        book.named(bearer(first), 0)


def test_without_a_file_nobody_may_ask_until_there_is_one(tmp_path):
    book = ToolBook(tmp_path)
    with pytest.raises(LookupTokenRefused):
        book.named(b"Bearer x", 0)
    token = add_tool(tmp_path, "scanner")
    assert book.named(bearer(token), REREAD_SECONDS) == "scanner"


@pytest.mark.parametrize("name", ["", "A", "-x", "a b", "a" * 33, "ä", "a\n"])
def test_names_that_a_log_or_a_shell_could_stumble_over_are_refused(tmp_path, name):
    with pytest.raises(BadToolName):
        add_tool(tmp_path, name)


def test_a_tool_that_there_is_not_cannot_be_taken_away(tmp_path):
    with pytest.raises(UnknownTool):
        remove_tool(tmp_path, "scanner")


DAMAGED = ["", "{}x", "[1]", json.dumps([{"tool": "a"}])]
DAMAGED.append(json.dumps([{"tool": "a", "token_sha256": "00"}]))


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_lets_nobody_in_and_says_so(tmp_path, text):
    (tmp_path / TOOLS_FILE).write_text(text)
    with pytest.raises(ToolsUnusable):
        ToolBook(tmp_path).named(b"Bearer x", 0)


def test_every_tool_is_compared_whichever_it_is(tmp_path, monkeypatch):
    tokens = [add_tool(tmp_path, name) for name in ("a", "b", "c")]
    compared = []
    real = tools.hmac.compare_digest
    monkeypatch.setattr(
        tools.hmac, "compare_digest", lambda *pair: compared.append(1) or real(*pair)
    )
    book = ToolBook(tmp_path)
    for token in tokens:
        compared.clear()
        book.named(bearer(token), 0)
        assert len(compared) == len(tokens)
