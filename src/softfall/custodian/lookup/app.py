"""The lookup service's application: one route for other tools, beside health and figures.

Guarantees: whoever shows no tool's token learns nothing of the list and of what was asked, beyond
the sums that /metrics shows to all. No hash, no distance and nothing of a question is logged or
told. What the list's keepers change is in effect
within `custodian.index_poll_seconds`, in every worker.
The route is served in front of the framework, which would take longer than a search: `Direct` reads
the body within the same limits and answers errors in the same shape.
Limit: whoever may ask with altered hashes learns by yes and no; see `allowances`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import anyio.to_thread
import numpy as np
from fastapi import FastAPI, Request, Response, Security
from fastapi.security import HTTPBearer
from sqlalchemy import Engine
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from softfall.config import CustodianSettings, LookupSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.clock import steady_ms, wall_ms
from softfall.custodian.index_file import FOLDER
from softfall.custodian.indexing import ListIndex
from softfall.custodian.lookup.allowances import Allowances, ToolLookupsSpent, ToolMatchesSpent
from softfall.custodian.lookup.answers import Answering, LookupAnswer
from softfall.custodian.lookup.desk import (
    Desk,
    HasherBusy,
    LookupParts,
    LookupPictureRefused,
    LookupTypeUnknown,
    PictureHasher,
)
from softfall.custodian.lookup.figures import FLUSH_SECONDS, LOG_SECONDS, LookupFigures
from softfall.custodian.lookup.questions import LookupQuestion, TooManyHashes
from softfall.custodian.lookup.tools import LookupTokenRefused, ToolBook
from softfall.custodian.quota import QuotaNotCounted
from softfall.custodian.store import open_quota_database
from softfall.edge.app import Lifespan, make_app
from softfall.edge.confined import Failed, PictureLimits
from softfall.edge.errors import (
    EDGE_STATUSES,
    InternalError,
    Statuses,
    error_reply,
    status_of,
)
from softfall.edge.hashing import LookupHasherProcess
from softfall.edge.limits import read_body
from softfall.edge.logs import Logger, failure, make_logger
from softfall.edge.metrics import Metrics
from softfall.errors import OperatorError, SoftfallError
from softfall.lists.index.hamming import WORDS
from softfall.media.pdq import PdqHash

PATH: Final = "/v1/lookup"
DESCRIPTION: Final = (
    "Answers other tools whether hashes or pictures are on the custodian's list; never with a hash "
    "or a distance."
)
STATUSES: Statuses = {
    HasherBusy: 503,
    LookupPictureRefused: 422,
    LookupTokenRefused: 401,
    LookupTypeUnknown: 415,
    TooManyHashes: 413,
    ToolLookupsSpent: 429,
    ToolMatchesSpent: 429,
}
_OTHER_REQUESTS_PER_MINUTE: Final = 600
_OTHER_BODY_BYTES: Final = 1024
_HASHER_START_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 1.0
_EMPTY: Final = "EmptyPicture"
_HEADERS: Final = (
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


class HasherUnusable(OperatorError):
    """Pictures can't be opened in confinement on this machine, so the service did not start."""

    remedy = "Run `softfall doctor`: it says why the hasher can't be confined."


def make(
    custodian: CustodianSettings,
    settings: LookupSettings,
    *,
    hasher: PictureHasher | None = None,
    metrics: Metrics | None = None,
    log: Logger | None = None,
    now_ms: Callable[[], int] = wall_ms,
    steady_ms: Callable[[], int] = steady_ms,
) -> "Direct":
    """The whole application; its databases are opened, and made if need be.

    Its lifespan opens the index (or builds it) and starts the hasher. Raises StoreUnusable.
    """
    log = log or make_logger("lookup")
    metrics = metrics or Metrics()
    opener = hasher or _hasher(settings)
    store = _Store.of(custodian, log)
    figures = LookupFigures(metrics, log)
    hashes, matches = settings.hashes_per_hour, settings.matches_per_hour
    parts = LookupParts(
        tools=ToolBook(custodian.data_dir),
        allowances=Allowances(store.counts, hashes, matches, now_ms, steady_ms),
        index=store.index,
        answering=Answering(store.catalogue, lambda: store.index.state().revision),
        hasher=opener,
        figures=figures,
        seconds=time.monotonic,
        worked_seconds=time.thread_time,
    )
    desk = Desk(settings, parts)
    app = _framework(desk, metrics, log, _lifespan(opener, store, parts))
    return Direct(app, desk, figures, settings.body_seconds, log)


def _hasher(settings: LookupSettings) -> PictureHasher:
    memory_bytes = settings.hasher_memory_mib << 20
    return LookupHasherProcess(PictureLimits(settings.hasher_max_pixels, memory_bytes))


def _lifespan(hasher: PictureHasher, store: "_Store", parts: LookupParts) -> Lifespan:
    figures, allowances = parts.figures, parts.allowances

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(_prove, hasher)
        await anyio.to_thread.run_sync(_warm, store.index)
        store.index.start()
        telling = asyncio.create_task(_tell(figures))
        flushing = asyncio.create_task(_flush(figures))
        settling = asyncio.create_task(_settle(allowances))
        yield
        for task in (telling, flushing, settling):
            task.cancel()
        figures.flush()
        figures.tell()
        with contextlib.suppress(QuotaNotCounted):  # then what was held counts as used
            allowances.close()
        await anyio.to_thread.run_sync(store.close)

    return lifespan


