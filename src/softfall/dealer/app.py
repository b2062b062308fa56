"""The dealer's service: correlated randomness in advance, for parties that it knows by token.

Guarantees: it is told how many, and by whom, and nothing else: no request has room for anything of
a message, and no answer depends on any. Only the installation's own parties get through the
handshake (mutual TLS, see `dealer/main.py`), and each gets its own halves alone.
Limits: it must be run by somebody independent of provider, custodian and keyholder. Joined with any
of them, a dealer that kept what it dealt opens the others' shares: of each candidate, or of each
distance of a homomorphic query. One that deals wrong halves makes bits come out at random (a hold
is never more than a reason for a person to look).
"""

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field

from softfall.config import DealerSettings
from softfall.dealer.callers import (
    Credentials,
    DealerTokenWrong,
    NothingForThisParty,
    party_of,
)
from softfall.dealer.figures import Figures
from softfall.dealer.homomorphic_route import CBOR, add_homomorphic_route
from softfall.dealer.homomorphic_stock import Backlog, HomomorphicStock
from softfall.dealer.stock import DealerStockFull, Stock, open_database
from softfall.edge.app import make_app
from softfall.edge.dealer_tokens import read_tokens
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger, make_logger
from softfall.options.confirm import wire

MAX_REQUEST_BYTES = 256
DESCRIPTION = (
    "Deals correlated randomness in advance: to provider and custodian for `confirm`, to provider "
    "and keyholder for `homomorphic`. Sees nothing of any message, ever."
)


STATUSES: Statuses = {DealerTokenWrong: 401, DealerStockFull: 429}

_STOCKS = {"provider": wire.STOCK_PROVIDER, "custodian": wire.STOCK_CUSTODIAN}


class StockRequest(BaseModel):
    """How much a party asks for."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(
        ge=1, le=wire.MAX_BATCH, description="How many serials; fewer may be handed out."
    )


def make(
    settings: DealerSettings,
    *,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    log: Logger | None = None,
) -> FastAPI:
    """The service's application; its database is opened, and made if need be.

    now_ms: milliseconds since 1970. Raises StoreUnusable, DealerTokenUnusable.
    """
    tokens = read_tokens(settings.tls_dir)
    engine = open_database(settings.data_dir)
    stock = Stock(engine, settings.max_backlog, now_ms, random_bytes)
    backlog = Backlog(settings.max_backlog, settings.max_homomorphic_backlog_mib << 20)
    seeds = HomomorphicStock(engine, backlog, stock.turn, now_ms, random_bytes)
    figures = Figures(stock, seeds)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    app = make_app(
        "Softfall dealer",
        DESCRIPTION,
        max_body_bytes=MAX_REQUEST_BYTES,
        requests_per_minute=settings.requests_per_minute,
        key_of_request=lambda _: "all callers",
        statuses=STATUSES,
        metrics=figures.metrics,
        log=log or make_logger("dealer"),
        lifespan=lifespan,
    )

    @app.post(
        "/v1/stock",
        summary="Fetch the next dealt material",
        response_class=Response,
        responses={
            200: {"content": {CBOR: {}}, "description": "`stock_provider` or `stock_custodian`"}
        },
        tags=["stock"],
    )
    def fetch(asked: StockRequest, credentials: Credentials) -> Response:
        """The next serials' halves of the party whose token this is, each handed out once.

        A reply that is lost is not repeated: ask again, for later serials.
        """
        party = party_of(credentials, tokens)
        if party == "keyholder":
            raise NothingForThisParty("the keyholder has no part in confirm")
        handed = stock.hand_out(party, min(asked.count, settings.max_batch))
        figures.handed_out.labels(party).inc(len(handed))
        return Response(wire.encode_stock(_STOCKS[party], handed), media_type=CBOR)

    add_homomorphic_route(
        app, seeds, figures, lambda credentials: party_of(credentials, tokens), settings.max_batch
    )
    return app
