"""`confirm` as the custodian's service offers it: two routes, a stock kept filled, and tidying.

Guarantees: nothing of what is asked or answered is logged; figures are sums. What ended or was
never finished is deleted within `TIDY_SECONDS`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge

from softfall.config import CustodianSettings
from softfall.custodian.confirming import (
    BitReleased,
    Confirmations,
    ConfirmsSpent,
    EntryNotListed,
    SerialSpent,
    SerialUnknown,
    TooManyEntries,
)
from softfall.custodian.epochs import EpochBook
from softfall.custodian.options import kept_options
from softfall.custodian.stock import Stock
from softfall.custodian.store import open_confirm_database
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger, failure
from softfall.edge.stock_keeping import Batch, DealerClient, StockKeeper
from softfall.store.database import empty_the_log

CBOR = "application/cbor"
TIDY_SECONDS = 5.0

STATUSES: Statuses = {
    EntryNotListed: 404,
    SerialUnknown: 410,
    SerialSpent: 409,
    BitReleased: 409,
    TooManyEntries: 409,
    ConfirmsSpent: 429,
}

Clock = Callable[[], int]
Fetch = Callable[[int], Batch]


class ConfirmDesk:
    """Everything of `confirm` at one running custodian."""

    def __init__(
        self,
        settings: CustodianSettings,
        book: EpochBook,
        now_ms: Clock,
        steady_ms: Clock,
        log: Logger,
        fetch: Fetch | None = None,
    ) -> None:
        """fetch: hands out dealt material; the dealer's own service unless given.

        Raises StoreUnusable, TlsFilesUnusable, DealerTokenUnusable.
        """
        self._book = book
        self._now_ms = now_ms
        self._log = log
        self._engine = open_confirm_database(settings.data_dir)
        self._stock = Stock(self._engine)
        self._dealer: DealerClient | None = None
        if fetch is None and settings.dealer_url:
            self._dealer = DealerClient(settings.dealer_url, settings.tls_dir, "custodian")
            fetch = self._dealer.fetch
        self._keeper = (
            StockKeeper(self._stock, fetch, settings.confirm_stock, log) if fetch else None
        )
        self.confirmations = Confirmations(
            self._engine,
            book,
            settings.confirms_per_hour,
            now_ms,
            steady_ms,
            self._keeper.want_more if self._keeper else lambda: None,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The stock is kept filled and what has ended is deleted, until the block is left."""
        if self._keeper:
            self._keeper.start()
        tidying = asyncio.create_task(self._tidy())
        try:
            yield
        finally:
            tidying.cancel()
            if self._keeper:
                await anyio.to_thread.run_sync(self._keeper.stop)
            if self._dealer:
                self._dealer.close()
            self._engine.dispose()

    def router(self, registry: CollectorRegistry) -> APIRouter:
        """POST /v1/confirm/begin and /v1/confirm/finish, counted in `registry`."""
        begun, finished = self._figures(registry)
        router = APIRouter(tags=["confirm"])

        @router.post("/v1/confirm/begin", **_described("confirm_begin", "confirm_begun"))
        async def begin(request: Request) -> Response:
            """The first answer about one candidate; the same again for the same message.

            Uses up the named dealt material, and counts against the hourly limit, whoever asks.
            """
            body = await request.body()
            reply = await anyio.to_thread.run_sync(self.confirmations.begin, body)
            begun.inc()
            return Response(reply, media_type=CBOR)

        @router.post("/v1/confirm/finish", **_described("confirm_finish", "confirm_finished"))
        async def finish(request: Request) -> Response:
            """The second answer, which opens one bit to the provider alone; once."""
            body = await request.body()
            reply = await anyio.to_thread.run_sync(self.confirmations.finish, body)
            finished.inc()
            if self._keeper:
                self._keeper.look()
            return Response(reply, media_type=CBOR)

        return router

    def tidy(self) -> None:
        """Delete what was not finished in time, and what belongs to ended epochs."""
        now_ms = self._now_ms()
        published = [epoch for option in kept_options() for epoch in self._book.published(option)]
        self.confirmations.forget([epoch.number for epoch in published if epoch.alive(now_ms)])
        empty_the_log(self._engine)

    async def _tidy(self) -> None:
        while True:
            try:
                await anyio.to_thread.run_sync(self.tidy)
            except Exception as error:  # a full disk, say: told, and tried again
                self._log.error("tidying confirmations failed", **failure(error))
            await asyncio.sleep(TIDY_SECONDS)

    def _figures(self, registry: CollectorRegistry) -> tuple[Counter, Counter]:
        stock = Gauge(
            "softfall_confirm_stock", "Dealt serials still to be asked for.", registry=registry
        )
        stock.set_function(self._stock.count)
        used = Gauge(
            "softfall_confirms_used",
            "Confirmations that count against the hourly limit at present.",
            registry=registry,
        )
        used.set_function(self.confirmations.used)
        begun = Counter("softfall_confirms_begun", "First answers given.", registry=registry)
        finished = Counter("softfall_confirms_finished", "Second answers.", registry=registry)
        return begun, finished


def _described(asked: str, answered: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary", "title": asked}
    return {
        "summary": f"`{asked}` to `{answered}`",
        "response_class": Response,
        "responses": {200: {"content": {CBOR: {}}, "description": f"`{answered}`"}},
        "openapi_extra": {"requestBody": {"required": True, "content": {CBOR: {"schema": schema}}}},
    }
