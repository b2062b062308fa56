"""One picture's way past an option that asks for blind tags: each party's work, and what travels.

From the picture's hash on; with the token that the question spends, without HTTP and disk.
"""

import os
from collections.abc import Callable
from typing import Any, Protocol

from softfall.media.pdq import PdqHash
from softfall.options.contract import DeviceHalf, Honest, ScanSecret, Submission
from softfall.options.tokens import custodian as minting
from softfall.options.tokens import device as tokens

EPOCH = 1


class Answering(Protocol):
    """The custodian's half, as far as a question needs it."""

    def answer(self, body: bytes) -> bytes: ...


class Picture:
    """A picture, the two halves, and a token key with one token of it."""

    def __init__(self, device: DeviceHalf, custodian: Answering, media: PdqHash) -> None:
        self._device, self._custodian, self.media = device, custodian, media
        self._secret = ScanSecret(bytes(32), device.name, EPOCH)
        self._mint = minting.Mint(minting.derive_secret(bytes(32)))
        pending = tokens.begin(self._mint.public_key, 1, os.urandom)
        (self._token,) = pending.finish(self._mint.issue(pending.request))
        self.ask = self._ask(self._device.begin(media, self._secret))
        self.reply = self.answer()
        self.submission, self.opening = self.send()

    @property
    def both_ways_bytes(self) -> int:
        """Question, token and reply, as messages."""
        return len(self.ask) + len(self.reply)

    def send(self, media: PdqHash | None = None) -> tuple[Submission, bytes]:
        """The sender's device: from hash to submission, the reply being at hand."""
        pending = self._device.begin(media or self.media, self._secret)
        self._ask(pending)
        return pending.finish(self.reply)

    def answer(self) -> bytes:
        """The custodian: the token checked, the question answered."""
        asked = minting.read(self.ask)
        self._mint.check(asked)
        return self._custodian.answer(asked.question)

    def check(self) -> bool:
        """The recipient's device: is the submission that of this picture?"""
        digest = self.submission.digest
        found = self._device.check(self.media, self._secret, self.opening, digest)
        return isinstance(found, Honest)

    def works(self) -> dict[str, Callable[[], Any]]:
        """What to time, party by party."""
        return {"device": self.send, "recipient": self.check, "custodian": self.answer}

    def _ask(self, pending: Any) -> bytes:
        return self._token.ask(self._device.name, pending.request.body)
