"""The custodian's half of `on_device`: it makes the map and its deltas, and answers questions.

Guarantees: a map holds entry numbers under pads that only a tag gives, never a hash nor a tag;
every answer carries a proof that the epoch's published key was used.
Refuses: points that are malformed or the identity, another epoch's requests, entry numbers that the
epoch can't name, and everything once the key is destroyed.
Limits: whoever may ask without limit can read the map (the quota is the caller's to keep: `cost`).
"""

import hashlib
from collections.abc import Iterable
from typing import ClassVar, Final

from softfall.options.contract import Prepared, Progress
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS, OnDeviceParameters
from softfall.options.on_device.publishing import make_segment
from softfall.options.tags import custodian as tags
from softfall.options.tags.custodian import TagCustodian

BASE_VERSION: Final = 0


class OnDeviceCustodian:
    """One epoch of `on_device` and its secret key (32 bytes, from `derive_secret`)."""

    name: ClassVar[str] = "on_device"

    def __init__(
        self, epoch: int, secret_key: bytes, parameters: OnDeviceParameters = DEFAULT_PARAMETERS
    ) -> None:
        self._tags = TagCustodian(self.name, epoch, secret_key, parameters.tags)
        self._filler_key = hashlib.sha256(b"softfall map filler key v1|" + secret_key).digest()
        self.epoch = epoch
        self.parameters = parameters

    def prepare(self, entries: Iterable[tuple[int, bytes]], progress: Progress) -> Prepared:
        """The epoch's public key and the base segment, which is version 0 of the map.

        entries: (entry number below 2^code_bits, 32-byte PDQ hash). progress(done, all) counts
        evaluations. Raises MalformedMessage, NumbersDoNotFit, KeyDestroyed.
        """
        base = self._segment(entries, (), BASE_VERSION, None, progress)
        return Prepared(self._tags.public_key, base)

    def extend(
        self,
        added: Iterable[tuple[int, bytes]],
        withdrawn: Iterable[int],
        list_version: int,
        progress: Progress,
    ) -> bytes:
        """The delta that leads from version `list_version - 1` to `list_version`.

        added: entries under numbers that the epoch has not used. withdrawn: numbers of earlier
        versions. Raises as `prepare`.
        """
        return self._segment(added, withdrawn, list_version, list_version - 1, progress)

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

    def _segment(
        self,
        entries: Iterable[tuple[int, bytes]],
        withdrawn: Iterable[int],
        list_version: int,
        follows: int | None,
        progress: Progress,
    ) -> bytes:
        numbers, hashes = tags.columns(entries)
        return make_segment(
            epoch=self.epoch,
            list_version=list_version,
            follows=follows,
            parameters=self.parameters,
            numbers=numbers,
            tags=self._tags.tag_table(hashes, progress),
            withdrawn=withdrawn,
            filler_key=self._filler_key,
        ).encode()


def derive_secret(seed: bytes, epoch: int) -> bytes:
    """One epoch's secret key from 32 fresh random bytes (DeriveKeyPair of RFC 9497)."""
    return tags.derive_secret(OnDeviceCustodian.name, seed, epoch)
