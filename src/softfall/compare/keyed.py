"""What matching one picture cost, drawn from what provider, keyholder and dealer recorded.

Guarantees: every figure is of this run's own exchanges. Times are elapsed ones, on one machine over
loopback; between two organisations the way there and back is added twice. What the dealer handed
out in advance is divided by how many pictures it serves, used or not.
"""

from collections.abc import Mapping
from statistics import median
from typing import Final

import httpx

from softfall.compare.casts.cast import DEALER, KEYHOLDER, PROVIDER
from softfall.compare.recorder import CLIENT, SERVER, Exchange
from softfall.compare.results import MatchCosts
from softfall.compare.views import Recording
from softfall.options.homomorphic import dealt_wire, wire
from softfall.wire import Message, Value

BEGIN: Final = "/v1/begin"
FINISH: Final = "/v1/finish"
STOCK: Final = "/v1/homomorphic/stock"


def match_costs(recordings: Mapping[str, Recording]) -> MatchCosts | None:
    """The costs, from recordings by role; None where nothing was matched at a keyholder."""
    if KEYHOLDER not in recordings:
        return None
    asked = answered(recordings[PROVIDER], CLIENT)
    served = answered(recordings[KEYHOLDER], SERVER)
    if not asked or not served:
        return None
    return MatchCosts(
        pictures=len(asked),
        provider_ms=median((last.end_ns - first.start_ns) / 1e6 for first, last in asked),
        keyholder_ms=median(_ms(first) + _ms(last) for first, last in served),
        sent_bytes=median(_sent(first) + _sent(last) for first, last in asked),
        received_bytes=median(_received(first) + _received(last) for first, last in asked),
        dealt_bytes={
            role: size_bytes
            for role in (PROVIDER, KEYHOLDER)
            if (size_bytes := _dealt_bytes(recordings[role])) is not None
        },
        dealer_ms=_dealer_ms(recordings),
    )


def answered(recording: Recording, side: str) -> list[tuple[Exchange, Exchange]]:
    """The two exchanges of each run of one picture, in order, told by the serial that both name.

    Runs that were refused, cut off or batched are left out.
    """
    forms = (wire.BEGIN, wire.FINISH) if side == SERVER else (wire.BEGUN, wire.FINISHED)
    begun, pairs = dict[object, Exchange](), []
    for exchange in sorted(recording.exchanges, key=lambda each: each.start_ns):
        if exchange.side != side or exchange.status != httpx.codes.OK:
            continue
        if exchange.path not in (BEGIN, FINISH):
            continue
        form = forms[exchange.path == FINISH]
        runs = _runs(form, recording.body(exchange))
        if len(runs) != 1:
            continue
        if exchange.path == BEGIN:
            begun[runs[0]["serial"]] = exchange
        elif (first := begun.pop(runs[0]["serial"], None)) is not None:
            pairs.append((first, exchange))
    return pairs


def stock_fetched(recording: Recording) -> list[Exchange]:
    """Each answer of the dealer's with material for this option, as its party received it."""
    return [
        each
        for each in recording.exchanges
        if (each.side, each.path, each.status) == (CLIENT, STOCK, httpx.codes.OK)
    ]


def _runs(form: Message, body: bytes) -> list[dict[str, Value]]:
    return wire.nested(wire.decode(form, body), "runs")


def _dealt_bytes(recording: Recording) -> float | None:
    """Bytes of one picture's material, as it came: whole answers over what they hold."""
    fetched = stock_fetched(recording)
    served = sum(_serials(recording, each) for each in fetched)
    return sum(each.received_bytes for each in fetched) / served if served else None


def _dealer_ms(recordings: Mapping[str, Recording]) -> float | None:
    """The dealer's time to hand one picture's material out, to both parties."""
    dealer = recordings.get(DEALER)
    served = sum(
        _serials(recordings[KEYHOLDER], each) for each in stock_fetched(recordings[KEYHOLDER])
    )
    if dealer is None or not served:
        return None
    spent = sum(_ms(each) for each in dealer.exchanges if each.path == STOCK)
    return spent / served


def _serials(recording: Recording, exchange: Exchange) -> int:
    """How many pictures' material one answer holds."""
    body = recording.body(exchange)
    if recording.role == PROVIDER:
        return len(dealt_wire.decode_stock(body))
    return len(dealt_wire.decode_keyholder_stock(body))


def _ms(exchange: Exchange) -> float:
    return (exchange.end_ns - exchange.start_ns) / 1e6


def _sent(exchange: Exchange) -> int:
    return exchange.sent_bytes + exchange.sent_head_bytes


def _received(exchange: Exchange) -> int:
    return exchange.received_bytes + exchange.received_head_bytes
