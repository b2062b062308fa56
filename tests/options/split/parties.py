"""The three halves of `split` in one process, and hashes that look like real ones."""

from dataclasses import dataclass, field

import numpy as np

from softfall.media.pdq import PdqHash
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import Candidate, ScanSecret, Submission, Verdict
from softfall.options.split.custodian import SplitCustodian, derive_secret
from softfall.options.split.device import SplitDevice
from softfall.options.split.provider import SplitProvider
from softfall.options.tags.parameters import TagParameters, random_positions
from softfall.testing.confirming import SmallConfirm

# The tests' own, so that they hold whatever the default becomes.
PARAMETERS = TagParameters(
    k_bits=24, probes=16, hits=2, positions=random_positions("tests", tables=8, k_bits=24)
)


def random_hash(seed: int, quality: int = 90) -> PdqHash:
    """128 ones of 256, as PDQ's median cut leaves them, and margins that look like PDQ's."""
    generator = np.random.default_rng(seed)
    bits = np.zeros(256, dtype=np.uint8)
    bits[generator.permutation(256)[:128]] = 1
    margins = np.abs(generator.normal(0, 60, 256)).astype(np.float32)
    return PdqHash(np.packbits(bits).tobytes(), quality, margins)


def flipped(media: PdqHash, positions: list[int]) -> PdqHash:
    """The hash with these bits flipped, as an edit that moves their coefficients across."""
    bits = np.unpackbits(np.frombuffer(media.bits, dtype=np.uint8))
    bits[positions] ^= 1
    return PdqHash(np.packbits(bits).tobytes(), media.quality, media.margins)


def nearest_median(media: PdqHash, count: int) -> list[int]:
    """The positions that an edit flips first."""
    return [int(i) for i in np.argsort(media.margins)[:count]]


class NoPorts:
    """A provider's half of `split` asks nobody."""

    def ask(self, receiver: object, body: bytes) -> bytes:
        raise AssertionError("split asked somebody while it judged")


@dataclass
class Parties:
    """An epoch in force: custodian, provider, and a device that pinned the public key."""

    listed: list[PdqHash]
    epoch: int = 5
    seed: bytes = bytes(31) + b"\x07"
    parameters: TagParameters = PARAMETERS
    ports: NoPorts = field(default_factory=NoPorts)

    def __post_init__(self) -> None:
        self.custodian = SplitCustodian(
            self.epoch, derive_secret(self.seed, self.epoch), self.parameters
        )
        entries = [(100 + i, media.bits) for i, media in enumerate(self.listed)]
        self.prepared = self.custodian.prepare(entries, lambda done, total: None)
        self.provider = SplitProvider(self.epoch, self.prepared.artefact)
        self.confirm = SmallConfirm(make_keys(self.seed, "split", self.epoch), dict(entries))
        self.device = SplitDevice(
            self.epoch, self.prepared.public_key, self.parameters, self.confirm.keys.public
        )

    def secret(self, attachment_key: bytes = b"k" * 32) -> ScanSecret:
        return ScanSecret(attachment_key, "split", self.epoch)

    def send(self, media: object, secret: ScanSecret | None = None) -> tuple[Submission, bytes]:
        pending = self.device.begin(media, secret or self.secret())  # type: ignore[arg-type]
        return pending.finish(self.custodian.answer(pending.request.body))

    def judge(self, media: object) -> Verdict:
        submission, _ = self.send(media)
        return self.provider.judge(submission, self.ports)

    def decide(self, submission: Submission) -> Verdict:
        """The verdict after `confirm`."""
        verdict = self.provider.judge(submission, self.ports)
        if isinstance(verdict, Candidate):
            return self.confirm.decide("split", self.epoch, verdict)
        return verdict
