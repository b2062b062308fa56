"""Franking: the sender binds itself to the plaintext, the provider stamps what passed, a report
opens one message and no other. Both sides use this module; it encrypts and decrypts nothing.

Guarantees: a commitment opens to one sender, one conversation, one content, one opening of the
option and one manifest of its epoch, byte for byte (HMAC-SHA256 under a fresh 32-byte key is
collision resistant), so nobody can lay another opening at a sender's door; a receipt can't be made
or altered without the provider's key; every compare takes the same time whatever the values.
Refuses: a broken commitment, a receipt of no key of ours, a reported message whose parts do not
belong together. Whether a receipt is too old, was reported before, or belongs to this reporter is
the provider's to say, from its own records; so is what a committed content proves of its sender.
Source: message franking, Grubbs, Lu, Ristenpart 2017 (committing encryption); Dodis, Grubbs,
Ristenpart, Woodage 2018 (why each attachment needs its own digest and key commitment).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from softfall.errors import PeerError
from softfall.messaging.envelope import CONTENT, RECEIPT
from softfall.wire import Value

FRANKING_KEY_BYTES = 32
RECEIPT_KEY_BYTES = 32

_COMMITMENT = b"softfall franking commitment v2"
_RECEIPT = b"softfall receipt v1"
_KEY_COMMITMENT = b"softfall attachment key v1|"


class CommitmentBroken(PeerError):
    """The content is not the one that its sender committed to."""

    remedy = "Show nothing of it; the sender's app is patched or the message was altered."


class ReceiptForged(PeerError):
    """The receipt was stamped by no key of this provider, or altered since."""

    remedy = "Do not act on the report; nothing proves that this message ever passed the service."


class OpeningMismatch(PeerError):
    """The parts of one opened message do not belong together."""

    remedy = "Do not act on this message; report it again from the device that received it."


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider stamped on one envelope; the fields of the `receipt` message."""

    key_id: int
    envelope_id: bytes
    sender: str
    conversation: str
    commitment: bytes
    submission_digest: bytes | None
    option: str
    epoch: int
    attachment: bytes | None
    received_at_ms: int
    mac: bytes = bytes(32)

    @classmethod
    def from_values(cls, values: Mapping[str, Value]) -> "Receipt":
        """From the decoded fields. Raises MalformedMessage if they are not a receipt's."""
        accepted: dict[str, Any] = RECEIPT.accept(values, RECEIPT.name)
        return cls(**accepted)

    def values(self) -> dict[str, Value]:
        """The fields, ready for `RECEIPT.encode` or for a message that nests it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commitment binds its sender to.

    content: the exact bytes of the `content` message (they hold envelope id and digests).
    opening, manifest: the option's, as inside the ciphertext; empty for text.
    """

    sender: str
    conversation: str
    content: bytes = field(repr=False)
    opening: bytes = field(repr=False, default=b"")
    manifest: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class Opened:
    """One message of a report, proved: who said what, as stamped and as committed to.

    attachment: the fields of the committed `attachment`, whose parts may still contradict each
    other or the receipt: then it is the sender who lied. picture: its plaintext bytes, by digest.
    """

    receipt: Receipt
    text: str
    attachment: Mapping[str, Any] | None = field(repr=False)
    picture: bytes | None = field(repr=False)
    opening: bytes = field(repr=False)
    manifest: bytes = field(repr=False)


def commit(franking_key: bytes, committed: Committed) -> bytes:
    """The 32-byte commitment that travels outside the ciphertext.

    franking_key: 32 fresh random bytes, used once, sent inside the ciphertext.
    """
    if len(franking_key) != FRANKING_KEY_BYTES:
        # HMAC pads short keys and hashes long ones: only a fixed length commits to the key.
        raise CommitmentBroken(f"a franking key has {FRANKING_KEY_BYTES} bytes")
    told = committed
    parts = (told.sender, told.conversation, told.content, told.opening, told.manifest)
    return _mac(franking_key, _COMMITMENT, parts)


