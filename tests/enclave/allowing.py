"""What a keeper of the list would allow: this very installation, under one software root."""

import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from softfall.enclave import attester
from softfall.enclave.measure import measure
from softfall.options.enclave.parameters import EnclaveParameters, Measurement

SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = SIGNING.public_key().public_bytes_raw()


def root_digest(folder: Path) -> bytes:
    root = x509.load_pem_x509_certificate((folder / attester.ROOT_CERTIFICATE).read_bytes())
    return hashlib.sha256(root.public_bytes(Encoding.DER)).digest()


def parameters(folder: Path) -> EnclaveParameters:
    pcrs = measure(SIGNER)
    allowed = (Measurement(pcrs[0], pcrs[1], pcrs[2]),)
    return EnclaveParameters(SIGNER, (root_digest(folder),), allowed)
