"""The enclave's attestation as this device keeps it: asked for, verified, cached, verified again.

Guarantees: nothing is sealed to a key that was not proved: a document is fetched with 32 fresh
random bytes, verified whole before it is kept (options/enclave/attestation.py), and verified whole
again each time that it is used, against the manifest of that very epoch and this device's clock.
It is kept in the sealed store with its nonce, for as long as the manifest allows.
Refuses: every fault of an attestation, by its own name; then nothing is kept, sealed or sent.
Source: the nonce makes the first contact fresh; the lifetime is the manifest's, so the custodian's.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from softfall.device.records import ATTESTATION_KEPT
from softfall.device.store import SealedStore
from softfall.device.surroundings import Surroundings
from softfall.errors import PeerError
from softfall.lists.manifest import Manifest
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import Attested, Evidence, verify
from softfall.options.enclave.parameters import EnclaveParameters

_DRAWER = "enclave attestation"


@dataclass(frozen=True, slots=True)
class Attestations:
    """The attestations of one device. fetch: from a nonce to an `enclave_attestation`."""

    store: SealedStore
    around: Surroundings
    fetch: Callable[[bytes], bytes]

    def of(self, manifest: Manifest) -> Attested:
        """The enclave that this epoch's manifest allows, proved now or within its lifetime.

        Raises what `attestation.verify` raises, and what `fetch` raises (CustodianAway).
        """
        parameters = EnclaveParameters.decode(manifest.parameters)
        now_ms = self.around.now_ms()
        kept = self._kept()
        if kept is not None:
            try:
                return verify(kept, parameters, now_ms)
            except PeerError:  # too old by now, or another enclave's: only a fresh one can tell
                self.forget()
        nonce = self.around.random_bytes(wire.NONCE_BYTES)
        fresh = Evidence(self.fetch(nonce), nonce, now_ms)
        attested = verify(fresh, parameters, self.around.now_ms())
        with self.store.transaction():
            self.store.put(_DRAWER, value=ATTESTATION_KEPT.encode(asdict(fresh)))
        return attested

    def forget(self) -> None:
        """The enclave has another key by now: ask for a fresh document the next time."""
        with self.store.transaction():
            self.store.delete(_DRAWER)

    def _kept(self) -> Evidence | None:
        with self.store.transaction():
            body = self.store.get(_DRAWER)
        if body is None:
            return None
        values: dict[str, Any] = ATTESTATION_KEPT.decode(body)
        return Evidence(**values)