def verify_commitment(commitment: bytes, franking_key: bytes, committed: Committed) -> None:
    """Pass only if `commitment` opens to exactly this. Raises CommitmentBroken."""
    if not hmac.compare_digest(commitment, commit(franking_key, committed)):
        raise CommitmentBroken("the commitment does not open to this sender and content")


def key_commitment(attachment_key: bytes) -> bytes:
    """32 bytes that bind a file to one AES key: AES-GCM alone opens under two."""
    return hashlib.sha256(_KEY_COMMITMENT + attachment_key).digest()


def stamp(key: bytes, receipt: Receipt) -> Receipt:
    """The receipt with its MAC over every other field, under the 32-byte key `receipt.key_id`."""
    values = {**receipt.values(), "mac": _receipt_mac(key, receipt)}
    return Receipt.from_values(values)


def verify_receipt(keys: Mapping[int, bytes], receipt: Receipt) -> None:
    """Pass only what `stamp` made with one of `keys` (by key id). Raises ReceiptForged."""
    key = keys.get(receipt.key_id)
    if key is None or not hmac.compare_digest(receipt.mac, _receipt_mac(key, receipt)):
        raise ReceiptForged("the receipt was not stamped by this provider")


def verify_opened(opened: Mapping[str, Value], keys: Mapping[int, bytes]) -> Opened:
    """Prove one message of a report: receipt, commitment, envelope id, the picture's digest.

    opened: the fields of an `opened` message, as `REPORT.decode` gives them.
    keys: the provider's receipt keys by id, retired ones included while reports may use them.
    Raises ReceiptForged, CommitmentBroken, OpeningMismatch, MalformedMessage.
    """
    values: dict[str, Any] = dict(opened)
    receipt = Receipt.from_values(values["receipt"])
    verify_receipt(keys, receipt)
    verify_commitment(
        receipt.commitment,
        values["franking_key"],
        Committed(
            receipt.sender,
            receipt.conversation,
            values["content"],
            values["opening"],
            values["manifest"],
        ),
    )
    content: dict[str, Any] = CONTENT.decode(values["content"])
    if content["envelope_id"] != receipt.envelope_id:
        raise OpeningMismatch("the content names another envelope than its receipt")
    attachment, picture = content["attachment"], values["picture"]
    if picture is not None:
        if attachment is None:
            raise OpeningMismatch("a picture was handed over with a message that has none")
        if hashlib.sha256(picture).digest() != attachment["plaintext_sha256"]:
            raise OpeningMismatch("the picture is not the one that was sent")
    return Opened(
        receipt=receipt,
        text=content["text"],
        attachment=attachment,
        picture=picture,
        opening=values["opening"],
        manifest=values["manifest"],
    )


def _receipt_mac(key: bytes, receipt: Receipt) -> bytes:
    if len(key) != RECEIPT_KEY_BYTES:
        raise ReceiptForged(f"a receipt key has {RECEIPT_KEY_BYTES} bytes")
    values = receipt.values()
    return _mac(key, _RECEIPT, tuple(values[f.name] for f in RECEIPT.fields if f.name != "mac"))


def _mac(key: bytes, domain: bytes, parts: tuple[object, ...]) -> bytes:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in (domain, *parts):
        kind, body = _part(part)
        mac.update(kind + len(body).to_bytes(8, "big") + body)
    return mac.digest()


def _part(value: object) -> tuple[bytes, bytes]:
    # The kind byte keeps "nothing" apart from "empty", and a number apart from its digits.
    if value is None:
        return b"n", b""
    if isinstance(value, bytes):
        return b"b", value
    if isinstance(value, str):
        return b"t", value.encode()
    if isinstance(value, int):
        return b"i", value.to_bytes(8, "big")
    raise TypeError(f"{type(value).__name__} has no place in a MAC")
