"""`softfall list`, as its keeper types it."""

import hashlib
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from softfall.cli import main as command
from softfall.cli.list_files import form_of_name
from softfall.lists.formats.forms import Form


def pdq(seed: int) -> str:
    half = hashlib.sha256(seed.to_bytes(16)).digest()[:16]
    return (half + bytes(255 - byte for byte in half)).hex()


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Run:
    settings = tmp_path / "softfall.toml"
    settings.write_text(f'[custodian]\ndata_dir = "{tmp_path / "data"}"\n')

    def say(verb: str, *words: str) -> Said:
        typed = ["softfall", "list", verb, *words, "--config", str(settings)]
        monkeypatch.setattr(sys, "argv", typed)
        code = 0
        try:
            command.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsysbinary.readouterr()
        return Said(code, captured.out.decode(), captured.err.decode())

    return say


@pytest.fixture
def listed(run: Run, tmp_path: Path) -> Path:
    """A list that has been imported: three hashes by a hotline."""
    file = tmp_path / "hotline.csv"
    file.write_text(
        "hash,source,label,certifiers\n"
        + "".join(f"{pdq(seed)},hotline,holiday,iwf;ncmec\n" for seed in (1, 2, 3))
    )
    assert run("import", str(file)).code == 0
    return file


def test_an_import_says_what_it_did(run: Run, listed: Path) -> None:
    again = run("import", str(listed))
    assert again.code == 0
    assert "3 statements" in again.out
    assert "unchanged  3" in again.out


