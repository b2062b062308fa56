"""Several real provider processes on one PostgreSQL and one folder, killed at their work."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Select, func, select

from softfall.provider.company import SWEEP_SECONDS
from softfall.provider.database import MIGRATIONS, open_main
from softfall.provider.life import Actor, State, is_legal
from softfall.provider.mail import history
from softfall.provider.tables import envelopes, mailboxes
from softfall.store.transactions import Database
from tests.databases import Databases

from .cast import App
from .process import Served
from .split_epoch import SplitEpoch, random_hash
from .test_kill import Reader, Sender, join, wait_for_all

KILLS = 4
RECIPIENTS = ("ben", "cy")


class Company:
    """Two providers on one PostgreSQL, sharing a data folder."""

    def __init__(self, folder: Path, url: str, epoch: SplitEpoch, **settings: object) -> None:
        self.url = url
        self.folders = [folder / "one", folder / "two"]
        self.served: list[Served] = []
        for place in self.folders:
            place.mkdir()
        for place in self.folders:
            if self.served:
                (place / "tls").symlink_to(self.folders[0] / "tls")
            self.served.append(
                Served(
                    place,
                    custodian_url="https://127.0.0.1:9",
                    database_url=url,
                    data_dir=str(folder / "shared"),
                    requests_per_minute=1_000_000,
                    media_per_minute=1_000_000,
                    **settings,
                )
            )
        epoch.install(folder / "shared", url)

    def start(self) -> None:
        for served in self.served:
            served.start()
        for served in self.served:
            served.wait_until_ready()

    def stop(self) -> None:
        for served in self.served:
            if served.process is not None and served.process.poll() is None:
                served.stop()

    def through(self, app: App, number: int) -> App:
        """The same account, by way of the other process."""
        return App(self.served[number].client(), app.identity, app.token, app.clock)

    def wait_until_all_is_judged(self) -> None:
        db = open_main(self.url)
        waiting = select(func.count()).where(envelopes.c.state == State.RECEIVED)
        for _ in range(1200):
            with db.read() as tx:
                if tx.execute(waiting).scalar() == 0:
                    break
            time.sleep(0.1)
        else:
            raise AssertionError("something was left unjudged")
        db.close()


@pytest.fixture
def epoch() -> SplitEpoch:
    return SplitEpoch()


@pytest.fixture
def company(tmp_path: Path, postgres: Databases, epoch: SplitEpoch) -> Iterator[Company]:
    made = Company(tmp_path, postgres.migrated(MIGRATIONS), epoch, delivery_jitter_ms=150)
    yield made
    made.stop()


def test_two_providers_on_one_postgresql_lose_and_double_nothing_while_one_is_killed(
    company: Company, epoch: SplitEpoch
) -> None:
    pictures = {True: epoch.submission(epoch.listed), False: epoch.submission(random_hash())}
    chance = random.Random(20_240_301)
    company.start()
    first, second = company.served
    # Readers listen at one process, senders write to both: mail crosses over.
    readers = [Reader(join(first, name), seed) for seed, name in enumerate(RECIPIENTS)]
    senders = [Sender(join(company.served[i % 2], f"ada{i}"), pictures, i) for i in range(4)]
    for thread in (*readers, *senders):
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 1.5))
            second.kill()
            time.sleep(chance.uniform(0.1, 2.5))  # the living one goes on, and takes its work up
            second.start()
            second.wait_until_ready()
    finally:
        for sender in senders:
            sender.stopping.set()
    for sender in senders:
        sender.join()
    accepted = {key: what for sender in senders for key, what in sender.accepted.items()}
    expected = {
        name: {key for key, (listed, to) in accepted.items() if name in to and not listed}
        for name in RECIPIENTS
    }
    wait_for_all(expected, readers)
    company.wait_until_all_is_judged()
    for reader in readers:
        reader.stopping.set()
        reader.join()
        reader.look()
    assert [text for sender in senders for text in sender.refused] == []
    for reader in readers:
        assert sorted(reader.seen.values()) == sorted(expected[reader.app.name])
        assert sorted(reader.seen) == list(range(1, len(reader.seen) + 1))
    check_what_was_kept(company, accepted)


def check_what_was_kept(
    company: Company, accepted: dict[bytes, tuple[bool, tuple[str, ...]]]
) -> None:
    db = open_main(company.url)
    recovered = 0
    with db.read() as tx:
        rows = tx.execute(select(envelopes)).all()
        assert sorted(row.envelope_id for row in rows) == sorted(accepted)
        for row in rows:
            listed, to = accepted[row.envelope_id]
            assert row.state == (State.HELD if listed else State.DELIVERED)
            assert row.submission_body is None
            moves = history(tx, row.row)
            assert is_legal(
                (State(move.start) if move.start else None, State(move.end), Actor(move.who))
                for move in moves
            )
            assert row.recoveries <= KILLS
            assert len(moves) == 2  # taken in, and moved once, however many were at it
            recovered += moves[-1].who == Actor.RECOVERY
            copies = select(func.count()).where(mailboxes.c.envelope == row.row)
            assert tx.execute(copies).scalar() == (0 if listed else len(to))
    db.close()
    assert any(listed for listed, _ in accepted.values())
    assert recovered > 0, "no kill fell between acceptance and judging: the test proved little"


def test_only_what_a_killed_process_left_is_taken_up_by_the_living(
    tmp_path: Path, postgres: Databases, epoch: SplitEpoch
) -> None:
    late = Company(tmp_path, postgres.migrated(MIGRATIONS), epoch, delivery_jitter_ms=600_000)
    late.start()
    first, second = late.served
    ada, ben = join(second, "ada"), join(first, "ben")
    told = epoch.submission(random_hash())
    submission = {"option": told.option, "epoch": told.epoch, "body": told.body}
    db = open_main(late.url)
    recovered = select(func.count()).where(envelopes.c.recoveries == 1)
    try:
        for _ in range(3):
            assert ada.post(ada.media("ben", submission=submission)).status_code == 202
        time.sleep(2.5 * SWEEP_SECONDS)
        assert ben.mailbox() == []  # they wait at the second process: minutes, at this jitter
        assert read_one(db, recovered) == 0
        second.kill()
        while not read_one(db, recovered):
            time.sleep(0.1)
        assert read_one(db, recovered) == 3
    finally:
        db.close()
        late.stop()


def read_one(db: Database, asked: Select[tuple[int]]) -> int:
    with db.read() as tx:
        return tx.execute(asked).scalar_one()


def test_who_waits_at_one_process_gets_what_another_delivers(company: Company) -> None:
    company.start()
    ada, ben = (join(company.served[number], name) for number, name in enumerate(("ada", "ben")))
    with ThreadPoolExecutor() as threads:
        for number in range(3):
            waiting = threads.submit(ben.mailbox, after=number, wait_seconds=30)
            assert ada.post(ada.text("ben")).status_code == 202
            assert [mail["sequence"] for mail in waiting.result()] == [number + 1]


def test_an_sqlite_provider_is_kept_from_a_folder_that_others_share(
    company: Company, tmp_path: Path
) -> None:
    company.served[0].start()
    company.served[0].wait_until_ready()
    place = tmp_path / "three"
    place.mkdir()
    (place / "tls").symlink_to(tmp_path / "one" / "tls")
    alone = Served(place, data_dir=str(tmp_path / "shared"), option="none")
    alone.start()
    assert alone.process is not None
    assert alone.process.wait() == 2
    alone.stop()
    assert "FolderInUse" in alone.log.read_text()


def test_a_file_uploaded_at_one_process_is_fetched_at_another(company: Company) -> None:
    company.start()
    ada, ben = (join(company.served[number], name) for number, name in enumerate(("ada", "ben")))
    digest = ada.upload(b"sealed picture")
    there = company.through(ada, 1)
    assert there.call("GET", f"/v1/attachments/{digest.hex()}").content == b"sealed picture"
    assert ben.call("GET", f"/v1/attachments/{digest.hex()}").status_code == 404
