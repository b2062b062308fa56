"""What one confirmed bit costs each of its parties, and what travels for it.

In one process, a candidate at a time, from dealing to the bit; `confirm` has the peer.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import TypeVar

from bench.confirm import DISTANCES_BITS, KEYS, pairs
from bench.figures import ROUNDS, Check, Figure
from softfall.options.confirm import custodian, dealer, device
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from softfall.options.confirm.provider import Confirming
from softfall.options.contract import Mismatch, ScanSecret

Answer = TypeVar("Answer")

PARTIES = {
    "dealer": "dealer, in advance",
    "device": "device: shares made and sealed",
    "provider": "provider, both round trips",
    "custodian": "custodian, both round trips",
}


class _Run:
    """Candidates confirmed: each party's processor time, and the messages' sizes."""

    def __init__(self) -> None:
        self.times_ms: defaultdict[str, list[float]] = defaultdict(list)
        self.dealt_bytes = self.online_bytes = 0

    def confirm(self, serial: int, picture: bytes, entry: bytes) -> bool:
        now_ms = dict.fromkeys(PARTIES, 0.0)

        def by(party: str, work: Callable[[], Answer]) -> Answer:
            start_ns = time.thread_time_ns()
            answer = work()
            now_ms[party] += (time.thread_time_ns() - start_ns) / 1e6
            return answer

        secret = ScanSecret(bytes(32), "split", 1)
        key = secret.key(picture)
        shares = by("device", lambda: device.make_shares(picture, secret, key, KEYS.public).body)
        dealt = by("dealer", lambda: dealer.deal(serial, secrets.token_bytes))
        theirs = by("provider", lambda: DealtProvider.decode(dealt.provider))
        asking = by("provider", lambda: Confirming(theirs, shares, "split", 1, 0))
        begin = by("provider", asking.begin)
        own = by("custodian", lambda: DealtCustodian.decode(dealt.custodian))
        begun, kept = by("custodian", lambda: custodian.begin(begin, own, KEYS, entry))
        finish = by("provider", lambda: asking.go_on(begun))
        assert kept is not None
        assert not isinstance(finish, Mismatch)
        decoded = by("custodian", lambda: custodian.Kept.decode(kept))
        finished = by("custodian", lambda: custodian.finish(finish, decoded))
        bit = by("provider", lambda: asking.bit(finished))
        for party, took_ms in now_ms.items():
            self.times_ms[party].append(took_ms)
        self.dealt_bytes = len(dealt.provider) + len(dealt.custodian)
        self.online_bytes = sum(map(len, (begin, begun, finish, finished)))
        return bit


def figures() -> list[Figure]:
    run, right = _Run(), True
    for turn in range(ROUNDS):
        bits = [run.confirm(turn, picture, entry) for picture, entry in pairs()]
        right = right and bits == [distance <= 31 for distance in DISTANCES_BITS]
    check = Check(right, f"bits right at {', '.join(map(str, DISTANCES_BITS))}")
    return [
        *(
            check.figure(f"confirm.{party}", what, median(run.times_ms[party]), "ms")
            for party, what in PARTIES.items()
        ),
        check.figure("confirm.dealt", "dealt material, both halves", run.dealt_bytes, "bytes"),
        check.figure("confirm.online", "two round trips", run.online_bytes, "bytes"),
    ]
