"""What confirming a candidate cost, drawn from what provider, custodian and dealer recorded.

Guarantees: every figure is of this run's own exchanges. Times are elapsed ones, on one machine over
loopback; between two organisations the way there and back is added twice.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import httpx

from softfall.compare.casts.cast import CUSTODIAN, PROVIDER
from softfall.compare.recorder import CLIENT, SERVER, Exchange
from softfall.compare.results import ConfirmCosts
from softfall.compare.views import Recording
from softfall.options.confirm import wire
from softfall.wire import Message

BEGIN = "/v1/confirm/begin"
FINISH = "/v1/confirm/finish"
STOCK = "/v1/stock"


def confirm_costs(recordings: Mapping[str, Recording]) -> ConfirmCosts | None:
    """The costs, from recordings by role; None where nothing was confirmed."""
    if PROVIDER not in recordings or CUSTODIAN not in recordings:
        return None
    custodian = recordings[CUSTODIAN]
    asked, began = _answered(recordings[PROVIDER], CLIENT), _answered(custodian, SERVER)
    if not asked:
        return None
    shares = {_fields(wire.CONFIRM_BEGIN, custodian, pair[0])["commitment"] for pair in began}
    return ConfirmCosts(
        candidates=len(shares),
        asked=len(asked),
        provider_ms=median((last.end_ns - first.start_ns) / 1e6 for first, last in asked),
        custodian_ms=median(_ms(first) + _ms(last) for first, last in began),
        sent_bytes=median(_sent(first) + _sent(last) for first, last in asked),
        received_bytes=median(_received(first) + _received(last) for first, last in asked),
        dealt_bytes={
            role: size
            for role, form in ((PROVIDER, wire.STOCK_PROVIDER), (CUSTODIAN, wire.STOCK_CUSTODIAN))
            if (size := _dealt_bytes(recordings[role], form)) is not None
        },
    )


def _answered(recording: Recording, side: str) -> list[tuple[Exchange, Exchange]]:
    """Each confirmation's two exchanges, in order; those that were refused or cut off are left out.

    One provider confirms one candidate after the other, so a finish belongs to the begin before it.
    """
    pairs, begin = [], None
    for exchange in sorted(recording.exchanges, key=lambda each: each.start_ns):
        if exchange.side != side or exchange.status != httpx.codes.OK:
            continue
        if exchange.path == BEGIN:
            begin = exchange
        elif exchange.path == FINISH and begin is not None:
            pairs.append((begin, exchange))
            begin = None
    return pairs


def _dealt_bytes(recording: Recording, form: Message) -> float | None:
    sizes = [
        exchange.received_bytes / len(dealt)
        for exchange in recording.exchanges
        if (exchange.side, exchange.path, exchange.status) == (CLIENT, STOCK, httpx.codes.OK)
        if (dealt := _dealt(form, recording, exchange))
    ]
    return median(sizes) if sizes else None


def _dealt(form: Message, recording: Recording, exchange: Exchange) -> Sequence[object]:
    dealt = _fields(form, recording, exchange)["dealt"]
    assert isinstance(dealt, list)
    return dealt


def _fields(form: Message, recording: Recording, exchange: Exchange) -> dict[str, Any]:
    return dict(wire.decode(form, recording.body(exchange)))


def _ms(exchange: Exchange) -> float:
    return (exchange.end_ns - exchange.start_ns) / 1e6


def _sent(exchange: Exchange) -> int:
    return exchange.sent_bytes + exchange.sent_head_bytes


def _received(exchange: Exchange) -> int:
    return exchange.received_bytes + exchange.received_head_bytes
