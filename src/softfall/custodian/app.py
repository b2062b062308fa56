"""The custodian's service: manifests, artefacts, and answers to blinded questions.

Guarantees: it is told nothing of who asks, and logs nothing of what is asked: bodies are blinded
points of one fixed size, relayed by the provider. Only the installation's own parties get through
the handshake (mutual TLS, see `custodian/main.py`), and of them the provider alone is told anything
but what every device may read (see `provider_only`). Each answer is counted against the global
quota before it is made.
An epoch published by another process is noticed with the next request. The key of an ended one is
never used again, and destroyed within `REAP_SECONDS`.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import anyio.to_thread
from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as InPath

from softfall.config import CustodianSettings
from softfall.crypto import public_sums
from softfall.custodian.answers import Answers
from softfall.custodian.catalogue import Catalogue, UnknownEntry
from softfall.custodian.clock import steady_ms, wall_ms
from softfall.custodian.confirm_routes import STATUSES as CONFIRM_STATUSES
from softfall.custodian.confirm_routes import ConfirmDesk, Fetch
from softfall.custodian.distribution import ListFileUnknown
from softfall.custodian.enclave_lists import EnclaveLists, enclave_routes
from softfall.custodian.epochs import EpochBook, EpochEnded, EpochNotPublished, NoEpoch
from softfall.custodian.figures import Figures
from softfall.custodian.homomorphic_lists import HomomorphicLists
from softfall.custodian.homomorphic_routes import SegmentUnknown, homomorphic_routes
from softfall.custodian.index_file import FOLDER
from softfall.custodian.indexing import ListIndex
from softfall.custodian.list_publishing import ListPublishing
from softfall.custodian.list_routes import KEEP_SECONDS, keep_list, list_routes
from softfall.custodian.lookups import Lookups, LookupsSpent, lookup_routes
from softfall.custodian.options import OptionUnknown, kept
from softfall.custodian.provider_only import NotTheProvider, ProviderOnly
from softfall.custodian.quota import Quota, QuotaSpent
from softfall.custodian.store import open_database, open_quota_database
from softfall.custodian.tokens import TokenBook, TokensMinted
from softfall.edge.app import make_app
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger, failure, make_logger
from softfall.options.enclave.wire import LIST_REQUEST

OCTETS = "application/octet-stream"
CBOR = "application/cbor"
REAP_SECONDS = 5.0
OPTIONS_KEPT = ("split", "on_device", "enclave", "homomorphic")
DESCRIPTION = (
    "Keeps the list. Answers blinded questions that the provider relays; sees neither pictures nor "
    "hashes of messages, and never who asks."
)

STATUSES: Statuses = {
    **CONFIRM_STATUSES,
    EpochEnded: 410,
    EpochNotPublished: 404,
    NoEpoch: 404,
    UnknownEntry: 404,
    LookupsSpent: 429,
    ListFileUnknown: 404,
    NotTheProvider: 401,
    OptionUnknown: 404,
    QuotaSpent: 429,
    SegmentUnknown: 404,
    TokensMinted: 429,
}

OptionName = Annotated[str, InPath(max_length=32, description="Which option, as `split`.")]
EpochNumber = Annotated[int, InPath(ge=1, le=2**32, description="A published epoch's number.")]


def make(
    settings: CustodianSettings,
    *,
    now_ms: Callable[[], int] = wall_ms,
    steady_ms: Callable[[], int] = steady_ms,
    reap_seconds: float = REAP_SECONDS,
    fetch_dealt: Fetch | None = None,
    log: Logger | None = None,
) -> FastAPI:
    """The service's application; its databases are opened, and made if need be.

    now_ms: milliseconds since 1970; steady_ms: milliseconds that never run back. fetch_dealt: hands
    out dealt material; the dealer of the settings unless given.
    Raises StoreUnusable, TlsFilesUnusable, DealerTokenUnusable.
    """
    log = log or make_logger("custodian")
    engine = open_database(settings.data_dir)
    book = EpochBook.of(settings, engine)
    quota_engine = open_quota_database(settings.data_dir)
    quota = Quota(quota_engine, settings.evaluations_per_hour, now_ms, steady_ms)
    tokens = TokenBook(quota_engine, settings.tokens_per_day, now_ms, steady_ms)
    answers = Answers(book, quota, tokens, now_ms)
    catalogue = Catalogue(engine, settings.data_dir)
    index = ListIndex(catalogue, settings.data_dir / FOLDER, settings.index_poll_seconds, log=log)
    publishing = ListPublishing(settings, engine, now_ms)
    figures = Figures(quota, tokens)
    confirm = ConfirmDesk(settings, book, now_ms, steady_ms, log, fetch_dealt)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(public_sums.load)  # or the first question would be too late
        reaper = asyncio.create_task(_reap(answers, reap_seconds, log))
        keeper = asyncio.create_task(keep_list(publishing, KEEP_SECONDS, log))
        index.start()
        async with confirm.running():
            yield
        keeper.cancel()
        reaper.cancel()
        await anyio.to_thread.run_sync(index.close)
        engine.dispose()
        quota_engine.dispose()

    app = make_app(
        "Softfall custodian",
        DESCRIPTION,
        max_body_bytes=settings.max_request_bytes,
        route_body_bytes={"POST /v1/options/enclave/list": LIST_REQUEST.max_bytes},
        requests_per_minute=settings.requests_per_minute,
        key_of_request=lambda _: "all callers",
        statuses=STATUSES,
        health=lambda: {"epoch": _any_current(book, now_ms())},
        metrics=figures.metrics,
        log=log,
        lifespan=lifespan,
    )
    provider_only = ProviderOnly(settings.tls_dir)
    known = [provider_only.where_there_is_one]
    _add_epoch_routes(app, book, now_ms, known)
    _add_answer_route(app, answers, figures, known)
    app.include_router(list_routes(publishing.distribution))
    enclaves = EnclaveLists(book, catalogue, now_ms, os.urandom)
    app.include_router(enclave_routes(enclaves), dependencies=known)
    lists = HomomorphicLists(settings, engine, now_ms)
    app.include_router(homomorphic_routes(lists, provider_only))
    facts = Lookups(
        quota_engine, catalogue, index, book, settings.lookups_per_hour, now_ms, steady_ms
    )
    app.include_router(lookup_routes(facts), dependencies=known)
    app.include_router(confirm.router(figures.metrics.registry), dependencies=known)
    return app


def _any_current(book: EpochBook, now_ms: int) -> int:
    """The newest current epoch of any option. Raises NoEpoch where there is none."""
    found = [epoch for option in OPTIONS_KEPT for epoch in book.published(option)]
    alive = [epoch.number for epoch in found if epoch.alive(now_ms)]
    if not alive:
        raise NoEpoch("no epoch is current" if found else "no epoch was published yet")
    return max(alive)


def _add_epoch_routes(
    app: FastAPI, book: EpochBook, now_ms: Callable[[], int], known: list[Any]
) -> None:
    @app.get(
        "/v1/epochs/current",
        summary="The current epoch's signed manifest",
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "`epoch_manifest`"}},
        tags=["epochs"],
    )
    def read_current(
        option: Annotated[str, Query(max_length=32, description="Which option.")] = "split",
    ) -> Response:
        """The signed `epoch_manifest` of the option's current epoch."""
        epoch = book.current(kept(option).name, now_ms())
        return Response(epoch.manifest, media_type=CBOR)

    @app.get(
        "/v1/epochs/{number}/artefacts/{option}",
        summary="What the provider judges by",
        dependencies=known,
        response_class=Response,
        responses={200: {"content": {OCTETS: {}}, "description": "the option's artefact"}},
        tags=["epochs"],
    )
    def read_artefact(number: EpochNumber, option: OptionName) -> Response:
        """The artefact whose SHA-256 the epoch's manifest names: pseudorandom tags, no hashes."""
        epoch = book.answering(number, kept(option).name, now_ms())
        return Response(book.artefact(epoch), media_type=OCTETS)


