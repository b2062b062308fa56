"""kill -9 at random instants, while people write: nothing lost, nothing twice, nothing let out."""

import hashlib
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from softfall.messaging.envelope import ENVELOPE, MAILBOX
from softfall.options.contract import Submission
from softfall.provider.clock import system_clock
from softfall.provider.life import Actor, State, is_legal

from .cast import App, Identity, envelope
from .process import Served
from .split_epoch import SplitEpoch, random_hash

KILLS = 8
SEED = 20_240_229
SENDERS = 3
RECIPIENTS = ("ben", "cy")


def until_answered(call: Callable[[], httpx.Response]) -> httpx.Response:
    """What an app does about a service that comes and goes: the same request again."""
    while True:
        try:
            answer = call()
        except httpx.HTTPError:
            time.sleep(0.05)
            continue
        if answer.status_code not in (502, 503):
            return answer


class Sender(threading.Thread):
    """Writes until told to stop; gives up on nothing that it has begun."""

    def __init__(self, app: App, pictures: dict[bool, Submission], seed: int) -> None:
        super().__init__()
        self.app = app
        self.pictures = pictures
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.accepted: dict[bytes, tuple[bool, tuple[str, ...]]] = {}
        self.refused: list[str] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            listed = self.random.random() < 0.3
            media = listed or self.random.random() < 0.5
            to = RECIPIENTS if self.random.random() < 0.5 else (self.random.choice(RECIPIENTS),)
            changes = self._media(listed) if media else {}
            values = envelope(to, system_clock(), **changes)
            body = ENVELOPE.encode(values)
            answer = until_answered(lambda body=body: self.app.post(body))  # type: ignore[misc]
            if answer.status_code == 202:
                self.accepted[values["envelope_id"]] = (listed, to)
            else:
                self.refused.append(answer.text)

    def _media(self, listed: bool) -> dict[str, Any]:
        body = secrets.token_bytes(2000)
        digest = self._uploaded(body)
        told = self.pictures[listed]
        submission = {"option": told.option, "epoch": told.epoch, "body": told.body}
        return {"attachment": digest, "submission": submission}

    def _uploaded(self, body: bytes) -> bytes:
        digest = hashlib.sha256(body).digest()
        path = f"/v1/attachments/{digest.hex()}"
        answer = until_answered(lambda: self.app.call("PUT", path, content=body))
        assert answer.status_code == 200, answer.text
        return digest


class Reader(threading.Thread):
    """Reads its mailbox, and acknowledges now and then, as an app does."""

    def __init__(self, app: App, seed: int) -> None:
        super().__init__()
        self.app = app
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.seen: dict[int, bytes] = {}

    def run(self) -> None:
        while not self.stopping.is_set():
            self.look()

    def look(self) -> None:
        last = max(self.seen, default=0)
        query = {"after": last, "wait_seconds": 0.2}
        answer = until_answered(lambda: self.app.call("GET", "/v1/mailbox", params=query))
        assert answer.status_code == 200, answer.text
        deliveries: Any = MAILBOX.decode(answer.content)["deliveries"]
        for delivery in deliveries:
            assert delivery["sequence"] not in self.seen
            self.seen[delivery["sequence"]] = delivery["receipt"]["envelope_id"]
        if self.seen and self.random.random() < 0.3:
            through = {"through": max(self.seen)}
            until_answered(lambda: self.app.call("POST", "/v1/mailbox/ack", json=through))


def join(served: Served, name: str) -> App:
    http = served.client()
    identity = Identity(name)
    answer = http.post("/v1/accounts", json=identity.registration())
    assert answer.status_code == 201, answer.text
    return App(http, identity, answer.json()["token"], system_clock)


def kill_again_and_again(served: Served, chance: random.Random) -> None:
    for round_number in range(KILLS):
        if round_number % 4 == 3:  # in the midst of starting, where recovery happens
            time.sleep(chance.uniform(0.3, 2.0))
        else:
            served.wait_until_ready()
            time.sleep(chance.uniform(0.02, 0.9))
        served.kill()
        served.start()


def wait_for_all(expected: dict[str, set[bytes]], readers: list[Reader]) -> None:
    for reader in readers:
        for _ in range(300):
            if expected[reader.app.name] <= set(reader.seen.values()):
                break
            time.sleep(0.1)


def wait_until_all_is_judged(served: Served) -> None:
    """Candidates take longer: nobody is there to confirm them, so they are tried a few times."""
    with served.client() as http:
        for _ in range(600):
            if "\nsoftfall_received_waiting 0.0\n" in http.get("/metrics").text:
                return
            time.sleep(0.1)
    raise AssertionError("something was left unjudged")


def test_killed_at_random_instants_it_loses_doubles_and_lets_out_nothing(tmp_path: Path) -> None:
    epoch = SplitEpoch()
    served = Served(
        tmp_path,
        custodian_url="https://127.0.0.1:9",
        delivery_jitter_ms=150,
        requests_per_minute=1_000_000,
        media_per_minute=1_000_000,
    )
    epoch.install(tmp_path / "provider")
    pictures = {True: epoch.submission(epoch.listed), False: epoch.submission(random_hash())}
    served.start()
    served.wait_until_ready()
    readers = [Reader(join(served, name), seed) for seed, name in enumerate(RECIPIENTS)]
    senders = [Sender(join(served, f"ada{i}"), pictures, SEED + i) for i in range(SENDERS)]
    for thread in (*readers, *senders):
        thread.start()
    try:
        served.kill()
        served.start()
        kill_again_and_again(served, random.Random(SEED))
        served.wait_until_ready()
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
    wait_until_all_is_judged(served)
    for reader in readers:
        reader.stopping.set()
        reader.join()
        reader.look()
    assert served.stop() == 0
    assert [text for sender in senders for text in sender.refused] == []
    for reader in readers:
        assert sorted(reader.seen.values()) == sorted(expected[reader.app.name])
        assert sorted(reader.seen) == list(range(1, len(reader.seen) + 1))
    check_what_is_on_disk(tmp_path / "provider" / "provider.db", accepted)


def check_what_is_on_disk(path: Path, accepted: dict[bytes, tuple[bool, tuple[str, ...]]]) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute(
            "SELECT row, envelope_id, state, submission_body FROM envelopes"
        ).fetchall()
        assert sorted(row[1] for row in rows) == sorted(accepted)
        recovered = 0
        for row, envelope_id, state, submission in rows:
            listed, to = accepted[envelope_id]
            assert state == (State.HELD if listed else State.DELIVERED)
            assert submission is None
            path_taken = db.execute(
                'SELECT start, "end", who FROM transitions WHERE envelope = ? ORDER BY row', (row,)
            ).fetchall()
            assert is_legal(
                (State(start) if start else None, State(end), Actor(who))
                for start, end, who in path_taken
            )
            recovered += path_taken[-1][2] == Actor.RECOVERY
            (copies,) = db.execute(
                "SELECT count(*) FROM mailboxes WHERE envelope = ?", (row,)
            ).fetchone()
            assert copies == (0 if listed else len(to))
        assert sum(listed for listed, _ in accepted.values()) > 0
        assert recovered > 0, "no kill fell between acceptance and judging: the test proved little"
