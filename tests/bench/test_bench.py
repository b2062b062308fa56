"""A bench's figures mean what their column says, and a wrong answer is never a fast one."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from bench.figures import Check, Figure
from bench.memory import RESET_PEAK, peak_bytes
from bench.rows import Row, compare

from bench import __main__ as command
from bench import machine


def fill(mebibytes: int) -> int:
    return int(np.ones(mebibytes * 2**20, np.uint8)[0])


def row(**changes: object) -> Row:
    values = {
        "work": "adding",
        "peer": "numpy 9.9",
        "our_median_ms": 2.0,
        "peer_median_ms": 3.0,
        "ratio": 1.5,
        "our_peak_bytes": None,
        "peer_peak_bytes": 2**20,
        "rounds": 9,
        "exact": True,
        "exactness": "same sum",
    }
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def run(
    rows: Sequence[Row] = (), figures: Sequence[Figure] = (), name: str = "adding"
) -> dict[str, Any]:
    """What a run of one bench measured."""
    return {
        "others_cores": {name: 0.25},
        "rows": [{"bench": name, **asdict(each)} for each in rows],
        "figures": [{"bench": name, **asdict(each)} for each in figures],
    }


def test_the_ratio_is_the_peers_median_over_ours_and_each_side_is_timed_by_itself():
    found = compare(
        "sleeping",
        peer="numpy",
        ours=lambda: time.sleep(0.001),
        theirs=lambda: time.sleep(0.03),
        same="both slept",
        rounds=3,
    )
    assert found.ratio == found.peer_median_ms / found.our_median_ms
    assert found.our_median_ms >= 1  # a sleep may last longer, never shorter
    assert found.peer_median_ms >= 30
    assert found.peer == f"numpy {np.__version__}"
    assert (found.exact, found.exactness, found.rounds) == (True, "both slept", 3)


def test_an_answer_that_differs_is_told():
    found = compare("counting", peer="numpy", ours=lambda: 3, theirs=lambda: 4, same="", rounds=1)
    assert (found.exact, found.exactness) == (False, "they differ")


@pytest.mark.skipif(not RESET_PEAK.exists(), reason="only Linux keeps a process's peak of memory")
def test_the_peak_is_what_the_work_itself_takes_and_not_what_came_before():
    fill(200)
    small, large = peak_bytes(lambda: fill(8)), peak_bytes(lambda: fill(64))
    assert small is not None
    assert large is not None
    assert 8 * 2**20 <= small < 24 * 2**20
    assert 64 * 2**20 <= large < 80 * 2**20


@pytest.mark.parametrize("exact", [True, False])
def test_a_figure_is_printed_and_written_and_a_wrong_answer_fails_the_run(
    exact, tmp_path, monkeypatch, capsys
):
    figure = Check(exact, "the map finds it").figure("a.b", "a map", 12_345_678, "bytes", 2**20)
    monkeypatch.setattr(command, "_run", lambda names: [run(figures=[figure])])
    assert command.main(["--out", str(tmp_path / "bench.json")]) == (0 if exact else 1)
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["figures"][0]["value"] == 12_345_678
    printed = capsys.readouterr().out
    for cell in ("a map", "12,345,678 bytes", "1.0 MiB", "the map finds it"):
        assert cell in printed


def test_a_bench_that_breaks_down_costs_itself_alone(tmp_path, monkeypatch):
    def breaking(names):
        yield run(rows=[row()])
        raise OSError("no room")

    monkeypatch.setattr(command, "_run", breaking)
    with pytest.raises(OSError, match="no room"):
        command.main(["--out", str(tmp_path / "bench.json")])
    assert len(json.loads((tmp_path / "bench.json").read_text())["rows"]) == 1


def test_goals_are_judged_from_the_rows_and_figures_of_the_run(tmp_path, monkeypatch, capsys):
    slow = Check(True, "").figure("tags.device", "device", 1_000, "ms")
    monkeypatch.setattr(command, "_run", lambda names: [run(figures=[slow])])
    assert command.main(["--out", str(tmp_path / "bench.json")]) == 0
    (judged,) = json.loads((tmp_path / "bench.json").read_text())["goals"]
    assert (judged["measured"], judged["met"]) == (1_000, False)
    assert "MISSED" in capsys.readouterr().out


@pytest.mark.parametrize("exact", [True, False])
def test_rows_are_printed_and_written_and_a_wrong_answer_fails_the_run(
    exact, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "_run", lambda names: [run(rows=[row(exact=exact)])])
    code = command.main(["--out", str(tmp_path / "out" / "bench.json")])
    written = json.loads((tmp_path / "out" / "bench.json").read_text())
    printed = capsys.readouterr().out
    assert code == (0 if exact else 1)
    assert written["rows"][0]["ratio"] == 1.5
    assert written["machine"]["python"]
    assert ("WRONG" in printed) == (not exact)
    for cell in ("numpy 9.9", "2 ms", "3 ms", "1.50x", "1.0 MiB", "not known", "same sum"):
        assert cell in printed


def test_an_unknown_bench_is_a_usage_error_that_names_the_known_ones():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "nothing"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "hashing" in done.stderr


def test_what_is_kept_is_what_was_not_measured_anew():
    old = command.joined({}, run(rows=[row(work="old")], name="adding"))
    both = command.joined(old, run(rows=[row(work="other")], name="sorting"))
    assert [each["work"] for each in both["rows"]] == ["old", "other"]
    anew = command.joined(both, run(rows=[row(work="new")], name="adding"))
    assert [each["work"] for each in anew["rows"]] == ["new", "other"]
    assert anew["others_cores"] == {"adding": 0.25, "sorting": 0.25}


@pytest.mark.parametrize("same", [True, False])
def test_nothing_is_kept_of_another_machine(same, tmp_path, monkeypatch, capsys):
    out = tmp_path / "bench.json"
    document = command.joined({}, run(rows=[row(work="old")], name="adding"))
    if not same:
        document["machine"]["cpu"] = "an abacus"
    out.write_text(json.dumps(document))
    monkeypatch.setattr(command, "_run", lambda names: [run(rows=[row()], name="hashing")])
    words = ["hashing", "--keep", "--out", str(out)]
    if same:
        assert command.main(words) == 0
        assert len(json.loads(out.read_text())["rows"]) == 2
    else:
        with pytest.raises(SystemExit):
            command.main(words)
        assert "another machine" in capsys.readouterr().err
        assert json.loads(out.read_text()) == document


def test_others_are_what_is_busy_and_not_our_own(monkeypatch):
    clock = {"monotonic": 0.0, "busy": 50.0, "own": 7.0}
    monkeypatch.setattr(machine.time, "monotonic", lambda: clock["monotonic"])
    monkeypatch.setattr(machine, "_busy_s", lambda: clock["busy"])
    monkeypatch.setattr(machine, "_own_s", lambda: clock["own"])
    others = machine.Others()
    clock.update(monotonic=10.0, busy=65.0, own=17.0)
    assert others.cores() == pytest.approx(0.5)


def test_a_childs_work_is_our_own_while_it_lives():
    spinning = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ninput()"
    before_s = machine._own_s()
    child = subprocess.Popen(
        [sys.executable, "-c", spinning], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        child.stdout.readline()
        assert machine._own_s() - before_s >= 0.25
        child.stdin.write("\n")


def test_busy_time_never_runs_backwards():
    first = machine._busy_s()
    end_ns = time.thread_time_ns() + 50_000_000
    while time.thread_time_ns() < end_ns:
        pass
    assert machine._busy_s() > first > 0
