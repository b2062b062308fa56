"""Reports: chosen messages that a recipient opens to the provider, proved byte by byte.

Guarantees: a message is taken only if this provider stamped it, delivered it to this reporter, and
the sender committed to exactly these bytes (messaging/franking.py); all messages of a report or
none; the very same report again gets the very same answer. A picture is kept as bytes under its
digest: nothing here decrypts or opens one.
Refuses: each forgery by name; what is too old; a message that this reporter has reported before.
Each message is looked into for what it proves of its sender's app (lies.py); lie and reason stay
with it, beside the bytes that prove them.
Once casework has taken a report whole, its words, proofs and pictures are deleted here (outbox.py).
An anonymous reporter is named to nobody: not to staff here, not to casework. In danger now: the
reporter says so, and it goes first.
Limit: until casework has them, or where there is none, reports lie here as they came.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, exists, insert, select

from softfall.errors import InputError, PeerError, RefusedError
from softfall.messaging.envelope import RECEIPT, REPORT, REPORT_REASONS
from softfall.messaging.franking import Opened, verify_opened
from softfall.provider.accounts import Account
from softfall.provider.files import Files
from softfall.provider.lies import Examiner, Finding
from softfall.provider.outbox import Outbox
from softfall.provider.service_keys import verifying_keys
from softfall.provider.tables import (
    accounts,
    envelopes,
    epochs,
    mailboxes,
    reported_messages,
    reports,
)
from softfall.store.transactions import Database


class UnknownReason(InputError):
    """A report gives a reason that is not on the list of reasons."""

    remedy = f"Give one of: {', '.join(REPORT_REASONS)}."


class NotYourMessage(PeerError):
    """A reported message was never delivered to the account that reports it."""

    remedy = "Report from the account that received the message."


class ReceiptTooOld(RefusedError):
    """A reported message is older than the report window."""

    remedy = "Report messages sooner; the service's operator sets the window."


class ReportReplayed(RefusedError):
    """This account has reported one of these messages before."""

    remedy = "Nothing is left to do: the earlier report stands."


@dataclass(frozen=True, slots=True)
class Filed:
    """The answer to a report."""

    report_id: str
    accepted: int
    lies_proved: int


@dataclass(frozen=True, slots=True)
class _Proved:
    """One message of a report, proved, with the bytes that prove it."""

    opened: Opened
    values: Mapping[str, Any]
    finding: Finding


class ReportDesk:
    """Takes reports in."""

    def __init__(
        self, db: Database, folder: Path, window_ms: int, examiner: Examiner, outbox: Outbox
    ) -> None:
        self._db = db
        self._outbox = outbox
        self.examiner = examiner
        self._window_ms = window_ms
        self.pictures = Files(folder)
        self.drop_unnamed(self.pictures.all())  # left by a kill between a file and its row

    def file(self, reporter: Account, body: bytes, now_ms: int) -> Filed:
        """Prove and keep one report.

        Raises MalformedMessage, UnknownReason, ReceiptForged, CommitmentBroken, OpeningMismatch,
        NotYourMessage, ReceiptTooOld, ReportReplayed, StorageFull.
        """
        digest = hashlib.sha256(body).digest()
        with self._db.read() as tx:
            known = _filed(tx, reporter, digest)
            keys = verifying_keys(tx)
        if known is not None:
            return known
        values: dict[str, Any] = REPORT.decode(body)
        if values["reason"] not in REPORT_REASONS:
            raise UnknownReason("the report's reason is not one of the list")
        opened = [verify_opened(message, keys) for message in values["messages"]]
        self._check_once_and_fresh(opened, now_ms)
        with self._db.read() as tx:
            for message in opened:
                _check_delivered(tx, reporter, message)
                _check_not_reported(tx, reporter, message)
        proved = self._examine(opened, values["messages"])
        kept = [
            self.pictures.put(proof.opened.picture)
            for proof in proved
            if proof.opened.picture is not None
        ]
        try:
            with self._db.write() as tx:
                return self._keep(tx, reporter, digest, values, proved, now_ms)
        except Exception:
            self.drop_unnamed(kept)
            raise

    def _examine(
        self, opened: Sequence[Opened], messages: Sequence[Mapping[str, Any]]
    ) -> list[_Proved]:
        """After every check that is cheap: only a message of the reporter's own costs a hash."""
        deadline = self.examiner.deadline()
        return [
            _Proved(one, values, self.examiner.examine(one, self._kept_manifest, deadline))
            for one, values in zip(opened, messages, strict=True)
        ]

    def _kept_manifest(self, option: str, epoch: int) -> bytes | None:
        kept = select(epochs.c.manifest).where(epochs.c.option == option, epochs.c.epoch == epoch)
        with self._db.read() as tx:
            return tx.execute(kept).scalar()

    def _check_once_and_fresh(self, opened: Sequence[Opened], now_ms: int) -> None:
        macs = {message.receipt.mac for message in opened}
        if len(macs) != len(opened):
            raise ReportReplayed("one message is in this report twice")
        oldest_ms = min(message.receipt.received_at_ms for message in opened)
        if oldest_ms < now_ms - self._window_ms:
            raise ReceiptTooOld("a message in this report is older than the report window")

    def _keep(
        self,
        tx: Connection,
        reporter: Account,
        digest: bytes,
        values: Mapping[str, Any],
        proved: Sequence[_Proved],
        now_ms: int,
    ) -> Filed:
        known = _filed(tx, reporter, digest)
        if known is not None:
            return known  # the same report was being filed on another connection
        for proof in proved:
            _check_delivered(tx, reporter, proof.opened)
            _check_not_reported(tx, reporter, proof.opened)
        lies = sum(proof.finding.lie is not None for proof in proved)
        filed = Filed(secrets.token_hex(16), len(proved), lies)
        row = tx.execute(
            insert(reports)
            .values(
                report_id=filed.report_id,
                reporter=reporter.row,
                report_sha256=digest,
                reason=values["reason"],
                anonymous=bool(values["anonymous"]),
                in_danger_now=bool(values["in_danger_now"]),
                reported_at_ms=now_ms,
                accepted=filed.accepted,
                lies_proved=filed.lies_proved,
            )
            .returning(reports.c.row)
        ).scalar_one()
        tx.execute(
            insert(reported_messages),
            [
                {"report": row, "position": position, "reporter": reporter.row, **_columns(proof)}
                for position, proof in enumerate(proved)
            ],
        )
        for proof in proved:
            picture = proof.opened.picture
            if picture is not None and not self.pictures.has(hashlib.sha256(picture).digest()):
                self.pictures.put(picture)  # another report of it was just done with
        self._outbox.reported(tx, row, now_ms)
        return filed

    def drop_unnamed(self, digests: Sequence[bytes]) -> None:
        """Delete those of these pictures that no report names."""
        for digest in digests:
            named = exists().where(reported_messages.c.picture_sha256 == digest)
            with self._db.write() as tx:  # so that none is being named meanwhile
                if not tx.execute(select(named)).scalar():
                    self.pictures.delete(digest)


