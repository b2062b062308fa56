"""Sending referrals: a durable walk along `life`, safe to kill at any instant.

Guarantees: before a question its intent is on disk, and each answer is on disk before the next
question; a process that dies in between leaves a state that says what may have happened, and the
next one does what `life` says: exactly one finished report a referral, with every file once. A
lease keeps other processes away, and where one outlives its lease its late answer is not taken.
Waits longer after each failure (`backoff_ms`). A refused login or document is not asked again:
it stops, and is shown to a person.
Refuses to start a report whose file details call a picture not viewed that was viewed since, and
to finish one whose decision was reversed: that one it takes back.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from softfall.casework.referral import moves
from softfall.casework.referral.casefile import CaseFile
from softfall.casework.referral.client import Client
from softfall.casework.referral.documents import numbered
from softfall.casework.referral.life import ASKING, MOVED_BY_SENDER, Event, State
from softfall.casework.referral.package import PackedFile, from_json
from softfall.casework.referral.referrals import DOCUMENTS
from softfall.casework.referral.replies import Reply
from softfall.casework.referral.tables import referral_files, referrals
from softfall.errors import SoftfallError
from softfall.store.transactions import Database

LEASE_MS: Final = 10 * 60_000
FIRST_BACKOFF_MS: Final = 5_000
LAST_BACKOFF_MS: Final = 60 * 60_000
PAUSE_SECONDS: Final = 2.0
SHOWN_FROM_FAILURES: Final = 8  # about ten minutes: then people are shown that it doesn't get on

_TROUBLE = frozenset({Event.NOT_SENT, Event.UNCERTAIN, Event.MISMATCH})
_OF_A_FILE = frozenset({Event.UPLOAD, Event.DESCRIBE})
_BEFORE_END = frozenset({State.QUEUED, State.OPEN, State.RETRACTING})
_RESTS = frozenset({State.FINISHED, State.STOPPED, State.WITHDRAWN, State.DRAFT})


@dataclass(frozen=True, slots=True)
class _Question:
    """What is to be asked next. sealed: the documents. file_id, evidence_id: of one file."""

    event: Event
    case_id: str
    report_id: int | None
    sealed: bytes
    evidence_id: int = 0
    position: int = 0
    file_id: str = ""
    file_ids: frozenset[str] = frozenset()


def backoff_ms(failures: int) -> int:
    """How long to wait after so many questions that came to nothing: doubling, to an hour."""
    doublings = min(max(failures, 1) - 1, 20)
    return min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS << doublings)


class Sender:
    """One process's sender. client: None where no authority is configured.

    on_step: told "asking", "answered" and "recorded" around each question. on_trouble: told what
    kept `run` from its work (a busy database, a full disk); it goes on.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], int],
        client: Client | None,
        casefile: CaseFile,
        draw: Callable[[], str] = secrets.token_urlsafe,
        on_step: Callable[[str], None] = lambda place: None,
        on_trouble: Callable[[SoftfallError], None] = lambda error: None,
    ) -> None:
        self._on_trouble = on_trouble
        self._db = db
        self._clock = clock
        self._client = client
        self._casefile = casefile
        self._draw = draw
        self._on_step = on_step

    def run(self, stop: threading.Event, pause_seconds: float = PAUSE_SECONDS) -> None:
        """Send what is due until told to stop; what is in flight then is answered first."""
        while not stop.is_set():
            try:
                done = self.run_once()
            except SoftfallError as error:
                self._on_trouble(error)
                done = False
            if not done:
                stop.wait(pause_seconds)

    def run_once(self) -> bool:
        """Take one referral that is due, as far as it goes now; whether there was one."""
        if self._client is None:
            return False
        lease = self._draw()[:64]
        row = self._claim(lease)
        if row is None:
            return False
        while (question := self._next(row, lease)) is not None:
            self._on_step("asking")
            reply = self._ask(self._client, question)
            self._on_step("answered")
            self._record(row, lease, question, reply)
            self._on_step("recorded")
        return True

    def _claim(self, lease: str) -> int | None:
        """A due referral's number, leased; what a dead process left open is taken as uncertain."""
        now_ms = self._clock()
        with self._db.write() as tx:
            row = tx.execute(
                select(referrals)
                .where(
                    referrals.c.state.in_(sorted(MOVED_BY_SENDER)),
                    referrals.c.due_ms <= now_ms,
                    referrals.c.lease_until_ms <= now_ms,
                )
                .order_by(referrals.c.due_ms, referrals.c.row)
                .limit(1)
            ).one_or_none()
            if row is None:
                return None
            _update(tx, row, lease_holder=lease, lease_until_ms=now_ms + LEASE_MS)
            if row.state in ASKING:
                told = "a process ended before the answer was written down"
                _take_uncertain(tx, row, now_ms, told)
            return int(row.row)

    def _next(self, number: int, lease: str) -> _Question | None:
        """The next question, its intent written down; None where it rests, or is not ours."""
        now_ms = self._clock()
        with self._db.write() as tx:
            row = moves.found(tx, number)
            if row.lease_holder != lease:
                return None
            row = self._taken_back(tx, row, now_ms)
            if row.state in _RESTS or row.due_ms > now_ms:
                _update(tx, row, lease_holder=None, lease_until_ms=0)
                return None
            _update(tx, row, lease_until_ms=now_ms + LEASE_MS)
            question = self._question(tx, row, now_ms)
            if question is None:
                _update(tx, row, lease_holder=None, lease_until_ms=0)
            return question

    def _taken_back(self, tx: Connection, row: Row[Any], now_ms: int) -> Row[Any]:
        """The referral; withdrawn, where a person asked for it or the decision stands no more."""
        if row.withdraw_by is not None:
            moves.take_back(tx, row, row.withdraw_by, "withdrawn", now_ms)
        elif row.state in _BEFORE_END and not self._casefile.is_decided(tx, row.case_id):
            moves.take_back(tx, row, moves.SENDER, "the decision to refer was reversed", now_ms)
        return moves.found(tx, row.row)

    def _question(self, tx: Connection, row: Row[Any], now_ms: int) -> _Question | None:
        state = State(row.state)
        if state is State.QUEUED:
            return self._to_submit(tx, row, now_ms)
        if state is State.OPEN:
            return _to_fill(tx, row, now_ms)
        event = Event.FINISH if state is State.UNSURE else Event.RETRACT
        return _about_report(tx, row, event)

    def _to_submit(self, tx: Connection, row: Row[Any], now_ms: int) -> _Question | None:
        if self._was_viewed_since(tx, row):
            told = "a picture was viewed since the approval"
            changes = {"approved_digest": None, "approved_by": None}
            moves.apply(tx, row, Event.VIEWED_SINCE, moves.SENDER, now_ms, told, **changes)
            return None
        told = f"report {row.begun + 1} is asked for"
        changes = {"begun": row.begun + 1, "report_id": None}
        moves.apply(tx, row, Event.SUBMIT, moves.SENDER, now_ms, told, **changes)
        tx.execute(
            update(referral_files)
            .where(referral_files.c.referral == row.row)
            .values(file_id=None, described_at_ms=None)
        )
        return _Question(Event.SUBMIT, row.case_id, None, row.sealed_documents)

    def _was_viewed_since(self, tx: Connection, row: Row[Any]) -> bool:
        try:
            body = self._casefile.unseal(tx, row.case_id, DOCUMENTS, row.sealed_documents)
            unviewed = [file for file in from_json(body).files if not file.viewed]
            return any(self._casefile.viewed(tx, file.evidence_id) for file in unviewed)
        except SoftfallError:
            return False  # what can't be opened can't be sent: asking says so, by name

    def _ask(self, client: Client, question: _Question) -> Reply:
        report_id = question.report_id
        if question.event is Event.RETRACT:
            never = Reply(Event.GONE, "it never had a number at the authority")
            return never if report_id is None else client.retract(report_id)
        if question.event is Event.FINISH:
            return _finish(client, question)
        try:
            with self._db.read() as tx:
                body = self._casefile.unseal(tx, question.case_id, DOCUMENTS, question.sealed)
        except SoftfallError as error:
            return Reply(Event.INVALID, f"the documents can't be opened: {error.name}")
        package = from_json(body)
        if report_id is None:
            return client.submit(package.report)
        file = next(file for file in package.files if file.evidence_id == question.evidence_id)
        if question.event is Event.DESCRIBE:
            return client.describe(numbered(file.details, report_id, question.file_id))
        return self._upload(client, report_id, file)

    def _upload(self, client: Client, report_id: int, file: PackedFile) -> Reply:
        try:
            with self._db.read() as tx:
                body = self._casefile.picture(tx, file.evidence_id)
        except SoftfallError as error:
            return Reply(Event.INVALID, f"a picture can't be opened: {error.name}")
        if hashlib.sha256(body).hexdigest() != file.sha256:
            return Reply(Event.INVALID, "a picture is not the one that was approved")
        reply = client.upload(report_id, file.file_name, body)
        echoed = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if reply.outcome is Event.ACCEPTED and reply.hash_md5 != echoed:
            return replace(reply, outcome=Event.MISMATCH, told="the authority has other bytes")
        return reply

    def _record(self, number: int, lease: str, question: _Question, reply: Reply) -> None:
        """Write an answer down, unless another process took the referral over meanwhile."""
        now_ms = self._clock()
        with self._db.write() as tx:
            row = moves.found(tx, number)
            if row.lease_holder != lease:
                return
            changes: dict[str, Any] = {}
            if question.event is Event.SUBMIT and reply.outcome is Event.ACCEPTED:
                changes["report_id"] = reply.report_id
            if reply.outcome in _TROUBLE:
                changes["failures"] = row.failures + 1
                changes["due_ms"] = now_ms + backoff_ms(row.failures + 1)
                if row.failures + 1 >= SHOWN_FROM_FAILURES:
                    changes["note"] = reply.outcome
            moves.apply(tx, row, reply.outcome, moves.SENDER, now_ms, reply.told, reply, **changes)
            if reply.outcome is Event.ACCEPTED and question.event in _OF_A_FILE:
                _file_done(tx, number, question, reply, now_ms)


