"""Processes of casework, for tests that run several at once, or kill one.

This module runs as a process that starts others by fork, since an interpreter of its own for each
would take seconds: a line of JSON in is a list of jobs, each a list of words; they run at once,
each in a process of its own; a line of JSON out tells how each ended (as `Popen.returncode`) and
what it printed.

enact URL PROVIDER NOW STEP    bring enactments until none is due; killed at STEP
take URL NAME                  take cases until none is left, a line each
deed URL CASE STATEMENT        take, decide (a referral), second-read one case; killed before
                               the given SQL statement of its writes (0: never)
"""

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import event

from softfall.casework import enacting, enactor
from softfall.casework.enactor import Enactor
from softfall.casework.model import Outcome

from .office import LEA, MO, START_MS, Office, StaffRef, ruling

STEPS = ("claiming", "claimed", "sent", "answered", "marked", "written", "never")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **names: Any) -> Any:
        function(*args, **names)
        die()

    return call


def enact(url: str, provider: str, now_ms: str, step: str) -> None:
    office = Office(url)
    client = httpx.Client(base_url=provider)
    bringer = Enactor(office.db, client, lambda: int(now_ms), f"process {os.getpid()}")
    if step == "claiming":
        enactor._claim = killed_after(enactor._claim)  # its transaction is open still
    elif step == "claimed":
        bringer._bring = killed_after(lambda row: None)  # type: ignore[method-assign]
    elif step == "sent":
        client.post = killed_after(client.post)  # type: ignore[method-assign]
    elif step == "answered":
        bringer._bring = killed_after(bringer._bring)  # type: ignore[method-assign]
    elif step == "marked":
        enacting.mark_done = killed_after(enacting.mark_done)
    while bringer.run_once():
        if step == "written":
            die()


def take(url: str, name: str) -> None:
    office = Office(url)
    while (view := office.desk.take_next(StaffRef(name, MO.role))) is not None:
        sys.stdout.write(f"{view.row.case_id} {name}\n")
    sys.stdout.flush()


def deed(url: str, case_id: str, statement: str) -> None:
    office = Office(url)
    office.now_ms = START_MS + 1
    counted = [0]

    def count(*_: object) -> None:
        counted[0] += 1
        if counted[0] == int(statement):
            die()

    event.listen(office.db.engine, "before_cursor_execute", count)
    event.listen(office.db.engine, "commit", count)
    office.desk.take(case_id, MO)
    office.desk.decide(case_id, MO, ruling(Outcome.REFER))
    office.desk.second_read(case_id, LEA, True, "agreed")
    sys.stdout.write(f"{counted[0]}\n")
    sys.stdout.flush()


JOBS: dict[str, Callable[..., None]] = {"enact": enact, "take": take, "deed": deed}


def forked(job: list[str], out: int) -> int:
    """Run a job in a child; its process id. out: the file that it prints to."""
    child = os.fork()
    if child == 0:
        os.dup2(out, sys.stdout.fileno())
        try:
            JOBS[job[0]](*job[1:])
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def main() -> None:
    for line in sys.stdin:
        running = []
        for job in json.loads(line):
            out = tempfile.TemporaryFile()  # noqa: SIM115 - read when its process has ended
            running.append((forked(job, out.fileno()), out))
        ends = []
        for child, out in running:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            out.seek(0)
            ends.append([status, out.read().decode()])
        sys.stdout.write(json.dumps(ends) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