def _filed(tx: Connection, reporter: Account, digest: bytes) -> Filed | None:
    row = tx.execute(
        select(reports).where(reports.c.reporter == reporter.row, reports.c.report_sha256 == digest)
    ).first()
    return None if row is None else Filed(row.report_id, row.accepted, row.lies_proved)


def _check_delivered(tx: Connection, reporter: Account, opened: Opened) -> None:
    receipt = opened.receipt
    delivered = tx.execute(
        select(mailboxes.c.sequence)
        .join(envelopes, envelopes.c.row == mailboxes.c.envelope)
        .join(accounts, accounts.c.row == envelopes.c.sender)
        .where(
            mailboxes.c.account == reporter.row,
            accounts.c.name == receipt.sender,
            envelopes.c.envelope_id == receipt.envelope_id,
            envelopes.c.receipt == RECEIPT.encode(receipt.values()),
        )
    ).first()
    if delivered is None:
        raise NotYourMessage("a message in this report was not delivered to its reporter")


def _check_not_reported(tx: Connection, reporter: Account, opened: Opened) -> None:
    before = tx.execute(
        select(reported_messages.c.report).where(
            reported_messages.c.reporter == reporter.row,
            reported_messages.c.receipt_mac == opened.receipt.mac,
        )
    ).first()
    if before is not None:
        raise ReportReplayed("a message in this report was reported before")


def _columns(proof: _Proved) -> dict[str, object]:
    receipt, picture = proof.opened.receipt, proof.opened.picture
    attachment = proof.opened.attachment
    return {
        "receipt_mac": receipt.mac,
        "sender": receipt.sender,
        "content": proof.values["content"],
        "franking_key": proof.values["franking_key"],
        "receipt": RECEIPT.encode(receipt.values()),
        "opening": proof.opened.opening,
        "manifest": proof.opened.manifest,
        "picture_sha256": attachment["plaintext_sha256"] if attachment and picture else None,
        "lie": proof.finding.lie,
        "finding": proof.finding.reason,
    }
