"""A provider in memory, behind the device's own `Transport` port: an attack is a two-line test.

Guarantees: it takes, stamps, judges, delivers, holds and proves by the very functions that the real
provider uses (`provider.envelopes.read_envelope`, `franking.stamp`, an option's `judge`), with
everything in dictionaries and every fault at hand: `away`, `custodian_away`, `on_call`, `tamper`.
Not for production: nothing survives the process.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from softfall.device.profile import Profile
from softfall.device.surroundings import REAL
from softfall.device.transport import (
    Published,
    RefusedByService,
    RequestRejected,
)
from softfall.messaging.franking import Receipt, stamp
from softfall.messaging.identity import SignedKey
from softfall.messaging.notices import NOTICE, NOTICE_ID_BYTES, NoticeKind, Told
from softfall.options.contract import (
    Candidate,
    Clear,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.options.frames.provider import with_frames, worst
from softfall.provider.accounts import Account
from softfall.provider.envelopes import Outgoing, check_clock, read_envelope
from softfall.testing.epochs import NoPorts, SmallEpoch

if TYPE_CHECKING:
    from softfall.testing.transport import InMemoryTransport

SKEW_MS = 300_000
NO_LIMIT = 2**63


@dataclass
class Member:
    """An account at the provider."""

    published: Published
    token: str
    keys: list[SignedKey] = field(default_factory=list)
    mailbox: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: int = 0
    notices: list[dict[str, Any]] = field(default_factory=list)
    notices_acknowledged: int = 0
    appeals: dict[bytes, str] = field(default_factory=dict)

    @property
    def waiting_notices(self) -> list[dict[str, Any]]:
        """What was told and is not acknowledged."""
        return self.notices[self.notices_acknowledged :]


@dataclass
class Passed:
    """One envelope that was taken in, and what became of it."""

    outgoing: Outgoing
    receipt: Receipt
    verdict: Verdict | None
    delivered: bool = False


class InMemoryProvider:
    """One provider. epoch: what it judges by; None: option `none`, nothing is matched."""

    def __init__(
        self, epoch: SmallEpoch | None = None, now_ms: Callable[[], int] = REAL.now_ms
    ) -> None:
        self.epoch = epoch
        self.now_ms = now_ms
        self.members: dict[str, Member] = {}
        self.files: dict[bytes, bytes] = {}
        self.passed: dict[tuple[str, bytes], Passed] = {}
        self.receipt_keys: dict[int, bytes] = {1: REAL.random_bytes(32)}
        self.reported: set[tuple[str, bytes]] = set()
        self.vouchers: dict[bytes, str] = {}
        self.spent: dict[bytes, bytes] = {}
        self.issued: Counter[str] = Counter()
        self.minted = 0
        self.tokens_per_account = self.tokens_in_all = NO_LIMIT
        self.lists: Callable[[str], bytes | None] = lambda path: None
        self.attest: Callable[[bytes], bytes] | None = None
        self.ports: ProviderPorts = NoPorts()
        self.away = False
        self.custodian_away = False
        self.hold_everything = False
        self.on_call: Callable[[str, str, bool], None] = lambda account, call, done: None
        self.tamper: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda delivery: delivery
        self.calls: list[tuple[str, str]] = []
        self.turn = threading.RLock()

    def connect(self, profile: Profile) -> "InMemoryTransport":
        """What a device's `Parts.connect` wants."""
        from softfall.testing.transport import InMemoryTransport  # it knows the provider, too

        return InMemoryTransport(self, profile.account, profile.token)

    def take_in(self, sender: str, body: bytes) -> None:
        """Stamp, judge, deliver or hold one envelope, as the real provider would."""
        outgoing = read_envelope(Account(0, sender), body)
        key = (sender, outgoing.envelope_id)
        if key in self.passed:
            if self.passed[key].outgoing.sha256 != outgoing.sha256:
                raise RefusedByService(
                    "another envelope was sent under this id", "EnvelopeIdReused"
                )
            return
        check_clock(outgoing, self.now_ms(), SKEW_MS)
        unknown = [p["recipient"] for p in outgoing.payloads if p["recipient"] not in self.members]
        if unknown:
            raise RequestRejected("a recipient has no account", "UnknownRecipient")
        if outgoing.attachment is not None and outgoing.attachment not in self.files:
            raise RequestRejected("the file was not uploaded", "AttachmentMissing")
        verdict = self.judged(sender, outgoing.submission)
        passed = Passed(outgoing, self._stamped(sender, outgoing), verdict)
        self.passed[key] = passed
        if not self.hold_everything and (verdict is None or isinstance(verdict, Clear)):
            self.deliver(sender, outgoing.envelope_id)

    def deliver(self, sender: str, envelope_id: bytes) -> None:
        """Into the mailboxes, at once or as a release."""
        passed = self.passed[sender, envelope_id]
        assert not passed.delivered, "nothing is delivered twice"
        passed.delivered = True
        outgoing = passed.outgoing
        names = [payload["recipient"] for payload in outgoing.payloads]
        for payload in outgoing.payloads:
            box = self.members[payload["recipient"]].mailbox
            box.append(
                {
                    "sequence": len(box) + 1,
                    "payload": dict(payload),
                    "group_body": outgoing.group_body,
                    "receipt": passed.receipt.values(),
                    "members": [sender, *names],
                }
            )

    def tell(self, whose: str, kind: NoticeKind, outcome: Told, **values: Any) -> bytes:
        """A notice to an account, as a person's decision makes one; its id."""
        told = self.members[whose].notices
        notice_id = REAL.random_bytes(NOTICE_ID_BYTES)
        about = {
            "notice_id": notice_id,
            "sequence": len(told) + 1,
            "kind": kind,
            "outcome": outcome,
        }
        notice = {**about, "told_at_ms": self.now_ms(), "envelopes": [], **values}
        told.append(dict(NOTICE.accept(notice, NOTICE.name)))
        return notice_id

    def restamp(self, receipt: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """A receipt that says something else, under the provider's own key: a lying provider."""
        return self._stamp(replace(Receipt.from_values(receipt), **changes)).values()

    def judged(self, sender: str, submission: Submission | None) -> Verdict | None:
        """The verdict about one submission of an account. Raises as the real routes do."""
        if submission is None:
            return None
        if submission.option == "outage":
            if self.vouchers.pop(submission.body, None) != sender:
                raise RefusedByService("the voucher is not good", "VoucherRefused")
            return Clear("outage rule: deliver")
        if self.epoch is None:
            return Clear("nothing is matched")
        if (submission.option, submission.epoch) != (self.epoch.option, self.epoch.number):
            raise RefusedByService("another epoch is in use", "WrongEpoch")
        half = with_frames(self.epoch.provider_half)
        fault = half.form(submission)
        if isinstance(fault, Malformed):
            raise RequestRejected(f"malformed: {fault.reason}", "MalformedSubmission")
        verdict = half.judge(submission, self.ports)
        if isinstance(verdict, Candidate) and not self.custodian_away:
            decide, epoch = self.epoch.confirm.decide, submission.epoch
            found = (verdict, *verdict.others)
            return worst([decide(submission.option, epoch, each) for each in found])
        return verdict

    def _stamped(self, sender: str, outgoing: Outgoing) -> Receipt:
        submission = outgoing.submission
        return self._stamp(
            Receipt(
                key_id=max(self.receipt_keys),
                envelope_id=outgoing.envelope_id,
                sender=sender,
                conversation=outgoing.conversation,
                commitment=outgoing.commitment,
                submission_digest=submission.digest if submission else None,
                option=submission.option if submission else "",
                epoch=submission.epoch if submission else 0,
                attachment=outgoing.attachment,
                received_at_ms=self.now_ms(),
            )
        )

    def _stamp(self, receipt: Receipt) -> Receipt:
        return stamp(self.receipt_keys[receipt.key_id], receipt)
