"""The custodian's half of `split`: it holds the list and the key, and sees blinded points only.

Guarantees: the artefact holds pseudorandom tags and entry numbers, never a hash; every answer
carries a proof that the epoch's published key was used, so nobody can be given a key of their own.
Refuses: points that are malformed or the identity, another epoch's requests, and any request once
the key is destroyed.
Limits: whoever may ask without limit can invert tags (the quota is the caller's to keep: `cost`),
and this half can't tell such a caller from a device. Python can't wipe the key from memory.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from softfall.options.contract import Prepared, Progress
from softfall.options.split import wire
from softfall.options.split.parameters import DEFAULT_PARAMETERS
from softfall.options.tags import custodian as tags
from softfall.options.tags.custodian import TagCustodian
from softfall.options.tags.parameters import TagParameters
from softfall.options.tags.wire import VERSION


class SplitCustodian:
    """One epoch of `split` and its secret key (32 bytes, from `derive_secret`)."""

    name: ClassVar[str] = "split"

    def __init__(
        self, epoch: int, secret_key: bytes, parameters: TagParameters = DEFAULT_PARAMETERS
    ) -> None:
        self._tags = TagCustodian(self.name, epoch, secret_key, parameters)
        self.epoch = epoch
        self.parameters = parameters

    def prepare(self, entries: Iterable[tuple[int, bytes]], progress: Progress) -> Prepared:
        """The epoch's public key and the provider's artefact, on every core.

        entries: (entry number below 2^32, 32-byte PDQ hash). progress(done, all) counts
        evaluations, about 65 us of one core each; equal pieces are evaluated once.
        Raises MalformedMessage for an entry of another form, KeyDestroyed.
        """
        numbers, hashes = tags.columns(entries)
        tag_rows, number_rows = [], []
        for row in self._tags.tag_table(hashes, progress):
            order = np.lexsort((numbers, row))
            tag_rows.append(row[order].astype(">u8").tobytes())
            number_rows.append(numbers[order].astype(">u4").tobytes())
        artefact = self._artefact(len(numbers), b"".join(tag_rows), b"".join(number_rows))
        return Prepared(self._tags.public_key, artefact)

    def answer(self, body: bytes) -> bytes:
        """The reply to one relayed request.

        Raises MalformedMessage, MalformedPoint, OtherEpoch; KeyDestroyed once the epoch ended.
        """
        return self._tags.answer(body)

    def cost(self, body: bytes) -> int:
        """Evaluations of the quota that `answer(body)` would use. Raises as `answer` does."""
        return self._tags.cost(body)

    def destroy(self) -> None:
        """Forget the key: from now on every answer is refused, as when the epoch has ended."""
        self._tags.destroy()

    def _artefact(self, entries: int, tags: bytes, numbers: bytes) -> bytes:
        parameters = self.parameters.encode()
        return wire.ARTEFACT.encode(
            {
                "version": VERSION,
                "epoch": self.epoch,
                "parameters": parameters,
                "entries": entries,
                "tags": tags,
                "numbers": numbers,
                "checksum": wire.artefact_checksum(parameters, tags, numbers),
            }
        )


def derive_secret(seed: bytes, epoch: int) -> bytes:
    """One epoch's secret key from 32 fresh random bytes (DeriveKeyPair of RFC 9497)."""
    return tags.derive_secret(SplitCustodian.name, seed, epoch)
