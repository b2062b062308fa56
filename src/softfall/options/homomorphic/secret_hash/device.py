"""The device's half of the research mode: it encrypts a picture's plane, and gets no answer.

Guarantees: the query is a function of plane and scan secret, so a recipient can make it again; the
capsule is randomised. Another picture, attachment or epoch never has the same key.
Refuses: pictures without detail (FlatPicture).
"""

import hmac
from typing import Final

from softfall.options.contract import ScanSecret
from softfall.options.homomorphic import sealing
from softfall.options.homomorphic.secret_hash import lattice, wire
from softfall.options.homomorphic.secret_hash.plane import plane

NAME: Final = "secret_hash"

_SECRET_SEED: Final = b"softfall secret hash secret seed v1"
_ERROR_SEED: Final = b"softfall secret hash error seed v1"


class SecretHashDevice:
    """One epoch on a device. public_seed: 32 bytes; keyholder_key: its HPKE key."""

    def __init__(self, epoch: int, public_seed: bytes, keyholder_key: bytes) -> None:
        self.epoch = epoch
        self._public = lattice.public_elements(public_seed)
        self._keyholder_key = keyholder_key

    def query(self, luminance: bytes, secret: ScanSecret) -> bytes:
        """The `secret_hash_query` of a picture. luminance: as `PdqHash.luminance`, 4,096 bytes.

        Raises FlatPicture, BadSealKey.
        """
        steps = plane(luminance)
        scan_key = secret.key(steps.tobytes())
        secret_seed = hmac.digest(scan_key, _SECRET_SEED, "sha256")
        error_seed = hmac.digest(scan_key, _ERROR_SEED, "sha256")
        return wire.QUERY.encode(
            {
                "version": wire.VERSION,
                "epoch": self.epoch,
                "capsule": sealing.make_capsule(secret_seed, self._keyholder_key, self.epoch),
                "commitment": sealing.commitment(secret_seed, self.epoch),
                "query": lattice.encrypt(steps, secret_seed, error_seed, self._public),
            }
        )
