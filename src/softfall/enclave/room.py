"""The enclave's state at work: one key, the lists at hand, and the attester that vouches for both.

Guarantees: everything is in memory only, and gone with the process: a restart has another key, no
list, and must be attested anew. One scan uses every core. What is told of the state is the key's
digest and which epochs are there.
Leaves to `options/enclave/enclave.py`: opening, refusing, scanning, the one byte that leaves, and
that no list changes under a scan.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from softfall.crypto.hpke import SECRET_BYTES
from softfall.enclave.attester import Claim, SoftwareAttester
from softfall.options.enclave import kernel, wire
from softfall.options.enclave.attestation import NITRO
from softfall.options.enclave.binding import key_digest, signer_digest
from softfall.options.enclave.documents import SOFTWARE_MARK
from softfall.options.enclave.enclave import Enclave
from softfall.options.enclave.planes import hash_of

SOFTWARE_LABEL: Final = f"SOFTWARE ATTESTATION, NOT HARDWARE ({SOFTWARE_MARK})"


class Room:
    """One running enclave. custodian_key: 32 bytes, whose lists alone are taken.

    now_ms: milliseconds since 1970. random_bytes: the system's; the key comes from it.
    """

    def __init__(
        self,
        attester: SoftwareAttester,
        custodian_key: bytes,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        cores = len(os.sched_getaffinity(0))
        executor = ThreadPoolExecutor(cores, "scan")
        self._inner = Enclave(random_bytes(SECRET_BYTES), custodian_key, executor, cores)
        self._attester = attester
        self._signer = signer_digest(custodian_key)
        self._now_ms = now_ms

    @property
    def key_digest(self) -> bytes:
        """Which key this enclave has, as submissions name it."""
        return self._inner.key_digest

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose lists are at hand, oldest first."""
        return self._inner.epochs

    def warm_up(self) -> None:
        """Have every kernel compiled, which writes a cache: before the process gives that up."""
        kernel.load()
        hash_of(bytes(wire.PLANE_BYTES))
        self.attestation(bytes(wire.NONCE_BYTES))

    def attestation(self, nonce: bytes) -> bytes:
        """An `enclave_attestation` that answers this nonce."""
        key = self._inner.public_key
        claim = Claim(key_digest(key), self._signer, nonce)
        return wire.ATTESTATION.encode(
            {
                "version": wire.VERSION,
                "technology": NITRO,
                "document": self._attester.attest(claim, self._now_ms()),
                "public_key": key,
                "collateral": b"",
            }
        )

    def judge(self, question: bytes) -> bytes:
        """The `enclave_answer` to an `enclave_question`. Raises MalformedMessage."""
        return self._inner.answer(question)

    def take_list(self, sealed: bytes) -> int:
        """Take an `enclave_list`; returns its epoch.

        Raises BadList, BadManifest, ManifestExpired, ManifestRolledBack.
        """
        return self._inner.take_list(sealed, self._now_ms())
