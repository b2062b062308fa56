"""What becomes of a message, on either side: values with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from softfall.device.help_lines import HelpLine

CHECKED = "checked"
CHECKED_HERE = "checked by this device"
TEXT = "text: nothing to check"
UNCHECKED_OUTAGE = "unchecked: custodian outage"
UNCHECKED_NONE = "unchecked: this service matches nothing"


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has the message. The same answer whatever becomes of it there."""

    envelope_id: bytes
    conversation: str
    checked: str


@dataclass(frozen=True, slots=True)
class Queued:
    """The provider could not be reached; the message is in the outbox and goes with `sync`."""

    envelope_id: bytes
    conversation: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """A queued message which the provider then refused by name; it is out of the outbox."""

    envelope_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A message for the person. picture, video: the file's bytes, as the sender chose them.

    checked: CHECKED, TEXT, CHECKED_HERE (it came unchecked, and this device's own look
    found nothing that was confirmed), or how its sender's submission went unchecked.
    """

    envelope_id: bytes
    sender: str
    conversation: str
    members: Sequence[str]
    text: str
    picture: bytes | None = field(repr=False)
    checked: str
    sent_at_ms: int
    received_at_ms: int
    video: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Proved to come from its sender, but something is wrong with its media: not shown.

    It can be reported; the reason is a short stable phrase.
    """

    envelope_id: bytes
    sender: str
    conversation: str
    reason: str
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Dropped: it does not decrypt, was replayed, or its commitment is broken."""

    envelope_id: bytes
    sender: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Kept sealed until its key comes, or until a person has compared fingerprints."""

    envelope_id: bytes
    sender: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reported:
    """The provider took a report. words: what happens now, for the person; help: who can help."""

    report_id: str
    accepted: int
    lies_proved: int
    words: Sequence[str] = ()
    help: Sequence[HelpLine] = ()


@dataclass(frozen=True, slots=True)
class ReportPreview:
    """What a report would do, said before it is sent. words: plain sentences, in their order.

    messages, pictures: how many would go. senders: whose they are.
    """

    messages: int
    pictures: int
    senders: Sequence[str]
    words: Sequence[str]
    help: Sequence[HelpLine]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person at the service has decided, in words made on this device.

    account: whose messages it is about, or who was reported. until_ms: how long a restriction
    lasts. appeal_until_ms: None where it can't be appealed; appealed: this device has appealed it.
    """

    notice_id: bytes
    kind: str
    outcome: str
    title: str
    words: Sequence[str]
    help: Sequence[HelpLine]
    told_at_ms: int
    account: str | None
    envelope_ids: Sequence[bytes]
    report_id: str | None
    until_ms: int | None
    appeal_until_ms: int | None
    appealed: bool


SendOutcome = Sent | Queued
MessageArrival = Shown | Quarantined | Refused | Waiting | NotSent
Arrival = MessageArrival | Notice