def test_bad_lines_are_named_and_the_exit_code_says_so(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mixed.txt"
    file.write_text(f"{pdq(1)}\nnonsense\n{'0' * 64}\n")
    said = run("import", str(file), "--source", "hotline")
    assert said.code == 1
    assert "line 2: " in said.err
    assert "line 3: " in said.err
    assert "added      1" in said.out


def test_only_the_first_hundred_bad_lines_are_printed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text("bad\n" * 130)
    said = run("import", str(file), "--source", "hotline")
    assert said.err.count("line ") == 100
    assert "and 30 more bad lines" in said.err


@pytest.mark.parametrize(
    ("content", "name", "error"),
    [
        (b"", "list.txt", "EmptyList"),
        (b"hash\n", "list.csv", "EmptyList"),
        (b"\xff\xfea\x00", "list.txt", "WrongEncoding"),
        (b"hash,what\n", "list.csv", "BadHeader"),
    ],
)
def test_a_useless_file_is_a_named_error_with_its_remedy(
    run: Run, tmp_path: Path, content: bytes, name: str, error: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    said = run("import", str(file), "--source", "hotline")
    assert said.code == 2
    assert f"softfall: {error}: " in said.err
    assert "what to do: " in said.err


def test_a_plain_list_needs_its_source_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text(pdq(1))
    assert "SourceNeeded" in run("import", str(file)).err
    assert run("import", str(file), "--source", "Hotline").code == 0
    assert "source hotline: 1 active" in run("show").out


@pytest.mark.parametrize("path", ["missing.txt", ".", "nul\0l"])
def test_a_file_that_cannot_be_opened_is_a_named_error(run: Run, path: str, tmp_path: Path) -> None:
    said = run("import", str(tmp_path / path), "--form", "csv")
    assert (said.code, "UnreadableList" in said.err) == (2, True)


def test_a_form_may_be_named_where_it_cannot_be_guessed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text(f"{pdq(1)},hotline\n")
    assert "BadHeader" in run("import", str(file)).err
    assert run("import", str(file), "--form", "plain", "--source", "x").code == 1


def test_a_threatexchange_list_needs_no_source(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "updates.json"
    kinds = ("HASH_PDQ", "HASH_MD5")
    updates = [
        {"indicator": pdq(1), "type": kind, "last_updated": 5, "should_delete": False,
         "descriptors": {"data": [{"owner": {"id": "7"}, "status": "MALICIOUS", "tags": []}]}}
        for kind in kinds
    ]  # fmt: skip
    file.write_text(json.dumps({"data": updates}, indent=1))
    said = run("import", str(file))
    assert said.code == 0
    assert "skipped    1 (type HASH_MD5 is not matched on)" in said.out
    shown = run("show", "1").out
    assert "threatexchange: active; added 1970-01-01 00:00 UTC" in shown
    assert "certifiers  threatexchange:7" in shown


def test_a_listing_dated_in_the_future_is_a_bad_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"hash,source,added\n{pdq(1)},hotline,2999-01-01T00:00:00Z\n")
    said = run("import", str(file))
    assert (said.code, "future" in said.err) == (1, True)


def test_hashes_that_are_not_balanced_are_noted(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("f" * 20 + "0" * 44)
    assert (
        "hashes that have not 128 ones of 256 bits: 1"
        in run("import", str(file), "--source", "x").out
    )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_an_export_comes_back_as_it_was(
    run: Run, listed: Path, tmp_path: Path, suffix: str
) -> None:
    run("withdraw", "2")
    file = tmp_path / f"out{suffix}"
    said = run("export", str(file))
    assert (said.code, said.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = run("show").out
    assert "unchanged  3" in run("import", str(file)).out
    assert run("show").out == before
    assert "lines written: 2 " in run("export", "--active", "--form", "jsonl", "-").err


def test_plain_exports_each_active_hash_once(run: Run, listed: Path) -> None:
    run("add", pdq(1), "--source", "school")
    run("withdraw", "3")
    said = run("export", "-", "--form", "plain")
    assert said.out.split() == [pdq(1), pdq(2)]


def test_an_export_may_be_of_one_source_only(run: Run, listed: Path) -> None:
    run("add", pdq(9), "--source", "school")
    said = run("export", "-", "--form", "plain", "--source", "School")
    assert said.out.split() == [pdq(9)]
    assert "left the list: 1" in run("withdraw", pdq(9), "--source", " SCHOOL").out


def test_an_export_never_replaces_a_file_unasked(run: Run, listed: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("precious")
    said = run("export", str(file))
    assert (said.code, "ExportRefused" in said.err) == (2, True)
    assert file.read_text() == "precious"
    assert run("export", str(file), "--force").code == 0
    assert pdq(1) in file.read_text()
    assert "ExportRefused" in run("export", str(tmp_path / "no" / "out.csv")).err
    assert "FormUnclear" in run("export", str(tmp_path / "out.xls")).err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "data", "hotline.csv", "out.csv", "softfall.toml"]  # fmt: skip


def test_a_hash_is_added_withdrawn_and_added_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("add", pdq(5).upper(), "--source", "Hotline", "--label", "a1", "--certifier", "IWF")
    assert first.code == 0
    assert "entry 1 (" in first.out
    assert "certifiers  iwf" in first.out
    assert "entries that left the list: 1" in run("withdraw", pdq(5)).out
    assert "withdrawn entries  1" in run("show").out
    monkeypatch.setattr(sys, "stdin", io.StringIO(pdq(5) + "\n"))
    assert "active, hotline" in run("add", "-", "--source", "hotline").out


def test_a_source_withdraws_everything_only_when_sure(
    run: Run, listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", pdq(1), "--source", "school")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert run("withdraw", "--all", "--source", "hotline").code == 1
    assert "active entries     3" in run("show").out
    said = run("withdraw", "--all", "--source", "hotline", "--yes")
    assert "statements withdrawn: 3; entries that left the list: 2" in said.out


@pytest.mark.parametrize("words", [[], ["--all"], ["1", "--all"], ["--source", "hotline"]])
def test_a_withdrawal_must_say_of_what(run: Run, listed: Path, words: list[str]) -> None:
    assert run("withdraw", *words).code == 2
    assert "active entries     3" in run("show").out


def test_search_finds_a_near_hash_and_prints_no_whole_one(run: Run, listed: Path) -> None:
    near = f"{int(pdq(2), 16) ^ 0b111:064x}"
    said = run("search", near, "--radius", "4")
    assert said.code == 0
    assert "hash 1: 3 bits from entry 2 (" in said.out
    for seed in (1, 2, 3):
        assert pdq(seed)[8:] not in said.out + said.err
    assert "matches: 1," in said.err
    assert "matches: 0," in run("search", near, "--radius", "2").err


def test_search_takes_a_file_of_hashes(run: Run, listed: Path, tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text(f"{pdq(3)}\nbad\n{pdq(1 << 90)}\n")
    said = run("search", str(file), "--radius", "0")
    assert said.code == 1
    assert "hash 1: 0 bits from entry 3" in said.out
    assert "matches: 1, for hashes: 2" in said.err
    assert "line 2: " in said.err


def test_a_search_beyond_31_bits_is_refused_by_rule(run: Run, listed: Path) -> None:
    said = run("search", pdq(1), "--radius", "32")
    assert (said.code, "RadiusTooLarge" in said.err) == (4, True)


@pytest.mark.parametrize(
    ("verb", "key", "error"),
    [
        ("show", "99", "UnknownEntry"),
        ("show", "9" * 30, "BadKey"),
        ("show", "x", "BadKey"),
        ("withdraw", pdq(77), "UnknownEntry"),
        ("search", "nowhere.txt", "BadKey"),
        ("search", "z" * 64, "BadEntry"),
    ],
)
def test_a_key_that_leads_nowhere_is_a_named_error(
    run: Run, listed: Path, verb: str, key: str, error: str
) -> None:
    said = run(verb, key)
    assert (said.code, f"softfall: {error}" in said.err) == (2, True)
    assert key[:20] not in said.err or len(key) < 40


@pytest.mark.parametrize("words", [["--source", ""], ["--source", "a;b"], ["--label", "=1"]])
def test_a_name_that_cannot_be_used_is_a_named_error(run: Run, words: list[str]) -> None:
    said = run("add", pdq(1), "--source", "hotline", *words)
    assert (said.code, "BadEntry" in said.err) == (2, True)


def test_no_output_but_an_export_holds_a_whole_hash(run: Run, listed: Path) -> None:
    said = [run("show"), run("show", "1"), run("show", pdq(2)), run("import", str(listed)),
            run("add", pdq(3), "--source", "school"), run("search", str(listed)),
            run("withdraw", "1")]  # fmt: skip
    for one in said:
        for seed in (1, 2, 3):
            assert pdq(seed)[:9] not in one.out + one.err


def test_a_list_may_come_from_a_pipe(tmp_path: Path) -> None:
    environment = os.environ | {"SOFTFALL__CUSTODIAN__DATA_DIR": str(tmp_path / "data")}
    typed = "import sys; sys.argv[0] = 'softfall'; from softfall.cli.main import main; main()"
    lines = "".join(f'{{"hash": "{pdq(seed)}", "source": "hotline"}}\n' for seed in range(3000))
    done = subprocess.run(
        [sys.executable, "-c", typed, "list", "import", "-"],
        input=lines, capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    assert "- (jsonl): 3000 statements" in done.stdout
    assert done.stderr == ""


def test_forms_are_told_by_a_files_name() -> None:
    told = {name: form_of_name(Path(name)) for name in ("a.TXT", "a.csv", "a.jsonl", "a.json")}
    assert list(told.values()) == list(Form)


def test_help_loads_neither_database_nor_kernels() -> None:
    program = (
        "import sys, softfall.cli.main; "
        "sys.exit(bool({'numba', 'numpy', 'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
