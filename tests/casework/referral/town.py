"""A referral's surroundings for tests: a case file in memory, a clock, an authority in process."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
from sqlalchemy import Connection

from softfall.casework.database import MIGRATIONS
from softfall.casework.incoming import HashFacts, ReportedMessage
from softfall.casework.model import Source
from softfall.casework.referral.client import PREFIX, Client
from softfall.casework.referral.facts import PictureFacts, ReferralFacts, SourceFacts, Words
from softfall.casework.referral.referrals import Referrals
from softfall.casework.referral.sending import Sender
from softfall.config import ReferralSettings
from softfall.errors import RefusedError
from softfall.store.transactions import Database
from softfall.testing.cybertipline import Authority, Dropped

CASE = "c" * 32
NOW_MS = 1_790_000_000_000
SETTINGS = ReferralSettings(
    cybertipline_url="http://127.0.0.1:1",
    cybertipline_username="softfall",
    cybertipline_password="local authority",
    esp_name="Example Chat",
    reporter_first_name="Ada",
    reporter_last_name="Example",
    reporter_email="safety@chat.example",
    legal_url="https://chat.example/legal",
)


class Gone(RefusedError):
    """The case's key was destroyed."""


@dataclass
class Clock:
    """A clock that tests move."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


def message(number: int, text: str = "see you at the park") -> ReportedMessage:
    return ReportedMessage(
        sender="mallory",
        conversation="r00m",
        envelope_id=f"{number:032x}",
        received_at_ms=NOW_MS - 1000 * (10 - number),
        text=text,
    )


def text_only(case_id: str = CASE) -> ReferralFacts:
    """A report of two messages by somebody who gave their name."""
    report = SourceFacts(
        Source.REPORT, "report-1", "", "an adult asks to meet", NOW_MS, "kim", None, None,
        messages=(message(1), message(2, "bring nobody")), words=(Words(1, True), Words(2, True)),
    )  # fmt: skip
    return ReferralFacts(case_id, "mallory", NOW_MS, True, (report,), ())


def hash_only(case_id: str = CASE) -> ReferralFacts:
    """A confirmed hold, nothing viewed, no file."""
    facts = HashFacts(
        option="split", epoch=7, confirmed=True, entry=3, label="list A",
        sources=("hotline one",), certifiers=("hotline one", "hotline two"),
    )  # fmt: skip
    hold = SourceFacts(
        Source.HOLD, "hold-1", "confirmed", "confirmed match", NOW_MS, None, facts, "e" * 32
    )
    return ReferralFacts(case_id, "mallory", NOW_MS, False, (hold,), ())


class MemoryCaseFile:
    """A case file whose facts the test sets."""

    def __init__(self, facts: ReferralFacts) -> None:
        self.known = facts
        self.bodies: dict[int, bytes] = {}
        self.viewed_now: set[int] = set()
        self.decided = True
        self.key_gone = False

    def add_picture(self, evidence_id: int, body: bytes, *, viewed: bool = False) -> None:
        self.bodies[evidence_id] = body
        if viewed:
            self.viewed_now.add(evidence_id)
        picture = PictureFacts(
            evidence_id, viewed, False, NOW_MS, f"evidence-{evidence_id}.png",
            hashlib.sha256(body).hexdigest(), hashlib.sha1(body).hexdigest(),
            hashlib.md5(body).hexdigest(),
        )  # fmt: skip
        self.known = replace(self.known, pictures=(*self.known.pictures, picture))

    def facts(self, tx: Connection, case_id: str) -> ReferralFacts:
        pictures = tuple(
            replace(each, viewed=each.evidence_id in self.viewed_now)
            for each in self.known.pictures
        )
        return replace(self.known, case_id=case_id, pictures=pictures)

    def picture(self, tx: Connection, evidence_id: int) -> bytes:
        return self.bodies[evidence_id]

    def viewed(self, tx: Connection, evidence_id: int) -> bool:
        return evidence_id in self.viewed_now

    def is_decided(self, tx: Connection, case_id: str) -> bool:
        return self.decided

    def seal(self, tx: Connection, case_id: str, what: str, body: bytes) -> bytes:
        return f"{case_id}|{what}|".encode() + body

    def unseal(self, tx: Connection, case_id: str, what: str, sealed: bytes) -> bytes:
        if self.key_gone:
            raise Gone("the key is gone")
        assert sealed.startswith(f"{case_id}|{what}|".encode())
        return sealed.removeprefix(f"{case_id}|{what}|".encode())


def transport(authority: Authority) -> httpx.MockTransport:
    """The authority without a socket; a dropped connection is what httpx makes of one."""

    def handle(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(PREFIX)
        try:
            answer = authority.answer(request.method, path, dict(request.headers), request.read())
        except Dropped:
            raise httpx.RemoteProtocolError("dropped", request=request) from None
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    return httpx.MockTransport(handle)


@dataclass
class Town:
    """Everything of one test."""

    db: Database
    casefile: MemoryCaseFile
    clock: Clock = field(default_factory=Clock)
    settings: ReferralSettings = SETTINGS

    def __post_init__(self) -> None:
        self.authority = Authority(self.clock)
        self.referrals = Referrals(self.db, self.clock, self.settings, self.casefile)
        self.client = Client(self.settings, transport(self.authority))

    def sender(self, on_step: Callable[[str], None] = lambda place: None) -> Sender:
        return Sender(self.db, self.clock, self.client, self.casefile, on_step=on_step)

    def queue(self, case_id: str = CASE) -> None:
        """Approved by a second reader, and on its way."""
        self.referrals.approve(case_id, "lena", self.referrals.draft(case_id).digest)

    def run(self, rounds: int = 200) -> None:
        """Send until nothing is left to be done, waiting as long as it takes."""
        sender = self.sender()
        for _ in range(rounds):
            if not sender.run_once():
                with self.db.read() as tx:
                    if not waits(tx):
                        return
                self.clock.now_ms += 3_600_000


def waits(tx: Connection) -> bool:
    """Whether the sender still has something to do."""
    from sqlalchemy import exists, select

    from softfall.casework.referral.life import MOVED_BY_SENDER
    from softfall.casework.referral.tables import referrals

    wanted = exists().where(referrals.c.state.in_(sorted(MOVED_BY_SENDER)))
    return bool(tx.execute(select(wanted)).scalar())


def open_database(url: str) -> Database:
    return Database(url, MIGRATIONS)
