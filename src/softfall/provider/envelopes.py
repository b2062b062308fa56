"""Taking an envelope in: its form, then its row, its receipt and its answer, before any judging.

Guarantees: what is refused is refused for its bytes, for who is named in it, or for what was not
uploaded: never for what the list says. What is accepted is on disk, stamped, before the answer.
The same envelope sent again is the same answer and changes nothing.
Refuses: each by name, all or nothing; nobody gets a message of which another recipient is unknown.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from softfall.errors import InputError, RefusedError
from softfall.messaging.envelope import ENVELOPE, RECEIPT
from softfall.messaging.franking import Receipt, stamp
from softfall.options.contract import Submission
from softfall.provider import life
from softfall.provider.accounts import Account
from softfall.provider.attachments import claim
from softfall.provider.mail import Decision, record
from softfall.provider.service_keys import stamping_key
from softfall.provider.tables import accounts, envelopes, payloads
from softfall.provider.vouchers import spend
from softfall.wire import MalformedMessage

VERSION = 1
NOTHING_FOR_THIS_ONE = 2  # the payload kind of a group member who has the key already


class BadRecipients(InputError):
    """The envelope names its own sender as a recipient, or somebody twice."""

    remedy = "Name each other member of the conversation once."


class UnknownRecipient(InputError):
    """A recipient has no account; nobody was sent anything."""

    remedy = "Claim each recipient's keys first; that tells which of them exist."


class PayloadMisplaced(InputError):
    """A payload and the group's ciphertext do not belong together."""

    remedy = "Send each recipient a ciphertext, or one for the group and its key where needed."


class MediaIncomplete(InputError):
    """An attachment came without its submission, or a submission without its attachment."""

    remedy = "Send media with both: the file's SHA-256, and what the option made of the picture."


class ClockSkew(InputError):
    """The sender's clock is too far from the service's."""

    remedy = "Set the device's clock; GET /v1/service tells the service's time."


class EnvelopeIdReused(RefusedError):
    """Another envelope was sent under this id."""

    remedy = "Choose 16 random bytes for each message; reuse them only to repeat the same bytes."


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An envelope as its sender posted it, decoded; its form is right as far as bytes tell."""

    sender: Account
    sha256: bytes
    envelope_id: bytes
    conversation: str
    payloads: Sequence[Mapping[str, Any]]
    group_body: bytes
    commitment: bytes
    submission: Submission | None
    attachment: bytes | None
    sent_at_ms: int


def read_envelope(sender: Account, body: bytes) -> Outgoing:
    """Decode an `envelope` and check what its bytes alone tell.

    Raises MalformedMessage, BadRecipients, PayloadMisplaced, MediaIncomplete.
    """
    values: dict[str, Any] = ENVELOPE.decode(body)
    if values["version"] != VERSION:
        raise MalformedMessage(f"envelope.version must be {VERSION}")
    if "\0" in values["conversation"]:  # no database but SQLite keeps it
        raise MalformedMessage("envelope.conversation must hold no NUL")
    told = values["submission"]
    outgoing = Outgoing(
        sender=sender,
        sha256=hashlib.sha256(body).digest(),
        envelope_id=values["envelope_id"],
        conversation=values["conversation"],
        payloads=values["payloads"],
        group_body=values["group_body"],
        commitment=values["commitment"],
        submission=None if told is None else Submission(**told),
        attachment=values["attachment"],
        sent_at_ms=values["sent_at_ms"],
    )
    _check_recipients(outgoing)
    if (outgoing.submission is None) != (outgoing.attachment is None):
        raise MediaIncomplete("an attachment and a submission come together or not at all")
    return outgoing


def check_clock(outgoing: Outgoing, now_ms: int, skew_ms: int) -> None:
    """Pass only what was sent about now. Raises ClockSkew."""
    ahead_ms = outgoing.sent_at_ms - now_ms
    if abs(ahead_ms) > skew_ms:
        where = "ahead" if ahead_ms > 0 else "behind"
        raise ClockSkew(f"the device's clock is {abs(ahead_ms) // 1000} seconds {where}")


def is_repeat(tx: Connection, outgoing: Outgoing) -> bool:
    """Whether this very envelope was accepted before. Raises EnvelopeIdReused."""
    known = tx.execute(
        select(envelopes.c.envelope_sha256).where(
            envelopes.c.sender == outgoing.sender.row,
            envelopes.c.envelope_id == outgoing.envelope_id,
        )
    ).scalar()
    if known is not None and known != outgoing.sha256:
        raise EnvelopeIdReused("another envelope was sent under this id")
    return known is not None


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in needs to know besides the envelope."""

    now_ms: int
    rotate_receipt_key_ms: int
    voucher_nonce: bytes | None
    keeper: int


