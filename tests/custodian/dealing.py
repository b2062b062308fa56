"""A dealer of these tests, and a provider that confirms against the custodian's own functions."""

import os
from dataclasses import dataclass, field

from softfall.custodian.confirming import Confirmations
from softfall.lists.manifest import Manifest
from softfall.options.confirm import dealer
from softfall.options.confirm.device import make_shares
from softfall.options.confirm.material import DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import ScanSecret


@dataclass
class Dealer:
    """Deals serials in order; each half is fetched once."""

    next_serial: int = 1
    halves: dict[str, list[tuple[int, bytes]]] = field(
        default_factory=lambda: {"provider": [], "custodian": []}
    )
    away: bool = False

    def fetch(self, party: str, count: int) -> list[tuple[int, bytes]]:
        if self.away:
            raise OSError("the dealer is away")
        while len(self.halves[party]) < count:
            dealt = dealer.deal(self.next_serial, os.urandom)
            self.halves["provider"].append((self.next_serial, dealt.provider))
            self.halves["custodian"].append((self.next_serial, dealt.custodian))
            self.next_serial += 1
        handed, self.halves[party] = self.halves[party][:count], self.halves[party][count:]
        return handed

    def for_provider(self) -> DealtProvider:
        return DealtProvider.decode(self.fetch("provider", 1)[0][1])


def shares_of(manifest: Manifest, bits: bytes, attachment_key: bytes = bytes(32)) -> bytes:
    """What a device submits for a picture of this hash."""
    secret = ScanSecret(attachment_key, manifest.option, manifest.epoch)
    return make_shares(bits, secret, secret.key(bits), manifest.confirm_key).body


def confirming(dealer: Dealer, manifest: Manifest, shares: bytes, entry: int) -> Confirming:
    return Confirming(dealer.for_provider(), shares, manifest.option, manifest.epoch, entry)


def bit_of(confirmations: Confirmations, step: Confirming) -> bool:
    """The whole protocol. AssertionError where the custodian finds a mismatch."""
    going_on = step.go_on(confirmations.begin(step.begin()))
    assert isinstance(going_on, bytes)
    return step.bit(confirmations.finish(going_on))
