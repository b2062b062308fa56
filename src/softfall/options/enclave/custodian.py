"""The custodian's half of `enclave`: it commits to its list, and seals it to attested keys only.

Guarantees: the list leaves sealed to a key that a verified attestation binds, or not at all; what
is published of it is a salted digest. Within an epoch the list and its commitment never change.
Refuses: devices' questions (there are none in this option), as NothingToAsk.
Limits: whoever runs an allowed enclave and can read its memory has the list.
"""

import hmac
from collections.abc import Iterable
from typing import ClassVar, Final

from softfall.errors import RefusedError
from softfall.options.contract import PDQ_BYTES, Prepared, Progress
from softfall.options.enclave import listing, sealing
from softfall.options.enclave.attestation import Attested
from softfall.options.enclave.parameters import EnclaveParameters
from softfall.wire import MalformedMessage

_SECRET: Final = b"softfall enclave epoch v1|"
_SALT: Final = b"softfall enclave list salt v1"


class NothingToAsk(RefusedError):
    """A device asked the custodian about a picture; in this option it never does."""

    remedy = "Seal the picture to the enclave instead; only the enclave asks, for its list."


class EnclaveCustodian:
    """One epoch of `enclave` and its secret (32 bytes, from `derive_secret`)."""

    name: ClassVar[str] = sealing.NAME

    def __init__(self, epoch: int, secret: bytes, parameters: EnclaveParameters) -> None:
        self.epoch = epoch
        self.parameters = parameters
        self._salt = hmac.digest(secret, _SALT, "sha256")

    def prepare(self, entries: Iterable[tuple[int, bytes]], progress: Progress) -> Prepared:
        """No key, and the public commitment to the list.

        entries: (entry number, 32-byte PDQ hash), in any order. Raises MalformedMessage for an
        entry of another form.
        """
        rows = _rows(entries)
        count = len(rows) // PDQ_BYTES
        made = listing.commitment(self.epoch, self._salt, rows)
        progress(count, count)
        return Prepared(b"", made)

    def seal_list(
        self, entries: Iterable[tuple[int, bytes]], manifest: bytes, attested: Attested
    ) -> bytes:
        """The `enclave_list` for one enclave, verified a moment ago against this epoch's own
        parameters, with a nonce of this custodian's. manifest: the epoch's, signed.
        """
        rows = _rows(entries)
        return listing.sealed_list(self.epoch, self._salt, rows, manifest, attested.public_key)

    def answer(self, body: bytes) -> bytes:
        """Raises NothingToAsk."""
        raise NothingToAsk("nothing is asked of the custodian in this option")

    def cost(self, body: bytes) -> int:
        """Raises NothingToAsk."""
        raise NothingToAsk("nothing is asked of the custodian in this option")


def derive_secret(seed: bytes, epoch: int) -> bytes:
    """One epoch's secret from 32 fresh random bytes."""
    return hmac.digest(seed, _SECRET + str(epoch).encode(), "sha256")


def _rows(entries: Iterable[tuple[int, bytes]]) -> bytes:
    """The hashes by entry number, end to end."""
    ordered = [pdq for _, pdq in sorted(entries)]
    if any(len(pdq) != PDQ_BYTES for pdq in ordered):
        raise MalformedMessage("an entry's hash must be 32 bytes")
    return b"".join(ordered)
