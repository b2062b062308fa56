"""The file of `softfall hash --out`: whole lines, gone on with, and never another's."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from softfall.cli import hash_output
from softfall.cli.hash_output import OutDiffers, OutFile, OutInUse, OutMisplaced, OutUnwritable
from softfall.cli.hash_rows import FileHashes, Form, columns, header, line, shown_name
from softfall.cli.hash_torn import torn_csv, torn_json
from tests.cli.test_hash import HOSTILE_NAMES, PHOTOGRAPH, run

NOWHERE: list[Path] = []


def row(name: str, mode: str = "exact", **told: object) -> FileHashes:
    return FileHashes(name, mode=mode, format="jpeg", **told)  # type: ignore[arg-type]


def written(path: Path, form: Form, *rows: FileHashes) -> bytes:
    path.write_bytes(b"".join([header(form).encode(), *(line(r, form).encode() for r in rows)]))
    return path.read_bytes()


@pytest.mark.parametrize("form", [Form.JSONL, Form.CSV])
def test_a_torn_last_line_is_cut_off_wherever_it_was_torn(tmp_path: Path, form: Form) -> None:
    out = tmp_path / "out"
    first = written(out, form, row("a"))
    both = written(out, form, row("a"), row("b"))
    for end in range(len(first), len(both)):
        out.write_bytes(both[:end])
        with OutFile(out, form, "exact", [Path("b")]) as opened:
            assert opened.has(Path("a"))
            assert not opened.has(Path("b"))
            opened.write(row("b"))
        assert out.read_bytes() == both


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole = written(out, Form.CSV)
    for end in range(len(whole)):
        out.write_bytes(whole[:end])
        with OutFile(out, Form.CSV, "exact", NOWHERE):
            pass
        assert out.read_bytes() == whole


def test_a_torn_line_longer_than_a_block_is_cut_off_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = written(out, Form.JSONL, row("a"))
    out.write_bytes(first + b'{"path": "' + b"x" * 200_000)
    with OutFile(out, Form.JSONL, "exact", NOWHERE) as opened:
        assert opened.written == 1
    assert out.read_bytes() == first


@pytest.mark.parametrize("form", [Form.JSONL, Form.CSV])
@pytest.mark.parametrize(
    "foreign",
    [b"PRECIOUS", b'{"name": "a', b'{"path": "a", "precious', b"b,words and words", b"\xff\xd8"],
)
def test_a_last_line_of_somebody_elses_is_refused_and_left_alone(
    tmp_path: Path, form: Form, foreign: bytes
) -> None:
    out = tmp_path / "out"
    there = written(out, form, row("a")) + foreign
    out.write_bytes(there)
    with pytest.raises(OutDiffers, match="left alone"):
        OutFile(out, form, "exact", [Path("pictures")])
    assert out.read_bytes() == there


def test_a_line_of_any_file_torn_anywhere_is_known_as_ours(tmp_path: Path) -> None:
    told: dict[str, object] = {"coverage": 0.5, "pdq": "0f" * 32, "what": 'the "name" \\ é'}
    for name in ('with "quotes", commas', "é\x80\n", "=1+1", "plain"):
        path = tmp_path / name
        one = row(*shown_name(path)[:1], **told)
        one.path_hex = shown_name(path)[1]
        for form in (Form.JSONL, Form.CSV):
            whole = line(one, form).rstrip("\r\n").encode()
            for end in range(len(whole) + 1):
                if form is Form.JSONL:
                    assert torn_json(whole[:end], columns())
                else:
                    assert torn_csv(whole[:end], columns(), [tmp_path])


def test_a_line_too_long_to_be_read_is_not_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    there = written(out, Form.JSONL, row("a"), row("b" * 4000), row("c"))
    monkeypatch.setattr(hash_output, "_MAX_LINE_BYTES", 2000)
    with pytest.raises(OutDiffers):
        OutFile(out, Form.JSONL, "exact", NOWHERE)
    assert out.read_bytes() == there


@pytest.mark.parametrize("form", ["--jsonl", "--csv"])
def test_whatever_a_file_is_called_it_is_known_again(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, folder = tmp_path / "out", tmp_path / "names"
    folder.mkdir()
    monkeypatch.chdir(folder)
    names = [Path(os.fsdecode(name)) for name in HOSTILE_NAMES]
    for name in names:
        name.write_bytes(PHOTOGRAPH.read_bytes())
    assert run(form, "--out", out, "--", *names)[0] == 0
    once = out.read_bytes()
    assert run(form, "--out", out, "--", *names)[0] == 0
    assert out.read_bytes() == once


def test_files_that_came_meanwhile_are_added_and_those_that_went_stay(tmp_path: Path) -> None:
    out, folder = tmp_path / "out.jsonl", tmp_path / "pictures"
    folder.mkdir()
    for name in ("b.jpg", "d.jpg"):
        (folder / name).write_bytes(PHOTOGRAPH.read_bytes())
    run("--out", out, folder)
    before = out.read_bytes()
    (folder / "b.jpg").unlink()
    for name in ("a.jpg", "c.jpg"):
        (folder / name).write_bytes(PHOTOGRAPH.read_bytes())
    run("--out", out, folder)
    assert out.read_bytes().startswith(before)
    names = [Path(json.loads(line)["path"]).name for line in out.read_bytes().splitlines()]
    assert names == ["b.jpg", "d.jpg", "a.jpg", "c.jpg"]


def test_errors_that_an_earlier_run_wrote_still_count(tmp_path: Path) -> None:
    out, broken = tmp_path / "out.jsonl", tmp_path / "broken.jpg"
    broken.write_bytes(b"words")
    assert [run("--out", out, broken, PHOTOGRAPH)[0] for _ in range(2)] == [1, 1]
    assert len(out.read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("there", "form", "mode"),
    [
        (written, Form.CSV, "exact"),
        (lambda path, _, __: written(path, Form.CSV, row("a")), Form.JSONL, "exact"),
        (lambda path, _, __: written(path, Form.JSONL, row("a", "fast")), Form.JSONL, "exact"),
        (lambda path, _, __: path.write_text("notes of somebody\n"), Form.JSONL, "exact"),
        (lambda path, _, __: path.write_text("notes of somebody\n"), Form.CSV, "exact"),
        (lambda path, _, __: path.write_text("notes without an end"), Form.JSONL, "exact"),
        (lambda path, _, __: path.write_text("notes without an end"), Form.CSV, "exact"),
        (lambda path, _, __: path.write_bytes(PHOTOGRAPH.read_bytes()), Form.JSONL, "exact"),
        (lambda path, _, __: path.write_text("[1]\n"), Form.JSONL, "fast"),
        (lambda path, _, __: path.write_text('{"path": "a"}\n'), Form.JSONL, "exact"),
    ],
)
def test_a_file_of_another_form_or_mode_is_refused_and_left_alone(
    tmp_path: Path, there: object, form: Form, mode: str
) -> None:
    out = tmp_path / "out"
    there(out, Form.JSONL, row("a"))  # type: ignore[operator]
    before = out.read_bytes()
    with pytest.raises(OutDiffers):
        OutFile(out, form, mode, NOWHERE)
    assert out.read_bytes() == before


def test_a_fast_run_goes_on_after_exact_rows_and_videos_have_no_say(tmp_path: Path) -> None:
    out = tmp_path / "out"
    written(out, Form.JSONL, row("a"))
    with OutFile(out, Form.JSONL, "fast", NOWHERE) as opened:
        assert opened.has(Path("a"))
    video = FileHashes("v", mode="fast", format="mp4", frames_hashed=3)
    written(out, Form.JSONL, row("a"), video)
    with OutFile(out, Form.JSONL, "exact", NOWHERE) as opened:
        assert opened.written == 2


def test_the_mode_of_another_run_is_refused_by_name(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    written(out, Form.JSONL, row("a", "fast"))
    code, _, said = run("--out", out, PHOTOGRAPH)
    assert code == 2
    assert "OutDiffers: the output holds rows of mode fast, not exact" in said


def test_two_runs_never_write_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutFile(out, Form.JSONL, "exact", NOWHERE), pytest.raises(OutInUse):
        OutFile(out, Form.JSONL, "exact", NOWHERE)
    with out.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # and it is let go of at the end


def test_an_output_among_the_files_to_be_hashed_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "way-in").symlink_to(folder / "below")
    for out in (folder / "out", folder / "below" / "out", tmp_path / "way-in" / "out"):
        with pytest.raises(OutMisplaced, match="among"):
            OutFile(out, Form.JSONL, "exact", [folder])
        assert not out.exists()
    with pytest.raises(OutMisplaced):
        OutFile(tmp_path / "a.jpg", Form.JSONL, "exact", [tmp_path / "a.jpg"])


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OutMisplaced):
            OutFile(out, Form.JSONL, "exact", NOWHERE)


def test_a_place_that_is_not_there_or_may_not_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutUnwritable, match="No such file"):
        OutFile(tmp_path / "nowhere" / "out", Form.JSONL, "exact", NOWHERE)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutUnwritable, match="Permission denied"):
        OutFile(tmp_path / "out", Form.JSONL, "exact", NOWHERE)


def test_a_full_disk_leaves_whole_lines_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """The limit on a file's size stands for the disk: a write past it is cut short, then fails."""
    out, folder = tmp_path / "out.jsonl", tmp_path / "pictures"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.jpg").write_bytes(PHOTOGRAPH.read_bytes())

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    program = "from softfall.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, "hash", "--out", out, folder],
        preexec_fn=small_disk,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"OutUnwritable: the output can't be written: File too large" in done.stderr
    left = out.read_bytes()
    assert left.endswith(b"\n")
    assert 1000 < len(left) <= 2000
    assert run("--out", out, folder)[0] == 0
    assert out.read_bytes().startswith(left)
    assert len(out.read_bytes().splitlines()) == 8


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with OutFile(tmp_path / "out", Form.JSONL, "exact", NOWHERE):
        pass
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