def _to_fill(tx: Connection, row: Row[Any], now_ms: int) -> _Question:
    """The next file to upload, else to describe, else the report's end."""
    files = moves.files(tx, row.row)
    for event, done in ((Event.UPLOAD, "file_id"), (Event.DESCRIBE, "described_at_ms")):
        for file in files:
            if getattr(file, done) is None:
                told = f"file {file.position + 1} of {len(files)}"
                moves.apply(tx, row, event, moves.SENDER, now_ms, told)
                return _Question(
                    event, row.case_id, row.report_id, row.sealed_documents, file.evidence_id,
                    file.position, file.file_id or "",
                )  # fmt: skip
    moves.apply(tx, row, Event.FINISH, moves.SENDER, now_ms, "every file is there, described")
    return _about_report(tx, row, Event.FINISH)


def _about_report(tx: Connection, row: Row[Any], event: Event) -> _Question:
    ids = frozenset(file.file_id or "" for file in moves.files(tx, row.row))
    return _Question(event, row.case_id, row.report_id, row.sealed_documents or b"", file_ids=ids)


def _finish(client: Client, question: _Question) -> Reply:
    if question.report_id is None:
        return Reply(Event.GONE, "it never had a number at the authority")
    reply = client.finish(question.report_id)
    differs = reply.outcome is Event.ACCEPTED and set(reply.files) != question.file_ids
    return replace(reply, outcome=Event.FILES_DIFFER) if differs else reply


def _file_done(tx: Connection, number: int, question: _Question, reply: Reply, now_ms: int) -> None:
    done: dict[str, Any] = {"described_at_ms": now_ms}
    if question.event is Event.UPLOAD:
        done = {"file_id": reply.file_id}
    tx.execute(
        update(referral_files)
        .where(referral_files.c.referral == number, referral_files.c.position == question.position)
        .values(done)
    )


def _take_uncertain(tx: Connection, row: Row[Any], now_ms: int, told: str) -> None:
    moves.apply(tx, row, Event.UNCERTAIN, moves.SENDER, now_ms, told, failures=row.failures + 1)


def _update(tx: Connection, row: Row[Any], **values: Any) -> None:
    tx.execute(update(referrals).where(referrals.c.row == row.row).values(values))
