"""The dealer's service: correlated randomness in advance, for parties that it knows by token.

Guarantees: it is told how many, and by whom, and nothing else: no request has room for anything of
a message, and no answer depends on any. Only the installation's own parties get through the
handshake (mutual TLS, see `dealer/main.py`), and each gets its own halves alone.
Limits: it must be run by somebody independent of provider and custodian. Joined with either, a
dealer that kept what it dealt opens the other's share of each candidate; and one that deals wrong
halves makes bits come out at random (a hold is never more than a reason for a person to look).
"""

import contextlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import FastAPI, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from softfall.config import DealerSettings
from softfall.dealer.figures import Figures
from softfall.dealer.stock import DealerStockFull, Stock, open_database
from softfall.edge.app import make_app
from softfall.edge.dealer_tokens import PARTIES, DealerParty, read_token
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger, make_logger
from softfall.errors import RefusedError
from softfall.options.confirm import wire

CBOR = "application/cbor"
MAX_REQUEST_BYTES = 256
DESCRIPTION = (
    "Deals correlated randomness to provider and custodian, in advance, for `confirm`. Sees "
    "nothing of any message, ever."
)


class DealerTokenWrong(RefusedError):
    """The caller shows no token of the dealer's, or another one."""

    remedy = "Send `Authorization: Bearer` with the party's own dealer-....token file's content."


STATUSES: Statuses = {DealerTokenWrong: 401, DealerStockFull: 429}

_STOCKS = {"provider": wire.STOCK_PROVIDER, "custodian": wire.STOCK_CUSTODIAN}
_token = HTTPBearer(
    auto_error=False, scheme_name="party", description="The content of the party's token file."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_token)]


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
    tokens: dict[DealerParty, str] = {
        party: read_token(settings.tls_dir, party) for party in PARTIES
    }
    engine = open_database(settings.data_dir)
    stock = Stock(engine, settings.max_backlog, now_ms, random_bytes)
    figures = Figures(stock)

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
        party = _party(credentials.credentials if credentials else "", tokens)
        handed = stock.hand_out(party, min(asked.count, settings.max_batch))
        figures.handed_out.labels(party).inc(len(handed))
        return Response(wire.encode_stock(_STOCKS[party], handed), media_type=CBOR)

    return app


def _party(shown: str, tokens: dict[DealerParty, str]) -> DealerParty:
    """Whose token this is. Raises DealerTokenWrong."""
    theirs = [
        party for party, token in tokens.items()
        if hmac.compare_digest(shown.encode(), token.encode())
    ]  # fmt: skip
    if len(theirs) != 1:
        raise DealerTokenWrong("this is no party's token")
    return theirs[0]
