"""What confirming a candidate cost is drawn from what was recorded, and from nothing else."""

import os
from dataclasses import dataclass, field

from softfall.compare.confirms import BEGIN, FINISH, STOCK, confirm_costs
from softfall.compare.recorder import CLIENT, SERVER, Exchange
from softfall.compare.views import Recording
from softfall.options.confirm import custodian, dealer, wire
from softfall.options.confirm.custodian import Kept
from softfall.options.confirm.device import make_shares
from softfall.options.confirm.keys import make_keys
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import ScanSecret

KEYS = make_keys(bytes(32), "split", 1)
HEAD_BYTES = 100


@dataclass
class Tape:
    """A recording as it grows."""

    spool: bytes = b""
    exchanges: list[Exchange] = field(default_factory=list)

    def note(self, side: str, path: str, ms: tuple[int, int], received: bytes, sent: int,
             status: int = 200) -> None:  # fmt: skip
        self.exchanges.append(
            Exchange(
                side,
                "POST",
                path,
                status,
                ms[0] * 10**6,
                ms[1] * 10**6,
                len(self.spool),
                len(received),
                HEAD_BYTES,
                sent,
                HEAD_BYTES,
            )
        )
        self.spool += received

    def recording(self, role: str) -> Recording:
        return Recording(role, role, self.exchanges, self.spool)


def confirmed(provider: Tape, keeper: Tape, key: int, start_ms: int) -> None:
    """One whole confirmation, 10 ms at the provider and 3 + 2 ms of it at the custodian."""
    secret = ScanSecret(bytes([key]) * 32, "split", 1)
    shares = make_shares(bytes(32), secret, secret.key(bytes(32)), KEYS.public).body
    dealt = dealer.deal(start_ms, os.urandom)
    step = Confirming(DealtProvider.decode(dealt.provider), shares, "split", 1, 1)
    begin = step.begin()
    half = DealtCustodian.decode(dealt.custodian)
    begun, kept = custodian.begin(begin, half, KEYS, bytes(32))
    finish = step.go_on(begun)
    assert isinstance(finish, bytes)
    assert kept is not None
    finished = custodian.finish(finish, Kept.decode(kept))
    provider.note(CLIENT, BEGIN, (start_ms, start_ms + 5), begun, len(begin))
    provider.note(CLIENT, FINISH, (start_ms + 6, start_ms + 10), finished, len(finish))
    keeper.note(SERVER, BEGIN, (start_ms + 1, start_ms + 4), begin, len(begun))
    keeper.note(SERVER, FINISH, (start_ms + 7, start_ms + 9), finish, len(finished))


def test_time_bytes_and_counts_are_those_of_the_exchanges() -> None:
    provider, keeper = Tape(), Tape()
    confirmed(provider, keeper, key=1, start_ms=1000)
    confirmed(provider, keeper, key=1, start_ms=2000)
    confirmed(provider, keeper, key=2, start_ms=3000)
    for tape, form, part in (
        (provider, wire.STOCK_PROVIDER, 0), (keeper, wire.STOCK_CUSTODIAN, 1),
    ):  # fmt: skip
        dealt = [dealer.deal(serial, os.urandom)[part] for serial in range(4)]
        tape.note(CLIENT, STOCK, (1, 2), wire.encode_stock(form, dealt), 20)
    costs = confirm_costs(
        {"provider": provider.recording("provider"), "custodian": keeper.recording("custodian")}
    )
    assert costs is not None
    assert (costs.candidates, costs.asked) == (2, 3)
    assert (costs.provider_ms, costs.custodian_ms) == (10.0, 5.0)
    assert costs.sent_bytes == 1487 + 14 + 2 * HEAD_BYTES
    assert costs.received_bytes == 274 + 12 + 2 * HEAD_BYTES
    assert 45 <= costs.dealt_bytes["provider"] < 50
    assert 113 <= costs.dealt_bytes["custodian"] < 120


def test_a_begin_that_was_refused_or_never_finished_counts_for_nothing() -> None:
    provider, keeper = Tape(), Tape()
    provider.note(CLIENT, BEGIN, (1, 2), b'{"error": "SerialUnknown"}', 1487, status=410)
    provider.note(CLIENT, BEGIN, (3, 4), b"", 1487)
    recordings = {
        "provider": provider.recording("provider"), "custodian": keeper.recording("custodian"),
    }  # fmt: skip
    assert confirm_costs(recordings) is None
    assert confirm_costs({}) is None
