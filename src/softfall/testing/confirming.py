"""`confirm` in one process: a dealer's, a custodian's and a provider's halves, one after the other.

Guarantees: real shares, real dealt material (each used once), the real protocol; no stock, no
sockets, nothing on disk.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from softfall.device.surroundings import REAL
from softfall.options.confirm import custodian
from softfall.options.confirm.custodian import Kept
from softfall.options.confirm.dealer import deal
from softfall.options.confirm.keys import ConfirmKeys
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import Candidate, Clear, Held, Malformed, Mismatch, Verdict


@dataclass
class SmallConfirm:
    """Decides about candidates of one epoch. entries: number to 32-byte hash."""

    keys: ConfirmKeys
    entries: Mapping[int, bytes]
    serials: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def decide(self, option: str, epoch: int, candidate: Candidate) -> Verdict:
        """As `provider.verdicts.Confirms` says; it never fails."""
        for entry in candidate.entries:
            bit = self._bit(option, epoch, candidate.shares, entry)
            if isinstance(bit, Mismatch):
                return Malformed(bit.reason)
            if bit:
                evidence = {**candidate.evidence, "confirmed": True, "entry": entry}
                return Held("confirmed: within 31 bits of an entry", evidence)
        return Clear("a candidate, not confirmed")

    def _bit(self, option: str, epoch: int, shares: bytes, entry: int) -> bool | Mismatch:
        dealt = deal(next(self.serials), REAL.random_bytes)
        step = Confirming(DealtProvider.decode(dealt.provider), shares, option, epoch, entry)
        material = DealtCustodian.decode(dealt.custodian)
        begun, kept = custodian.begin(step.begin(), material, self.keys, self.entries[entry])
        finish = step.go_on(begun)
        if isinstance(finish, Mismatch) or kept is None:
            return finish if isinstance(finish, Mismatch) else Mismatch("nothing was kept")
        return step.bit(custodian.finish(finish, Kept.decode(kept)))
