"""Which enclaves the keeper of the list allows: read when an epoch is published, and signed in it.

The keeper writes one line for each allowed program (as `softfall enclave measure` prints it) and
names the certificate of the root that vouches for them: AWS's, or a software attester's.

Guarantees: what is published is exactly what the two files say; a manifest, once signed, does not
change, so allowing another enclave takes another epoch.
Refuses: a missing, empty or malformed file, by name, before anything is published.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from softfall.config import CustodianSettings
from softfall.errors import OperatorError
from softfall.options.enclave.parameters import (
    BadEnclaveParameters,
    EnclaveParameters,
    Measurement,
    Policy,
)

_Register = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{96}$")]
_MINUTE_MS = 60_000


class EnclavesUnstated(OperatorError):
    """The files that say which enclaves are allowed are missing or malformed."""

    remedy = (
        "Set custodian.enclave_root_file and custodian.enclave_measurements_file; "
        "`softfall enclave measure` prints a line for the latter."
    )


class AllowedEnclave(BaseModel):
    """One line of the allow-list: registers in hexadecimal. software: what measured says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    softfall: str
    software: bool
    pcr0: _Register
    pcr1: _Register
    pcr2: _Register
    pcr8: _Register | None = None

    def measurement(self) -> Measurement:
        """As a manifest carries it."""
        pcr0, pcr1, pcr2 = (bytes.fromhex(pcr) for pcr in (self.pcr0, self.pcr1, self.pcr2))
        pcr8 = None if self.pcr8 is None else bytes.fromhex(self.pcr8)
        return Measurement(pcr0, pcr1, pcr2, pcr8)


def allowed_parameters(settings: CustodianSettings, list_signer: bytes) -> bytes:
    """The parameters that a new epoch of `enclave` is published with.

    list_signer: the custodian's own 32-byte Ed25519 key. Raises EnclavesUnstated.
    """
    allowed = _read_measurements(settings.enclave_measurements_file)
    try:
        return EnclaveParameters(
            list_signer=list_signer,
            roots=(_read_root(settings.enclave_root_file),),
            measurements=tuple(line.measurement() for line in allowed),
            policy=Policy[settings.enclave_policy.upper()],
            cache_lifetime_ms=round(settings.enclave_document_minutes * _MINUTE_MS),
        ).encode()
    except BadEnclaveParameters as error:
        raise EnclavesUnstated(f"these enclaves can't be allowed: {error.what}") from None


def _read_root(path: Path) -> bytes:
    """SHA-256 of the certificate, in DER."""
    try:
        root = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise EnclavesUnstated(f"{path} is not a root's certificate that can be read") from None
    return hashlib.sha256(root.public_bytes(Encoding.DER)).digest()


def _read_measurements(path: Path) -> list[AllowedEnclave]:
    try:
        lines = [line for line in path.read_text("ascii").splitlines() if line.strip()]
        allowed = [AllowedEnclave.model_validate(json.loads(line)) for line in lines]
    except (OSError, ValueError, ValidationError):
        raise EnclavesUnstated(f"{path} is not a list of measurements that can be read") from None
    if not allowed:
        raise EnclavesUnstated(f"{path} allows nothing")
    return allowed
