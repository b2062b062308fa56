"""`softfall hash` of a folder: by several processes, in order, whatever a file does to one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from softfall.cli.hash_crew import Crew, HashingUnavailable, Worker, hashing
from softfall.cli.hash_rows import FileHashes, Form, hash_file, line
from softfall.config import MediaLimits
from tests.cli.test_hash import run
from tests.media.photographs import photograph
from tests.media.picture_files import saved

LIMITS = MediaLimits()
PROGRAM = "from softfall.cli.main import main; main()"

# Stands for a decoder with a memory fault: a worker that dies of files with certain names.
FRAGILE = """
import os, signal, sys
from softfall.cli import hash_worker
hash_one = hash_worker.hash_file
def fragile(path, *how):
    for name in (signal.SIGSEGV, signal.SIGABRT):
        if name.name in path.name:
            os.kill(os.getpid(), name)
    if "status" in path.name:
        os._exit(7)
    return hash_one(path, *how)
hash_worker.hash_file = fragile
hash_worker.main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some small pictures, in three folders."""
    top = tmp_path / "pictures"
    data = saved(Image.fromarray(photograph("coffee.png")).resize((160, 120)), "JPEG")
    for number in range(30):
        path = top / f"{number % 3}" / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + b"\0" * number)
    return top


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def plain(folder: Path) -> list[FileHashes]:
    """What one process says of each file, in order."""
    return [hash_file(path, LIMITS) for path in sorted(folder.rglob("*.jpg"))]


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_several_processes_say_what_one_says_and_in_the_same_order(folder: Path, jobs: int) -> None:
    with Crew(hashing(LIMITS, "exact"), jobs) as crew:
        assert list(crew.rows(sorted(folder.rglob("*.jpg")))) == plain(folder)


def test_a_slow_file_delays_no_other_and_keeps_its_place(folder: Path) -> None:
    slow = folder / "0" / "00.jpg"
    Image.effect_noise((3000, 3000), 40).save(slow, "PNG")
    with Crew(hashing(LIMITS, "exact"), 2) as crew:
        assert list(crew.rows(sorted(folder.rglob("*.jpg")))) == plain(folder)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_ends_its_process_costs_that_file_alone(folder: Path, jobs: int) -> None:
    crashing = ["0/00.SIGSEGV.jpg", "0/03.SIGABRT.jpg", "1/00.SIGSEGV.jpg", "2/99.status.jpg"]
    for name in crashing:
        (folder / name).write_bytes(b"never opened")
    paths = sorted(folder.rglob("*.jpg"))
    with Crew(hashing(LIMITS, "exact"), jobs, (sys.executable, "-c", FRAGILE)) as crew:
        rows = list(crew.rows(paths))
    assert [row.path for row in rows] == [str(path) for path in paths]
    told = {str(Path(row.path).relative_to(folder)): row.what for row in rows if row.error}
    ended = "the process that opened the file ended"
    assert told == {
        "0/00.SIGSEGV.jpg": f"{ended} (SIGSEGV)",
        "0/03.SIGABRT.jpg": f"{ended} (SIGABRT)",
        "1/00.SIGSEGV.jpg": f"{ended} (SIGSEGV)",
        "2/99.status.jpg": f"{ended} (status 7)",
    }
    assert {row.error for row in rows if row.error} == {"HashingCrashed"}
    assert [row for row in rows if not row.error] == [
        row for row in plain(folder) if Path(row.path).name not in "".join(crashing)
    ]


@pytest.mark.parametrize("command", [("/nothing/there",), (sys.executable, "-c", "raise OSError")])
def test_processes_that_do_not_start_are_an_error_of_the_installation(
    folder: Path, command: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(HashingUnavailable), Crew(hashing(LIMITS, "exact"), 2, command) as crew:
        list(crew.rows(folder.rglob("*.jpg")))


def test_no_more_processes_are_started_than_make_sense(folder: Path) -> None:
    code, printed, said = run("--jobs", "100000", folder)
    assert (code, printed) == (2, b"")
    assert "TooManyProcesses: 100000 processes are asked for; here " in said


def test_what_a_library_prints_is_no_answer(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chatty = "import os\nfrom softfall.cli import hash_worker as w\nhash_one = w.hash_file\n"
    chatty += "def said(*a):\n os.write(1, b'noise\\n')\n return hash_one(*a)\n"
    chatty += "w.hash_file = said\nw.main()\n"
    with Crew(hashing(LIMITS, "exact"), 2, (sys.executable, "-c", chatty)) as crew:
        assert list(crew.rows(sorted(folder.rglob("*.jpg")))) == plain(folder)
    assert capfd.readouterr().err.count("noise") == 30


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_every_line_names_its_mode(folder: Path, tmp_path: Path, mode: str) -> None:
    (folder / "broken.jpg").write_bytes(b"words")
    out = tmp_path / "out.jsonl"
    code, printed, _ = run("--mode", mode, "--out", out, folder)
    assert (code, printed) == (1, b"")
    rows = rows_of(out)
    files = [Path(str(row["path"])) for row in rows]
    told = [line(hash_file(path, LIMITS, mode), Form.JSONL) for path in files]
    assert rows == [json.loads(each) for each in told]
    assert len(rows) == 31
    assert {row["mode"] for row in rows if row["error"]} == {mode}
    assert {row["mode"] for row in rows} <= {mode, "exact"}


def started(*arguments: str | Path, **options: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "hash", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not what() and time.monotonic() < until:
        time.sleep(0.005)
    assert what()


def linked(folder: Path, count: int) -> Path:
    """So many files that are a few files under many names."""
    sources = sorted(folder.rglob("*.jpg"))
    many = folder.parent / f"many-{count}"
    for number in range(count):
        path = many / f"{number // 500:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(sources[number % len(sources)], path)
    return many


@pytest.mark.parametrize("form", ["--jsonl", "--csv"])
def test_a_run_that_is_killed_in_the_middle_goes_on_as_if_nothing_had_been(
    folder: Path, tmp_path: Path, form: str
) -> None:
    many, whole, killed = linked(folder, 600), tmp_path / "whole", tmp_path / "killed"
    assert run(form, "--out", whole, many)[0] == 0
    process = started(form, "--out", killed, many)
    wait_for(lambda: killed.exists() and killed.stat().st_size > whole.stat().st_size // 5)
    process.kill()
    process.communicate()
    left = killed.read_bytes()
    assert whole.read_bytes().startswith(left)
    assert len(left) < whole.stat().st_size
    assert run(form, "--out", killed, many)[0] == 0
    assert killed.read_bytes() == whole.read_bytes()


def test_ctrl_c_ends_it_cleanly_and_its_processes_with_it(folder: Path, tmp_path: Path) -> None:
    many, out = linked(folder, 900), tmp_path / "out"
    process = started("--out", out, many, start_new_session=True)
    wait_for(lambda: out.exists() and out.stat().st_size > 0)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == b"softfall: interrupted; the same command goes on from here\n"
    assert out.read_bytes().endswith(b"\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_process_that_still_starts_hears_no_ctrl_c(capfd: pytest.CaptureFixture[str]) -> None:
    slow = (sys.executable, "-c", "import time; time.sleep(0.3)")
    worker = Worker(slow, None)
    os.kill(worker._process.pid, signal.SIGINT)
    assert worker._process.wait() == 0
    worker.end(at_once=False)
    assert capfd.readouterr().err == ""
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_processes_end_with_the_one_that_started_them(folder: Path, tmp_path: Path) -> None:
    many, out = linked(folder, 900), tmp_path / "out"
    process = started("--out", out, many, start_new_session=True)
    wait_for(lambda: out.exists() and out.stat().st_size > 0)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(group == process.pid for group in groups()))


def groups() -> Iterator[int]:
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            yield int(fields[2])


PEAK = "import resource, sys; from softfall.cli.main import main\ntry:\n main()\nfinally:\n print("
PEAK += "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "
PEAK += "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"


def peaks_kib(*arguments: str | Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "hash", *map(str, arguments)],
        capture_output=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    tiny = tmp_path / "tiny" / "a.jpg"
    tiny.parent.mkdir()
    tiny.write_bytes(saved(Image.new("RGB", (16, 16)), "JPEG"))
    few, many = (
        peaks_kib("--out", tmp_path / f"{count}.jsonl", linked(tiny.parent, count))
        for count in (400, 4000)
    )
    assert len(rows_of(tmp_path / "4000.jsonl")) == 4000
    assert [after - before < 2048 for before, after in zip(few, many, strict=True)] == [True, True]
