"""`softfall compare` as it is typed: what it refuses, and that nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from softfall.compare.photographs import default_paths

from .typed import Done, as_a_program, typed

SOFTFALL = [sys.executable, "-m", "softfall", "compare"]


def run(*words: str | Path, folder: Path, how: Callable[..., Done] = typed) -> Done:
    return how(folder, "compare", *words, environment={"TMPDIR": str(folder)})


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in default_paths():
        if path.stem in ("chelsea", "coffee", "coins"):
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["/nowhere/at/all"], "NoPhotographs"),
        (["--option", "splitt"], "UnknownOption"),
        (["--list", "/nowhere/list.txt"], "UnreadableList"),
        (["--html", "/proc/nowhere/report.html"], "ReportUnwritable"),
        (["--json", "/"], "ReportUnwritable"),
    ],
)
def test_bad_input_is_refused_by_name_with_a_remedy(words: list[str], error: str, scratch: Path):
    ran = run(*words, folder=scratch)
    assert ran.returncode == 2
    assert error in ran.stderr
    assert "what to do:" in ran.stderr
    assert list(scratch.glob("softfall-compare-*")) == []


def test_the_nearest_option_is_named(scratch: Path):
    assert "'split'" in run("--option", "splitt", folder=scratch, how=as_a_program).stderr


@pytest.mark.parametrize(
    ("content", "error"),
    [("", "EmptyList"), ("no hash\n", "EmptyKnownList"), ("0f" * 32 + "\n", "NothingListed")],
)
def test_a_list_that_is_of_no_use_is_refused_by_name(
    photographs: Path, tmp_path: Path, scratch: Path, content: str, error: str
):
    path = tmp_path / "list.txt"
    path.write_text(content)
    ran = run(photographs, "--list", path, "--option", "in_transit", folder=scratch)
    assert ran.returncode == 2
    assert error in ran.stderr


def test_files_that_are_no_pictures_are_refused_by_name(tmp_path: Path, scratch: Path):
    (tmp_path / "notes.txt").write_text("not a picture")
    ran = run(tmp_path / "notes.txt", folder=scratch)
    assert ran.returncode == 2
    assert "NoPhotographs" in ran.stderr


def test_the_baseline_alone_is_compared_written_and_nothing_stays_behind(
    photographs: Path, tmp_path: Path, scratch: Path
):
    html, written = tmp_path / "out" / "report.html", tmp_path / "out" / "report.json"
    words = ("--option", "in_transit", "--list-size", "500", "--html", html, "--json", written)
    ran = run(photographs, *words, folder=scratch, how=as_a_program)
    assert ran.returncode == 0, ran.stderr
    assert str(html) in ran.stdout.replace("\n", "")
    assert "Colluding pair caught" in ran.stdout
    assert "messages:" in ran.stderr
    found = json.loads(written.read_text())
    assert found["list_size"] == 501
    assert [option["name"] for option in found["options"]] == ["in_transit"]
    assert html.read_text().startswith("<!doctype html>")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_and_no_folder(
    photographs: Path, scratch: Path, number: signal.Signals
):
    running = subprocess.Popen(
        [*SOFTFALL, str(photographs), "--list-size", "3000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    parties: set[int] = set()
    until = time.monotonic() + 120
    while time.monotonic() < until and len(parties) < 11:
        assert running.poll() is None, running.communicate()[1]
        parties |= _children(running.pid)
        time.sleep(0.1)
    assert len(parties) >= 11
    running.send_signal(number)
    _, told = running.communicate()
    assert running.returncode not in (0, None), told
    assert not [pid for pid in parties if Path(f"/proc/{pid}").exists()]
    assert list(scratch.glob("softfall-compare-*")) == []


def _children(pid: int) -> set[int]:
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found |= {int(child) for child in (task / "children").read_text().split()}
        except FileNotFoundError:
            continue  # the thread has ended meanwhile
    return found
