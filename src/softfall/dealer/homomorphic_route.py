"""The dealer's route for `homomorphic`: a kind and a number in, halves out.

Guarantees: a request says how many serials of which mode and size, and has no room for anything of
a message. The provider's answer is small; the keyholder's, of 32 MiB at most unless one half is
larger, is made in pieces while it is sent, so that the dealer's memory does not grow with the list
(permuted: 20 bytes a row, one half at a time). Kernels are loaded, or compiled, before the first
serial of a process is handed out, so that none is lost to a party that does not wait for that.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Literal

from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from softfall.dealer.callers import Credentials, NothingForThisParty
from softfall.dealer.figures import Figures
from softfall.dealer.homomorphic_stock import Handed, HomomorphicStock, Kind
from softfall.edge.dealer_tokens import DealerParty
from softfall.options.homomorphic import dealt_wire, wire
from softfall.options.homomorphic.dealer import (
    keyholder_stock,
    keyholder_stock_bytes,
    load,
    provider_half,
)
from softfall.options.homomorphic.parameters import Mode

CBOR = "application/cbor"
MODES = {mode.name.lower(): mode for mode in Mode}


class HomomorphicStockRequest(BaseModel):
    """How much of which kind a party asks for."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["one_bit", "permuted"] = Field(description="How the two parties compare.")
    rows: int = Field(ge=1, le=wire.MAX_ROWS, description="How many rows one serial must serve.")
    count: int = Field(
        ge=1,
        le=dealt_wire.MAX_SERIALS,
        description="How many serials; fewer may be handed out.",
    )


def add_homomorphic_route(
    app: FastAPI,
    stock: HomomorphicStock,
    figures: Figures,
    party_of: Callable[[Credentials], DealerParty],
    max_batch: int,
) -> None:
    """Put the route on the dealer's application."""
    one_shuffle = threading.Lock()
    loaded = _once(load)

    @app.post(
        "/v1/homomorphic/stock",
        summary="Fetch the next dealt material for homomorphic matching",
        response_class=Response,
        responses={
            200: {
                "content": {CBOR: {}},
                "description": "`stock_homomorphic_provider` or `stock_homomorphic_keyholder`",
            }
        },
        tags=["stock"],
    )
    def fetch_homomorphic(asked: HomomorphicStockRequest, credentials: Credentials) -> Response:
        """The next serials' halves of the party whose token this is, each handed out once.

        A reply that is lost is not repeated: ask again, for later serials.
        """
        party = party_of(credentials)
        if party == "custodian":
            raise NothingForThisParty("the custodian has no part in homomorphic matching")
        loaded()
        kind = Kind(MODES[asked.mode], asked.rows)
        most = dealt_wire.halves_an_answer(*kind) if party == "keyholder" else max_batch
        handed = stock.hand_out(party, kind, min(asked.count, most))
        figures.handed_out.labels(party).inc(len(handed))
        if party == "keyholder":
            return _streamed(handed, kind, one_shuffle)
        halves = [provider_half(each.serial, *kind, each.seeds) for each in handed]
        body = dealt_wire.STOCK_PROVIDER.encode({"version": wire.VERSION, "dealt": [*halves]})
        return Response(body, media_type=CBOR)


def _once(work: Callable[[], None]) -> Callable[[], None]:
    """The work, done at the first call; who calls meanwhile waits for it."""
    turn, done = threading.Lock(), threading.Event()

    def call() -> None:
        with turn:
            if not done.is_set():
                work()
                done.set()

    return call


def _streamed(handed: list[Handed], kind: Kind, one_shuffle: threading.Lock) -> StreamingResponse:
    """The keyholder's halves, their size told before."""
    serials = [(each.serial, each.seeds) for each in handed]
    size_bytes = keyholder_stock_bytes(serials, *kind)
    pieces = keyholder_stock(serials, *kind)
    if kind.mode is Mode.PERMUTED:
        pieces = _in_turn(pieces, one_shuffle)
    return StreamingResponse(pieces, headers={"content-length": str(size_bytes)}, media_type=CBOR)


def _in_turn(pieces: Iterator[bytes], one_shuffle: threading.Lock) -> Iterator[bytes]:
    """Each piece made while no other shuffle is."""
    ended = False
    while not ended:
        with one_shuffle:
            piece = next(pieces, None)
        if piece is not None:
            yield piece
        ended = piece is None
