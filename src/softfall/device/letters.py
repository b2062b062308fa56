"""One message on its way out: its file, what the option made of that, and the letter itself."""

from dataclasses import dataclass, field

from softfall.device.options import OUTAGE
from softfall.device.outcomes import UNCHECKED_OUTAGE
from softfall.options.contract import Submission
from softfall.wire import Value


@dataclass(frozen=True, slots=True)
class File:
    """What a message is to carry: a picture's bytes, or a video's; perhaps of a live stream."""

    data: bytes = field(repr=False)
    is_video: bool = False
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the option made of a file. manifest: of the epoch, for the recipient's check."""

    submission: Submission
    opening: bytes
    manifest: bytes
    checked: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way out. content: the exact bytes that are committed to."""

    envelope_id: bytes
    conversation: str
    recipients: tuple[str, ...]
    content: bytes
    attachment: bytes | None
    submitted: Submitted | None
    redone: int = 0


def outage(epoch: int, voucher: bytes) -> Submitted:
    """What is submitted where the custodian stays away. voucher: the provider's own."""
    return Submitted(Submission(OUTAGE, epoch, voucher), b"", b"", UNCHECKED_OUTAGE)


def values_of(submission: Submission) -> dict[str, Value]:
    """The fields of a `submission` message."""
    return {"option": submission.option, "epoch": submission.epoch, "body": submission.body}