def _add_answer_route(app: FastAPI, answers: Answers, figures: Figures, known: list[Any]) -> None:
    # Evaluations keep a core busy each; more at once would only make all of them slower.
    limiter = anyio.CapacityLimiter(len(os.sched_getaffinity(0)))

    @app.post(
        "/v1/options/{option}/answer",
        summary="Answer a blinded question",
        dependencies=known,
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "the option's reply"}},
        openapi_extra=_cbor_body("ask"),
        tags=["options"],
    )
    async def answer(option: OptionName, request: Request) -> Response:
        """The reply to the option's request inside an `ask`, which spends one token on it.

        Each evaluation counts against the global quota, whoever asks.
        """
        name, body = kept(option).name, await request.body()
        answered = await anyio.to_thread.run_sync(answers.answer, name, body, limiter=limiter)
        figures.evaluations.inc(answered.evaluations)
        return Response(answered.reply, media_type=CBOR)

    @app.post(
        "/v1/tokens/issue",
        summary="Mint tokens, blindly",
        dependencies=known,
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "`token_reply`"}},
        openapi_extra=_cbor_body("token_request"),
        tags=["options"],
    )
    async def issue(request: Request) -> Response:
        """Tokens for a device that the provider relays for; they count against the day's."""
        body = await request.body()
        reply, count = await anyio.to_thread.run_sync(answers.issue, body, limiter=limiter)
        figures.tokens.inc(count)
        return Response(reply, media_type=CBOR)


def _cbor_body(title: str) -> dict[str, object]:
    schema = {"type": "string", "format": "binary", "title": title}
    return {"requestBody": {"required": True, "content": {CBOR: {"schema": schema}}}}


async def _reap(answers: Answers, every_seconds: float, log: Logger) -> None:
    """End what is due, for ever; a failure (a full disk) is told and tried again."""
    while True:
        try:
            for option in OPTIONS_KEPT:
                for number in await anyio.to_thread.run_sync(answers.end_due, option):
                    log.info("epoch ended", option=option, epoch=number)
            if ended := await anyio.to_thread.run_sync(answers.end_due_tokens):
                log.info("token keys ended", count=ended)
        except Exception as error:  # it must outlive any single failure
            log.error("ending epochs failed", **failure(error))
        await asyncio.sleep(every_seconds)
