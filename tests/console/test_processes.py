"""Two real console processes on one PostgreSQL, one of them killed at its work."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from softfall.casework.audit_tables import audit_lines
from softfall.casework.database import MIGRATIONS
from softfall.casework.tables import cases, sources
from softfall.edge.console_tokens import read_console_token
from softfall.store.transactions import Database
from tests.databases import Databases
from tests.provider.process import Served
from tests.provider.test_kill import until_answered

KILLS = 2
ACCOUNTS = 5


@pytest.fixture
def consoles(tmp_path: Path, postgres: Databases) -> Iterator[list[Served]]:
    url, made = postgres.migrated(MIGRATIONS), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        if made:
            (tmp_path / name / "tls").symlink_to(made[0].folder / "tls")
        made.append(
            Served(
                tmp_path / name,
                "console",
                database_url=url,
                data_dir=str(tmp_path / "shared"),
                requests_per_minute=1_000_000,
            )
        )
    for served in made:
        served.start()
    for served in made:
        served.wait_until_ready()
    yield made
    for served in made:
        if served.process is not None and served.process.poll() is None:
            served.stop()


class Teller(threading.Thread):
    """Tells both consoles of the same things, until each has answered, whatever is killed."""

    def __init__(self, consoles: list[Served], name: str) -> None:
        super().__init__()
        token = read_console_token(consoles[0].folder / "tls")
        self.headers = {"authorization": f"Bearer {token}"}
        self.ways = [served.client() for served in consoles]
        self.named = name
        self.stopping = threading.Event()
        self.told: dict[str, set[str]] = {}

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            reference = f"{self.named} {number}"
            body = {
                "reference": reference,
                "source": "tool",
                "subject": f"account {number % ACCOUNTS}",
                "reason": "a tool says so",
                "arrived_at_ms": 1_700_000_000_000 + number,
            }
            for way in self.ways:
                answer = until_answered(lambda way=way, body=body: self.tell(way, body))  # type: ignore[misc]
                assert answer.status_code == 200, answer.text
                self.told.setdefault(reference, set()).add(answer.json()["case_id"])

    def tell(self, way: httpx.Client, body: dict[str, object]) -> httpx.Response:
        return way.post("/v1/intake", json=body, headers=self.headers)


def test_what_is_told_to_two_consoles_is_one_source_each_and_none_is_lost_to_a_kill(
    consoles: list[Served],
) -> None:
    chance = random.Random(20_240_302)
    tellers = [Teller(consoles, f"teller {number}") for number in range(3)]
    for teller in tellers:
        teller.start()
    try:
        for _ in range(KILLS):
            wait_for_more(tellers)
            time.sleep(chance.uniform(0, 0.2))
            consoles[1].kill()
            consoles[1].start()
            consoles[1].wait_until_ready()
        wait_for_more(tellers)
    finally:
        for teller in tellers:
            teller.stopping.set()
    for teller in tellers:
        teller.join()
    told = {reference: where for teller in tellers for reference, where in teller.told.items()}
    assert all(len(where) == 1 for where in told.values())  # both gave the same answer
    check(consoles[0], told)


def wait_for_more(tellers: list[Teller]) -> None:
    """Until each has told of every account once more."""
    enough = {teller: len(teller.told) + ACCOUNTS + 1 for teller in tellers}
    while any(len(teller.told) < enough[teller] for teller in tellers):
        assert all(teller.is_alive() for teller in tellers)
        time.sleep(0.05)


def check(served: Served, told: dict[str, set[str]]) -> None:
    line = next(text for text in served.config.read_text().splitlines() if "database_url" in text)
    db = Database(line.split('"')[1], MIGRATIONS)
    with db.read() as tx:
        kept = tx.execute(
            select(sources.c.reference, cases.c.case_id).join(cases, cases.c.row == sources.c.case)
        ).all()
        assert sorted(row.reference for row in kept) == sorted(told)
        assert {row.reference: {row.case_id} for row in kept} == told
        # One case an account: what is about the same account joins, whoever took it in.
        assert tx.execute(select(func.count()).select_from(cases)).scalar() == ACCOUNTS
        numbers = (
            tx.execute(select(audit_lines.c.number).order_by(audit_lines.c.number)).scalars().all()
        )
        assert numbers == list(range(1, len(numbers) + 1))
    db.close()
