"""What a new epoch of `homomorphic` is published with: a fresh seed, and whose key devices seal to.

Guarantees: the seed of the public elements is fresh for each epoch; the keyholder's key, the mode
and whether entries are named are exactly what the settings say, and are signed in the manifest, so
changing one of them takes another epoch.
Refuses: a keyholder's key that is missing or damaged, by name, before anything is published.
"""

import os

from softfall.config import CustodianSettings
from softfall.edge.keyholder_key import read_keyholder_key
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode
from softfall.options.homomorphic.wire import SEED_BYTES


def new_parameters(settings: CustodianSettings, identity_key: bytes) -> bytes:
    """The parameters that a new epoch is published with. Raises KeyholderKeyUnusable."""
    del identity_key  # versions are signed by it, as manifests are: no parameter
    return HomomorphicParameters(
        public_seed=os.urandom(SEED_BYTES),
        keyholder_key=read_keyholder_key(settings.keyholder_key_file),
        mode=Mode[settings.homomorphic_mode.upper()],
        names_entry=settings.homomorphic_names_entry,
    ).encode()


def derive_secret(seed: bytes, epoch: int) -> bytes:
    """An epoch of this option has no secret of its own: what is kept only says that it lives."""
    del epoch
    return bytes(len(seed))
