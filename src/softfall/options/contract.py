"""What every option must offer: one half per party, meeting only in the bytes of its `wire.py`.

Guarantees that every option must keep:
- All randomness of a submission derives from the `ScanSecret` and the media hash, so another
  picture never reuses randomness, and the recipient can recompute the submission alone.
- `check` asks nobody. It returns `Honest` only if the submission whose digest the provider stamped
  is the one that this very picture yields: a patched sender is caught by any honest recipient.
- A verdict always carries its reason. Only `Malformed` blames the sender.

Limit, for every option: two colluding patched clients escape `check` (nobody honest looks).

The halves do no I/O. A device's half hands out the bytes to send and takes the bytes of the reply;
a provider's or custodian's half reaches others only through the ports it is given.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softfall.errors import UnavailableError
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.framed import digest_of
from softfall.wire import Party

SCAN_KEY_BYTES = 32
PDQ_BYTES = 32


class ListNotHere(UnavailableError):
    """What this device has of the list does not reach the epoch or version that is needed."""

    remedy = "It comes by itself in the background; what waits for it is looked at again then."


@dataclass(frozen=True, slots=True)
class ScanSecret:
    """What a submission's randomness derives from: one attachment key, one option, one epoch."""

    attachment_key: bytes = field(repr=False)
    option: str
    epoch: int

    def key(self, media_hash: bytes) -> bytes:
        """The 32-byte scan key of one media hash (its bytes, or a stand-in's label)."""
        info = b"softfall scan key v1|" + self.option.encode() + b"|" + str(self.epoch).encode()
        salt = hashlib.sha256(media_hash).digest()
        return HKDF(SHA256(), SCAN_KEY_BYTES, salt, info).derive(self.attachment_key)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a device hands over for matching, as it travels in the envelope."""

    option: str
    epoch: int
    body: bytes

    @property
    def digest(self) -> bytes:
        """What the provider's receipt binds: `framed.digest_of`."""
        return digest_of(self.option, self.epoch, self.body)


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes that a device wants answered by `receiver` (the provider relays to the custodian)."""

    receiver: Party
    body: bytes


class Pending(Protocol):
    """A device's half between its request and the reply."""

    @property
    def request(self) -> Request | None:
        """What to ask; None where the option asks nobody."""

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening (which travels inside the ciphertext).

        Raises a PeerError where the reply cheats (a proof that fails, another key).
        """


@dataclass(frozen=True, slots=True)
class Honest:
    """The submission is the one that this picture yields."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The sender submitted something else; the reason is a short stable phrase."""

    reason: str


class DeviceHalf(Protocol):
    """The device's half of an option for one epoch; its keys were pinned when it was made."""

    name: ClassVar[str]

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> Pending:
        """Start on one picture. An unhashable one is submitted so that the provider can't tell."""

    def asks_first(self, submission: Submission) -> bool:
        """Whether the provider must clear this submission before its message may be sent."""

    def check(
        self,
        media: PdqHash | Unhashable,
        secret: ScanSecret,
        opening: bytes,
        submission_digest: bytes,
    ) -> Honest | Mismatch:
        """Is the stamped submission the one that `media`, as received, yields?

        `media` is the recipient's own hash. The scan key derives from the hash in the opening
        (decoders differ by a few bits), which must lie within the option's
        `decoder_tolerance_bits` of it. Raises ListNotHere where the half checks by a list of its
        own that is older than the submission.
        """


@dataclass(frozen=True, slots=True)
class Clear:
    """Nothing on the list; deliver."""

    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Perhaps on the list: goes to `confirm` before anything is held. Never shown to anyone.

    entries: the entry numbers to confirm, likeliest first. shares: the submission's part for
    `confirm` (its `confirm_shares` message). others: of a video, the candidates among its other
    frames; each is confirmed by itself, and the worst counts.
    """

    reason: str
    evidence: Mapping[str, object]
    entries: tuple[int, ...]
    shares: bytes = field(repr=False)
    others: tuple["Candidate", ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Hold until a person or the clock decides."""

    reason: str
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Malformed:
    """The submission is not one that an unpatched client can make."""

    reason: str


Verdict = Clear | Candidate | Held | Malformed


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sender committed to about one picture, beside what the provider stamped.

    manifest: of the epoch of the stamped submission, known to be the epoch's own.
    """

    opening: bytes = field(repr=False)
    attachment_key: bytes = field(repr=False)
    manifest: Manifest
    submission_digest: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """How an option's openings are checked by whoever is shown one: a provider, in a report.

    disprove: from bytes alone. Why the stamped submission is not the one that the opening yields.
    differs: why the opening is not that of this picture, by another decoder's hash of it.
    None: nothing is proved.
    """

    disprove: Callable[[Claim], Mismatch | None]
    differs: Callable[[PdqHash | Unhashable, Claim], Mismatch | None]


class ProviderPorts(Protocol):
    """What a provider's half may reach while it judges."""

    def ask(self, receiver: Party, body: bytes) -> bytes:
        """One round trip to another party. Raises UnavailableError after a bounded wait."""


class ProviderHalf(Protocol):
    """The provider's half for one epoch."""

    name: ClassVar[str]

    def form(self, submission: Submission) -> Malformed | None:
        """Whether the bytes have the right form. Depends on the bytes alone, never on the list."""

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """The verdict, with its reason."""


@runtime_checkable
class BatchHalf(ProviderHalf, Protocol):
    """What a provider's half has, besides, that judges several submissions for less than each."""

    def judge_batch(
        self, submissions: Sequence[Submission], ports: ProviderPorts
    ) -> Sequence[Verdict | UnavailableError]:
        """The verdicts in order; what can't be judged now has why in its verdict's place."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the custodian publishes for one epoch of one option."""

    public_key: bytes
    artefact: bytes


Progress = Callable[[int, int], None]


class CustodianHalf(Protocol):
    """The custodian's half for one epoch and its secret key."""

    name: ClassVar[str]

    def prepare(self, entries: Iterable[tuple[int, bytes]], progress: Progress) -> Prepared:
        """From (entry number, 32-byte PDQ) to what the provider may hold: never a hash."""

    def answer(self, body: bytes) -> bytes:
        """The reply to a device's relayed request. Raises MalformedMessage, or InputError kin."""

    def cost(self, body: bytes) -> int:
        """How many evaluations of the global quota `answer(body)` would use."""
