"""One list on a custodian's desk for these tests: laid, signed, changed; and its files."""

from dataclasses import dataclass

from softfall.device.surroundings import REAL
from softfall.lists.manifest import Manifest
from softfall.options.homomorphic.listing import ListVersion, read
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.provider.homomorphic.lists import EpochInUse
from softfall.testing.epochs import SmallCustodian
from softfall.testing.homomorphic import SmallKeyholder, lay_list
from tests.provider.split_epoch import random_hash

EPOCH = 3


@dataclass
class Desk:
    """A list of `entries` random hashes, version by version."""

    entries: int = 60

    def __post_init__(self) -> None:
        self.keyholder = SmallKeyholder()
        self.custodian = SmallCustodian()
        self.parameters = HomomorphicParameters(
            bytes(32), self.keyholder.public_key, names_entry=True
        )
        self.listed = [random_hash(seed=number) for number in range(self.entries)]
        self.laid, self.half, self.signed = lay_list(
            EPOCH, self.custodian, self.parameters, self.listed
        )

    @property
    def version(self) -> ListVersion:
        return read(self.signed)

    @property
    def files(self) -> dict[bytes, bytes]:
        return self.laid.files.files

    @property
    def epoch(self) -> EpochInUse:
        told = Manifest("homomorphic", EPOCH, b"", bytes(32), 1, 1, 2**40, self.parameters.encode())
        return EpochInUse(EPOCH, self.custodian.sign(told), self.parameters)

    def add(self, *hashes: bytes) -> None:
        """One more version, with these entries."""
        first = len(self.listed) + 1
        self.listed += hashes
        added = list(enumerate(hashes, start=first))
        self.signed = self.half.extend(
            self.version, added, [], lambda done, of: None, REAL.now_ms()
        )