def take_in(tx: Connection, outgoing: Outgoing, intake: Intake) -> int | None:
    """Store and stamp one envelope as `received`; its row number, or None for a repeat.

    Raises EnvelopeIdReused, UnknownRecipient, AttachmentMissing, VoucherRefused.
    """
    if is_repeat(tx, outgoing):
        return None
    recipients = _recipients(tx, outgoing)
    if outgoing.attachment is not None:
        claim(tx, outgoing.sender, outgoing.attachment)
    if intake.voucher_nonce is not None:
        spend(tx, intake.voucher_nonce, intake.now_ms)
    receipt = _stamped(tx, outgoing, intake)
    row = tx.execute(
        insert(envelopes)
        .values(_columns(outgoing, receipt, intake.keeper))
        .returning(envelopes.c.row)
    ).scalar_one()
    tx.execute(
        insert(payloads),
        [
            {
                "envelope": row,
                "account": recipients[payload["recipient"]],
                "position": position,
                "kind": payload["kind"],
                "body": payload["body"],
            }
            for position, payload in enumerate(outgoing.payloads)
        ],
    )
    birth = Decision(life.State.RECEIVED, life.Actor.SENDER, "accepted")
    life.move(None, birth.end, birth.who)
    record(tx, row, None, birth, intake.now_ms)
    return int(row)


def _check_recipients(outgoing: Outgoing) -> None:
    names = [payload["recipient"] for payload in outgoing.payloads]
    if outgoing.sender.name in names or len(set(names)) != len(names):
        raise BadRecipients("each recipient is named once, and the sender is none of them")
    for payload in outgoing.payloads:
        if not payload["body"] and not outgoing.group_body:
            raise PayloadMisplaced("a payload is empty and there is no ciphertext for the group")
        if (payload["kind"] == NOTHING_FOR_THIS_ONE) != (not payload["body"]):
            raise PayloadMisplaced("a payload of kind 2, and no other, is empty")


def _recipients(tx: Connection, outgoing: Outgoing) -> dict[str, int]:
    names = [payload["recipient"] for payload in outgoing.payloads]
    rows = tx.execute(select(accounts.c.name, accounts.c.row).where(accounts.c.name.in_(names)))
    found = {row.name: row.row for row in rows}
    unknown = sum(name not in found for name in names)
    if unknown:
        raise UnknownRecipient(f"{unknown} of {len(names)} recipients have no account")
    return found


def _stamped(tx: Connection, outgoing: Outgoing, intake: Intake) -> Receipt:
    key_id, key = stamping_key(tx, intake.now_ms, intake.rotate_receipt_key_ms)
    submission = outgoing.submission
    return stamp(
        key,
        Receipt(
            key_id=key_id,
            envelope_id=outgoing.envelope_id,
            sender=outgoing.sender.name,
            conversation=outgoing.conversation,
            commitment=outgoing.commitment,
            submission_digest=submission.digest if submission else None,
            option=submission.option if submission else "",
            epoch=submission.epoch if submission else 0,
            attachment=outgoing.attachment,
            received_at_ms=intake.now_ms,
        ),
    )


def _columns(outgoing: Outgoing, receipt: Receipt, keeper: int) -> dict[str, object]:
    submission = outgoing.submission
    return {
        "sender": outgoing.sender.row,
        "envelope_id": outgoing.envelope_id,
        "envelope_sha256": outgoing.sha256,
        "conversation": outgoing.conversation,
        "group_body": outgoing.group_body,
        "attachment": outgoing.attachment,
        "submission_option": submission.option if submission else None,
        "submission_epoch": submission.epoch if submission else None,
        "submission_body": submission.body if submission else None,
        "receipt": RECEIPT.encode(receipt.values()),
        "received_at_ms": receipt.received_at_ms,
        "state": life.State.RECEIVED,
        "state_since_ms": receipt.received_at_ms,
        "recoveries": 0,
        "keeper": keeper,
    }
