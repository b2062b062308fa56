"""All halves of the research mode, for tests; luminances that are harmless noise with structure."""

import random
from dataclasses import dataclass

import numpy as np

from softfall.crypto import hpke
from softfall.options.contract import ScanSecret
from softfall.options.homomorphic.dealer import deal
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.secret_hash.custodian import SecretList, lay_out
from softfall.options.homomorphic.secret_hash.device import NAME, SecretHashDevice
from softfall.options.homomorphic.secret_hash.keyholder import SecretHashKeyholder
from softfall.options.homomorphic.secret_hash.provider import SecretHashProvider

EPOCH = 7
PUBLIC = b"public seed of 32 bytes, really."
THRESHOLD = 0.4
SECRET = random.Random(5).randbytes(hpke.SECRET_BYTES)


def luminance(seed: int) -> bytes:
    """A smooth random landscape, 64x64."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(64, 64))
    for axis in (0, 1):
        for _ in range(3):
            coarse = (coarse + np.roll(coarse, 1, axis) + np.roll(coarse, -1, axis)) / 3
    coarse = (coarse - coarse.min()) / np.ptp(coarse) * 255
    return bytes(np.rint(coarse).astype(np.uint8).tobytes())


def disturbed(plain: bytes, strength: float, seed: int = 1) -> bytes:
    """The same with noise of so many grey levels."""
    values = np.frombuffer(plain, np.uint8).astype(np.float64)
    values = values + np.random.default_rng(seed).normal(0, strength, len(values))
    return bytes(np.clip(np.rint(values), 0, 255).astype(np.uint8).tobytes())


def blended(one: bytes, other: bytes, share: float) -> bytes:
    """So much of the other, 0 to 1, over the one."""
    pair = [np.frombuffer(each, np.uint8).astype(np.float64) for each in (one, other)]
    mixed = (1 - share) * pair[0] + share * pair[1]
    return bytes(np.rint(mixed).astype(np.uint8).tobytes())


@dataclass
class Parties:
    """One epoch's halves."""

    laid: SecretList
    device: SecretHashDevice
    provider: SecretHashProvider
    keyholder: SecretHashKeyholder
    randomness: random.Random

    @classmethod
    def listing(cls, luminances: list[bytes], directions: bytes = b"d" * 32) -> "Parties":
        laid = lay_out(luminances, directions, PUBLIC, b"f" * 32)
        return cls(
            laid,
            SecretHashDevice(EPOCH, PUBLIC, hpke.public_of(SECRET)),
            SecretHashProvider(EPOCH, laid.weights),
            SecretHashKeyholder(EPOCH, laid.hint, [SECRET], THRESHOLD),
            random.Random(9),
        )

    def scan_secret(self) -> ScanSecret:
        return ScanSecret(self.randomness.randbytes(32), NAME, EPOCH)

    def halves(
        self, serial: int, mode: Mode = Mode.PERMUTED
    ) -> tuple[DealtProvider, DealtKeyholder]:
        made = deal(serial, mode, self.provider.rows, self.randomness.randbytes)
        return DealtProvider.decode(made.provider), DealtKeyholder.decode(made.keyholder)

    def asks(self, picture: bytes, serial: int = 1) -> bool:
        theirs, held = self.halves(serial)
        run = self.provider.run(self.device.query(picture, self.scan_secret()), theirs)
        begun, kept = self.keyholder.begin(run.begin, held)
        return run.matched(self.keyholder.finish(run.go_on(begun), kept))
