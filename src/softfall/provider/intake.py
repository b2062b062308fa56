"""From an envelope's bytes to "accepted": every check in order, then one transaction, then judging.

Guarantees: the answer is given once the envelope is on disk, and is the same whatever the judge
will say: what can be refused here depends on the bytes, the clock, who is named and what was
uploaded. A repeat is answered before any limit or clock can refuse it.
"""

from dataclasses import dataclass

from softfall.edge.limits import RateLimit
from softfall.errors import InputError
from softfall.options.contract import Malformed, Submission
from softfall.options.frames.provider import parts
from softfall.provider import media_counts, restrictions, vouchers
from softfall.provider.accounts import Account
from softfall.provider.attachments import AttachmentStore
from softfall.provider.clock import Clock
from softfall.provider.enclave import EnclaveWay
from softfall.provider.envelopes import (
    Intake,
    Outgoing,
    check_clock,
    is_repeat,
    read_envelope,
    take_in,
)
from softfall.provider.epochs import Epochs, WrongEpoch
from softfall.provider.judge import Judge
from softfall.provider.media_counts import submitted
from softfall.provider.options import NONE, OUTAGE
from softfall.store.transactions import Database


class OptionNotOffered(InputError):
    """The submission is for an option that this service does not offer."""

    remedy = "GET /v1/service says which option; submit for that one."


class MalformedSubmission(InputError):
    """The submission's bytes are not ones that an unpatched app makes."""

    remedy = "Make the submission anew from the picture; docs/wire-formats.md has its form."


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says about taking in."""

    option: str
    clock_skew_ms: int
    receipt_key_ms: int
    restricted_may_not_send: restrictions.What
    media_per_day: int


class FrontDesk:
    """Takes envelopes in."""

    def __init__(
        self,
        db: Database,
        attachments: AttachmentStore,
        judge: Judge,
        clock: Clock,
        rules: Rules,
        epochs: Epochs | None,
        voucher_key: bytes,
        media_rate: RateLimit,
        enclave: EnclaveWay | None = None,
    ) -> None:
        self._db = db
        self._attachments = attachments
        self._judge = judge
        self._clock = clock
        self._rules = rules
        self._epochs = epochs
        self._voucher_key = voucher_key
        self._media_rate = media_rate
        self._enclave = enclave

    def accept(self, sender: Account, body: bytes) -> None:
        """Take one envelope in; on disk when this returns.

        Raises MalformedMessage, BadRecipients, PayloadMisplaced, MediaIncomplete, ClockSkew,
        EnvelopeIdReused, UnknownRecipient, AttachmentMissing, RateLimited, OptionNotOffered,
        WrongEpoch, MalformedSubmission, EnclaveRestarted, VoucherRefused,
        AccountRestricted, MediaUsedUp, StorageFull, StoreBusy.
        """
        outgoing = read_envelope(sender, body)
        with self._db.read() as tx:
            repeated = is_repeat(tx, outgoing)
        envelope = None if repeated else self._take_in(outgoing)
        if envelope is not None:
            self._judge.submit(envelope, is_media=outgoing.submission is not None)
        elif outgoing.attachment is not None:
            self._attachments.withdraw(sender, outgoing.attachment)

    def _take_in(self, outgoing: Outgoing) -> int | None:
        """Its row, or None where the same envelope was taken in meanwhile."""
        now_ms = self._clock()
        check_clock(outgoing, now_ms, self._rules.clock_skew_ms)
        nonce = self._check_submission(outgoing, now_ms)
        intake = Intake(now_ms, self._rules.receipt_key_ms, nonce, self._judge.keepers.number)
        is_media, what = outgoing.submission is not None, self._rules.restricted_may_not_send
        with self._db.write() as tx:
            restrictions.check(tx, outgoing.sender.row, what, is_media, now_ms)
            row = take_in(tx, outgoing, intake)
            if row is not None and outgoing.submission is not None:
                amount, per_day = submitted(outgoing.submission), self._rules.media_per_day
                media_counts.count(tx, outgoing.sender.row, amount, per_day, now_ms)
            return row

    def _check_submission(self, outgoing: Outgoing, now_ms: int) -> bytes | None:
        """The nonce of the outage voucher, where the submission is one."""
        submission = outgoing.submission
        if submission is None:
            return None
        self._media_rate.take(outgoing.sender.name, submitted(submission))
        if submission.option == OUTAGE:
            key, sender = self._voucher_key, outgoing.sender.name
            return vouchers.verify(key, sender, submission.body, now_ms)
        if submission.option != self._rules.option:
            raise OptionNotOffered(f"this service's option is {self._rules.option!r}")
        if self._epochs is None:
            _check_none(submission)
            return None
        fault = self._epochs.accepted(submission.epoch).half.form(submission)
        if isinstance(fault, Malformed):
            raise MalformedSubmission(f"the submission is malformed: {fault.reason}")
        if self._enclave is not None:
            for each in parts(submission):
                self._enclave.require_fresh(each)
        return None


def _check_none(submission: Submission) -> None:
    """Where nothing is matched, nothing is to be handed over."""
    if submission.epoch != 0:
        raise WrongEpoch(f"option {NONE!r} has no epochs: send epoch 0")
    if submission.body:
        raise MalformedSubmission(f"option {NONE!r} takes an empty submission")
