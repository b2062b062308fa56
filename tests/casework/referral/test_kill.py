"""Sender processes are killed between each pair of steps: one finished report, nothing lost.

A real sender process and the real simulator process over a socket; SIGKILL, on both databases.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from softfall.casework.database import MIGRATIONS
from softfall.casework.referral.client import Client
from softfall.casework.referral.life import State
from softfall.casework.referral.referrals import Referrals
from softfall.casework.referral.sending import LEASE_MS, Sender
from softfall.config import ReferralSettings
from tests.casework.referral.town import (
    CASE,
    SETTINGS,
    MemoryCaseFile,
    open_database,
    text_only,
    waits,
)
from tests.databases import Databases

STEPS = 6 * 3  # submit, two uploads, two descriptions, finish: asking, answered, recorded
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def authority() -> Iterator[str]:
    """`softfall simulator cybertipline` as people run it."""
    program = "from softfall.cli.main import main; main()"
    arguments = [sys.executable, "-c", program, "simulator", "cybertipline", "--port", "0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on ")
    yield line.removeprefix("listening on ").strip()
    process.kill()
    process.wait()
    process.stdout.close()


def control(url: str, what: str, **told: Any) -> Any:
    body = None if what == "state" else json.dumps(told).encode()
    with urllib.request.urlopen(f"{url}/control/{what}", body) as reply:
        return json.load(reply)


def case() -> MemoryCaseFile:
    casefile = MemoryCaseFile(text_only())
    casefile.add_picture(11, b"a harmless photograph", viewed=True)
    casefile.add_picture(12, b"another harmless photograph")
    return casefile


@dataclass
class Post:
    """A database with one referral on its way, and the authority. ahead_ms: of the clock."""

    url: str
    settings: ReferralSettings
    before: int
    ahead_ms: int = 0
    case_id: str = CASE

    def clock(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def put_on_its_way(self, *case_ids: str) -> None:
        """Approve referrals; from here on only they are looked at."""
        db = open_database(self.url)
        referrals = Referrals(db, self.clock, self.settings, case())
        for case_id in case_ids:
            referrals.approve(case_id, "lena", referrals.draft(case_id).digest)
        db.close()
        self.case_id = case_ids[-1]
        self.before = len(control(self.settings.cybertipline_url, "state")["reports"])

    def run_sender(self, on_step: Callable[[str], None]) -> None:
        """One round of one process's sender."""
        db = open_database(self.url)
        with Client(self.settings) as client:
            Sender(db, self.clock, client, case(), on_step=on_step).run_once()
        db.close()

    def killed_at(self, step: int) -> int | None:
        """A sender process that kills itself at a step; its exit code (-9: it was killed)."""
        self.ahead_ms += LEASE_MS + 3_600_000 // 4  # the dead one's lease is over
        process = FORK.Process(target=self._run_until, args=(step,))
        process.start()
        process.join()
        return process.exitcode

    def _run_until(self, step: int) -> None:
        places: list[str] = []

        def die(place: str) -> None:
            places.append(place)
            if len(places) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        with contextlib.suppress(KeyboardInterrupt):
            self.run_sender(die)
        os._exit(0)

    def finish(self) -> State:
        """An honest process from here on, until nothing is left to do."""
        db = open_database(self.url)
        with Client(self.settings) as client:
            sender = Sender(db, self.clock, client, case())
            for _ in range(60):
                self.ahead_ms += LEASE_MS + 1
                while sender.run_once():
                    pass
                with db.read() as tx:
                    if not waits(tx):
                        break
        state = Referrals(db, self.clock, self.settings, case()).status(self.case_id).state
        db.close()
        return state

    def reports(self) -> list[dict[str, Any]]:
        """What the authority received since this began."""
        reports: list[dict[str, Any]] = control(self.settings.cybertipline_url, "state")["reports"]
        return reports[self.before :]

    def check(self) -> None:
        """Exactly one finished report, each file in it once, described."""
        assert self.finish() is State.FINISHED
        finished = [report for report in self.reports() if report["fate"] == "finished"]
        assert len(finished) == 1
        (report,) = finished
        assert sorted(file["md5"] for file in report["files"]) == sorted(
            hashlib.md5(body).hexdigest() for body in case().bodies.values()
        )
        assert all(file["described"] for file in report["files"])


def on_its_way(databases: Databases, authority: str) -> Post:
    """A fresh database with an approved referral."""
    url = databases.migrated(MIGRATIONS)
    settings = SETTINGS.model_copy(update={"cybertipline_url": authority})
    post = Post(url, settings, 0)
    post.put_on_its_way(CASE)
    return post


def test_a_sender_killed_at_any_step_is_taken_over(databases: Databases, authority: str) -> None:
    post = on_its_way(databases, authority)
    post.check()
    for step in range(1, STEPS + 1):
        post.put_on_its_way(f"{step:032x}")
        assert post.killed_at(step) == -signal.SIGKILL
        post.check()


@pytest.mark.parametrize("call", ["/submit", "/upload", "/fileinfo", "/finish"])
def test_a_sender_killed_right_after_the_authority_accepted_is_taken_over(
    databases: Databases, authority: str, call: str
) -> None:
    post = on_its_way(databases, authority)
    calls = len(control(authority, "state")["calls"])
    control(authority, "faults", call=call, fault="hold after accept")
    process = FORK.Process(target=post._run_until, args=(10_000,))
    process.start()
    while not any(made == [call, 0] for made in control(authority, "state")["calls"][calls:]):
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    control(authority, "release")
    post.check()


@pytest.mark.parametrize("seed", range(2))
def test_senders_killed_over_and_over_still_finish_once(
    databases: Databases, authority: str, seed: int
) -> None:
    post = on_its_way(databases, authority)
    drawn = random.Random(seed)
    killed = 0
    for _ in range(8):
        killed += post.killed_at(drawn.randint(1, STEPS)) == -signal.SIGKILL
    assert killed
    post.check()


def test_several_senders_on_one_database_send_each_referral_once(
    postgres: Databases, authority: str
) -> None:
    post = on_its_way(postgres, authority)
    post.check()
    case_ids = [f"{number:032x}" for number in range(6)]
    post.put_on_its_way(*case_ids)
    processes = [FORK.Process(target=_send_all, args=(post,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    reports = post.reports()
    assert [report["fate"] for report in reports] == ["finished"] * len(case_ids)
    assert all(len(report["files"]) == 2 for report in reports)


def _send_all(post: Post) -> None:
    db = open_database(post.url)
    with Client(post.settings) as client:
        sender = Sender(db, post.clock, client, case())
        while True:
            with db.read() as tx:
                if not waits(tx):
                    break
            if not sender.run_once():
                time.sleep(0.01)
    os._exit(0)
