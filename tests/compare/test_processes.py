import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from softfall.compare.processes import PartyFailed, Stage

DEVICE = {"role": "sender", "account": "ana", "authority": "/nowhere/ca.crt"}


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not true():
        time.sleep(0.05)
    return true()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_leaving_the_stage_ends_every_process(tmp_path: Path):
    task = {**DEVICE, "views": str(tmp_path)}
    with Stage(tmp_path) as stage:
        parties = [stage.start(f"device {n}", "in-transit-device", task) for n in range(2)]
        for party in parties:
            party.ready()
        pids = [party.pid for party in parties]
        assert all(alive(pid) for pid in pids)
    assert not any(alive(pid) for pid in pids)


def test_a_failure_on_the_stage_ends_every_process(tmp_path: Path):
    pids = []

    def fail() -> None:
        with Stage(tmp_path) as stage:
            party = stage.start("device", "in-transit-device", {**DEVICE, "views": str(tmp_path)})
            pids.append(party.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not alive(pids[0])


def test_a_party_whose_witness_is_killed_ends_by_itself(tmp_path: Path):
    witness = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from softfall.compare.processes import Stage
        stage = Stage(Path({str(tmp_path)!r}))
        task = {{**{DEVICE}, "views": {str(tmp_path)!r}}}
        party = stage.start("device", "in-transit-device", task)
        party.ready()
        print(party.pid, flush=True)
        time.sleep(600)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", witness], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert alive(pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert wait_until(lambda: not alive(pid))


def test_a_party_that_fails_is_named_with_its_reason(tmp_path: Path):
    with Stage(tmp_path) as stage:
        device = stage.start("device", "in-transit-device", {**DEVICE, "views": str(tmp_path)})
        device.ready()
        with pytest.raises(PartyFailed, match="device"):
            device.ask("connect", url="https://127.0.0.1:1")


def test_a_party_that_ends_is_named_with_its_last_words(tmp_path: Path):
    with Stage(tmp_path) as stage:
        device = stage.start("device", "in-transit-device", {**DEVICE, "views": "/nowhere"})
        with pytest.raises(PartyFailed, match=r"device ended: .*nowhere"):
            device.ready()


def test_an_unknown_kind_of_party_is_refused():
    ran = subprocess.run(
        [sys.executable, "-m", "softfall.compare.party", "moderator"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "UnknownParty" in ran.stderr


def test_processor_time_is_that_of_the_party_alone(tmp_path: Path):
    with Stage(tmp_path) as stage:
        party = stage.start("device", "in-transit-device", {**DEVICE, "views": str(tmp_path)})
        party.ready()
        before_ms = party.cpu_ms()
        assert before_ms > 0
        own_ms = time.process_time() * 1000
        while time.process_time() * 1000 < own_ms + 300:
            pass
        assert party.cpu_ms() - before_ms < 150


def test_only_the_code_of_its_own_kind_is_loaded(tmp_path: Path):
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, softfall.compare.parties.provider, softfall.compare.parties.custodian\n"
            "print(*[name for name in sys.modules if name.startswith('softfall') "
            "or name == 'vodozemac'])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ran.stdout.split())
    forbidden = {"softfall.media.decode", "softfall.messaging.session.olm", "vodozemac"}
    assert not loaded & forbidden
    assert not any(name.startswith("softfall.device") for name in loaded)
