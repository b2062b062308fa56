"""`softfall list index`: builds, shows and looks over the file that searches use."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from softfall.cli import main as command
from softfall.custodian import index_file
from softfall.lists.index import snapshot

Say = Callable[..., tuple[int, str, str]]


def pdq(seed: int) -> str:
    half = seed.to_bytes(16, "big")
    return (half + bytes(255 - byte for byte in half)).hex()


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Say:
    """`softfall list ...` with 40 entries on the list, which have a file."""
    monkeypatch.setattr(index_file, "SCAN_UP_TO_ENTRIES", 20)
    settings = tmp_path / "softfall.toml"
    settings.write_text(f'[custodian]\ndata_dir = "{tmp_path / "data"}"\n')

    def say(*words: str) -> tuple[int, str, str]:
        typed = ["softfall", "list", *words, "--config", str(settings)]
        monkeypatch.setattr(sys, "argv", typed)
        code = 0
        try:
            command.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return (code, *capfd.readouterr())

    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{pdq(seed)}\n" for seed in range(1000, 1040)))
    assert say("import", str(listed), "--source", "hotline")[0] == 0
    return say


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "index" / "list.index"


def test_the_index_is_built_ahead_and_shown(say: Say, path: Path) -> None:
    code, out, _ = say("index")
    assert code == 0
    assert f"file               {path}" in out
    assert f"bytes              {path.stat().st_size}, every one checked" in out
    assert "indexed entries    40" in out


def test_what_changed_since_is_shown_and_everything_is_compared_with_the_store(say: Say) -> None:
    say("index")
    say("add", pdq(5), "--source", "hotline")
    say("withdraw", "3")
    say("withdraw", "4")
    code, out, _ = say("index", "--verify")
    assert code == 0
    assert "changed since      3" in out
    assert "the store's own    all 39 active entries" in out


def test_a_damaged_file_is_said_and_built_again(say: Say, path: Path) -> None:
    say("index")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    code, out, err = say("index", "--verify")
    assert code == 0
    assert "SnapshotDamaged" in err
    assert "all 40 active entries" in out
    assert "SnapshotDamaged" not in say("index")[2]


def test_a_whole_file_with_other_arrays_is_said_and_built_again(say: Say, path: Path) -> None:
    say("index")
    found = snapshot.read(path)
    without_rows = {name: each for name, each in found.arrays.items() if name != "rows"}
    other: Any = SimpleNamespace(arrays=without_rows)
    snapshot.write(path, other, found.position)
    code, out, err = say("search", pdq(1006))
    assert code == 0
    assert "entry 7" in out
    assert "NoIndex" in err
    code, out, err = say("index", "--verify")
    assert code == 0
    assert "all 40 active entries" in out
    assert "NoIndex" in err
    assert "NoIndex" not in say("index")[2]


def test_an_index_that_is_not_the_stores_is_an_error(
    say: Say, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("index")
    opened = index_file.IndexFile.opened

    def wrong(self: index_file.IndexFile) -> index_file.Followed | None:
        import dataclasses

        from softfall.lists.index.live import Edits

        found = opened(self)
        assert found is not None
        return dataclasses.replace(found, live=found.live.changed(Edits.of([(7, None)])))

    monkeypatch.setattr(index_file.IndexFile, "opened", wrong)
    code, _, err = say("index", "--verify")
    assert code == 2
    assert "IndexDiffers" in err


def test_a_short_list_has_no_file(say: Say, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "SCAN_UP_TO_ENTRIES", 1000)
    _, out, _ = say("index")
    assert "none: kept in memory" in out
    assert not path.exists()


@pytest.mark.parametrize("built", [False, True])
def test_a_search_finds_the_same_with_a_file_and_without(say: Say, path: Path, built: bool) -> None:
    if built:
        say("index")
    say("withdraw", "1")
    say("add", pdq(7), "--source", "hotline")
    assert path.exists() == built
    code, out, _ = say("search", pdq(7), "--radius", "31")
    assert code == 0
    assert "0 bits from entry 41" in out
    assert "entry 1 " not in out
    assert out.count("bits from entry") > 10
    assert path.exists() == built  # a search writes nothing
