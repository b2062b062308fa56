"""A real epoch of `split`, put where a provider keeps what it has fetched."""

import hashlib
import secrets
from pathlib import Path

import numpy as np

from softfall.lists.manifest import Manifest, sign
from softfall.media.pdq import PdqHash
from softfall.options.confirm.keys import make_keys
from softfall.options.contract import ScanSecret, Submission
from softfall.options.split.custodian import SplitCustodian, derive_secret
from softfall.options.split.device import SplitDevice
from softfall.options.tags.parameters import TagParameters, random_positions
from softfall.provider.clock import system_clock
from softfall.provider.database import open_main
from softfall.provider.epochs import Epochs
from softfall.provider.options import offered
from softfall.store.database import sqlite_url

from .cast import Custodian

PARAMETERS = TagParameters(
    k_bits=24, probes=4, hits=2, positions=random_positions("test", tables=4, k_bits=24)
)


class SplitEpoch:
    """A real epoch of `split` with one entry, always the same, and submissions for it."""

    def __init__(self) -> None:
        self.custodian = SplitCustodian(1, derive_secret(bytes(32), 1), PARAMETERS)
        self.listed = random_hash(seed=1)
        self.prepared = self.custodian.prepare([(7, self.listed)], lambda done, total: None)
        self.confirm_keys = make_keys(bytes(32), "split", 1)
        self.device = SplitDevice(1, self.prepared.public_key, PARAMETERS, self.confirm_keys.public)

    def install(self, data_dir: Path, url: str = "") -> None:
        manifest = Manifest(
            option="split",
            epoch=1,
            public_key=self.prepared.public_key,
            artefact_sha256=hashlib.sha256(self.prepared.artefact).digest(),
            entries=1,
            published_at_ms=system_clock(),
            expires_at_ms=system_clock() + 86_400_000,
            parameters=PARAMETERS.encode(),
            confirm_key=self.confirm_keys.public,
        )
        option = offered("split")
        assert option is not None
        db = open_main(url or sqlite_url(data_dir / "provider.db"))
        epochs = Epochs(db, data_dir / "epochs", option, system_clock)
        epochs.install(sign(manifest, Custodian().key.sign), self.prepared.artefact)
        db.close()

    def submission(self, bits: bytes) -> Submission:
        picture = PdqHash(bits, 100, np.ones(256, np.float32))
        pending = self.device.begin(picture, ScanSecret(secrets.token_bytes(32), "split", 1))
        submission, _ = pending.finish(self.custodian.answer(pending.request.body))
        return submission


def random_hash(seed: int | None = None) -> bytes:
    bits = np.zeros(256, np.uint8)
    bits[np.random.default_rng(seed).permutation(256)[:128]] = 1
    return np.packbits(bits).tobytes()
