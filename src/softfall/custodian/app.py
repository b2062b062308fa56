"""The custodian's service: manifests, artefacts, and answers to blinded questions.

Guarantees: it is told nothing of who asks, and logs nothing of what is asked: bodies are blinded
points of one fixed size, relayed by the provider. Only the provider can call it (mutual TLS, see
`custodian/main.py`). Each answer is counted against the global quota before it is made.
An epoch published by another process is noticed with the next request. The key of an ended one is
never used again, and destroyed within `REAP_SECONDS`.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import anyio.to_thread
from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as InPath

from softfall.config import CustodianSettings
from softfall.custodian.answers import Answers
from softfall.custodian.clock import steady_ms, wall_ms
from softfall.custodian.epochs import EpochBook, EpochEnded, EpochNotPublished, NoEpoch
from softfall.custodian.figures import Figures
from softfall.custodian.options import OptionUnknown, kept
from softfall.custodian.quota import Quota, QuotaSpent
from softfall.custodian.store import open_database, open_quota_database
from softfall.edge.app import make_app
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger, failure, make_logger

OCTETS = "application/octet-stream"
CBOR = "application/cbor"
REAP_SECONDS = 5.0
OPTIONS_KEPT = ("split",)
DESCRIPTION = (
    "Keeps the list. Answers blinded questions that the provider relays; sees neither pictures nor "
    "hashes of messages, and never who asks."
)

STATUSES: Statuses = {
    EpochEnded: 410,
    EpochNotPublished: 404,
    NoEpoch: 404,
    OptionUnknown: 404,
    QuotaSpent: 429,
}

OptionName = Annotated[str, InPath(max_length=32, description="Which option, as `split`.")]
EpochNumber = Annotated[int, InPath(ge=1, le=2**32, description="A published epoch's number.")]


def make(
    settings: CustodianSettings,
    *,
    now_ms: Callable[[], int] = wall_ms,
    steady_ms: Callable[[], int] = steady_ms,
    reap_seconds: float = REAP_SECONDS,
    log: Logger | None = None,
) -> FastAPI:
    """The service's application; its databases are opened, and made if need be.

    now_ms: milliseconds since 1970; steady_ms: milliseconds that never run back.
    Raises StoreUnusable.
    """
    log = log or make_logger("custodian")
    engine = open_database(settings.data_dir)
    book = EpochBook.of(settings, engine)
    quota_engine = open_quota_database(settings.data_dir)
    quota = Quota(quota_engine, settings.evaluations_per_hour, now_ms, steady_ms)
    answers = Answers(book, quota, now_ms)
    figures = Figures(quota)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reaper = asyncio.create_task(_reap(answers, reap_seconds, log))
        yield
        reaper.cancel()
        engine.dispose()
        quota_engine.dispose()

    app = make_app(
        "Softfall custodian",
        DESCRIPTION,
        max_body_bytes=settings.max_request_bytes,
        requests_per_minute=settings.requests_per_minute,
        key_of_request=lambda _: "all callers",
        statuses=STATUSES,
        health=lambda: {"epoch": book.current("split", now_ms()).number},
        metrics=figures.metrics,
        log=log,
        lifespan=lifespan,
    )
    _add_epoch_routes(app, book, now_ms)
    _add_answer_route(app, answers, figures)
    return app


def _add_epoch_routes(app: FastAPI, book: EpochBook, now_ms: Callable[[], int]) -> None:
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
        response_class=Response,
        responses={200: {"content": {OCTETS: {}}, "description": "the option's artefact"}},
        tags=["epochs"],
    )
    def read_artefact(number: EpochNumber, option: OptionName) -> Response:
        """The artefact whose SHA-256 the epoch's manifest names: pseudorandom tags, no hashes."""
        epoch = book.answering(number, kept(option).name, now_ms())
        return Response(book.artefact(epoch), media_type=OCTETS)


def _add_answer_route(app: FastAPI, answers: Answers, figures: Figures) -> None:
    # Evaluations keep a core busy each; more at once would only make all of them slower.
    limiter = anyio.CapacityLimiter(len(os.sched_getaffinity(0)))

    @app.post(
        "/v1/options/{option}/answer",
        summary="Answer a blinded question",
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "the option's reply"}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {CBOR: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
        tags=["options"],
    )
    async def answer(option: OptionName, request: Request) -> Response:
        """The reply to an option's request, as a device made it and the provider relayed it.

        Each evaluation counts against the global quota, whoever asks.
        """
        name, body = kept(option).name, await request.body()
        answered = await anyio.to_thread.run_sync(answers.answer, name, body, limiter=limiter)
        figures.evaluations.inc(answered.evaluations)
        return Response(answered.reply, media_type=CBOR)


async def _reap(answers: Answers, every_seconds: float, log: Logger) -> None:
    """End what is due, for ever; a failure (a full disk) is told and tried again."""
    while True:
        try:
            for option in OPTIONS_KEPT:
                for number in await anyio.to_thread.run_sync(answers.end_due, option):
                    log.info("epoch ended", option=option, epoch=number)
        except Exception as error:  # it must outlive any single failure
            log.error("ending epochs failed", **failure(error))
        await asyncio.sleep(every_seconds)