def _framework(desk: Desk, metrics: Metrics, log: Logger, lifespan: Lifespan) -> FastAPI:
    app = make_app(
        "Softfall lookups",
        DESCRIPTION,
        max_body_bytes=_OTHER_BODY_BYTES,
        requests_per_minute=_OTHER_REQUESTS_PER_MINUTE,
        statuses=STATUSES,
        metrics=metrics,
        log=log,
        lifespan=lifespan,
    )
    _describe(app, desk)
    return app


@dataclass(frozen=True, slots=True)
class _Store:
    """The custodian's databases and its index, as this process has them open."""

    catalogue: Catalogue
    counts: Engine
    index: ListIndex

    @classmethod
    def of(cls, custodian: CustodianSettings, log: Logger) -> "_Store":
        catalogue = Catalogue.open(custodian.data_dir)
        folder = custodian.data_dir / FOLDER
        index = ListIndex(catalogue, folder, custodian.index_poll_seconds, log=log)
        return cls(catalogue, open_quota_database(custodian.data_dir), index)

    def close(self) -> None:
        self.index.close()
        self.catalogue.close()
        self.counts.dispose()


def _prove(hasher: PictureHasher) -> None:
    """Start the hasher, with nothing to open. Raises HasherUnusable."""
    told = hasher.ask(b"", _HASHER_START_SECONDS)
    found = told if isinstance(told, Failed) else told[0]
    reason = "" if isinstance(found, PdqHash) else found.reason
    if not reason.startswith(_EMPTY):
        raise HasherUnusable(f"the hasher does not work: {reason}")


def _warm(index: ListIndex) -> None:
    """Open the index, or build it, and load what searches it."""
    index.open()
    index.search(np.zeros((1, WORDS), np.uint64))


async def _tell(figures: LookupFigures) -> None:
    while True:
        await asyncio.sleep(LOG_SECONDS)
        figures.tell()


async def _flush(figures: LookupFigures) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        figures.flush()


async def _settle(allowances: Allowances) -> None:
    while True:
        await asyncio.sleep(_SETTLE_SECONDS)
        with contextlib.suppress(QuotaNotCounted):  # lookups say so; this is tried again
            allowances.settle()


class Direct:
    """ASGI: lookups, in front of the application that serves everything else."""

    def __init__(
        self, app: FastAPI, desk: Desk, figures: LookupFigures, body_seconds: float, log: Logger
    ) -> None:
        self.framework = app
        self._desk = desk
        self._figures = figures
        self._body_seconds = body_seconds
        self._log = log
        self._statuses = {**EDGE_STATUSES, **STATUSES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            self._figures.flush()  # figures may be asked for
            await self.framework(scope, receive, send)
            return
        start, tool = time.perf_counter(), ""
        try:
            headers = dict(scope["headers"])
            tool = self._desk.tool(headers)

            async def read(max_bytes: int) -> bytes:
                return await read_body(headers, receive, max_bytes, self._body_seconds)

            body = await self._desk.reply(tool, headers, read)
        except ClientDisconnect:  # nobody is there to be answered; no fault of ours
            self._figures.refused(tool, ClientDisconnect.__name__, 0)
            return
        except SoftfallError as error:
            await self._refuse(error, tool, scope, receive, send)
        except Exception as error:  # the last line of defence: told by type and place only
            self._log.error("request", route=PATH, status=500, **failure(error))
            await self._refuse(InternalError("unforeseen"), tool, scope, receive, send)
        else:
            sized = [*_HEADERS, (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": sized})
            await send({"type": "http.response.body", "body": body})
        self._figures.took(time.perf_counter() - start)

    async def _refuse(
        self, error: SoftfallError, tool: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._figures.refused(tool, error.name, status_of(error, self._statuses))
        reply = error_reply(error, self._statuses)
        reply.headers["cache-control"] = "no-store"
        reply.headers["x-content-type-options"] = "nosniff"
        await reply(scope, receive, send)


def _describe(app: FastAPI, desk: Desk) -> None:
    """The route as the framework knows it: for the description, and for other methods' refusal."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    question = LookupQuestion.model_json_schema()
    content = {
        "application/json": {"schema": question},
        "application/octet-stream": binary,
        "image/*": binary,
    }

    @app.post(
        PATH,
        summary="Are these hashes, or this picture, on the list?",
        response_model=LookupAnswer,
        openapi_extra={
            "requestBody": {"required": True, "content": content},
        },
        dependencies=[Security(HTTPBearer(auto_error=False))],
        tags=["lookup"],
    )
    async def look_up(request: Request) -> Response:
        """Look hashes up, or a picture.

        The body is JSON with `hashes`; or `application/octet-stream`, 32 bytes a hash; or a picture
        (`image/...`), which the hasher's confined process opens. Needs a tool's bearer token;
        counts against `lookup.hashes_per_hour`, and what matches against `lookup.matches_per_hour`.
        """
        headers = dict(request.scope["headers"])

        async def read(_: int) -> bytes:
            return await request.body()

        return Response(
            await desk.reply(desk.tool(headers), headers, read), media_type="application/json"
        )
