"""The keyholder's service: take signed lists and their hints, decrypt masked values; nothing else.

Guarantees: it never holds a list entry, an encrypted picture, or a result; no route tells how often
anything matched, and it does not know. Bodies are never logged. Only the installation's own parties
get through the handshake (mutual TLS), and of them the provider alone is answered about lists and
runs, by its token (`provider_only`); health and figures are told to all. One question is computed
at a time, so that the time of each is bounded.
Limits: it must be run by somebody independent of provider and custodian (docs/homomorphic.md).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from softfall.config import KeyholderSettings
from softfall.edge.app import make_app
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger, failure
from softfall.keyholder.files import KeyholderDiskFull
from softfall.keyholder.lists import (
    EpochNotHere,
    Held,
    HintNotWanted,
    HintsMissing,
    KeyNotHeld,
    WrongListVersion,
)
from softfall.keyholder.provider_only import NotItsProvider, provider_only
from softfall.keyholder.room import Room
from softfall.keyholder.runs import (
    RunExpired,
    RunUnknown,
    TooManyRuns,
)
from softfall.keyholder.stock import MaterialSpent, MaterialUnknown
from softfall.lists.manifest import ManifestExpired, ManifestRolledBack
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.listing import VersionRolledBack
from softfall.options.homomorphic.segments import hint_file_bytes

CBOR: Final = "application/cbor"
OCTETS: Final = "application/octet-stream"
REQUESTS_PER_MINUTE: Final = 1_000_000  # one caller, the provider, which has limits of its own
TIDY_SECONDS: Final = 5.0
SMALL_BODY_BYTES: Final = 4096
DESCRIPTION: Final = (
    "Decrypts masked values for `homomorphic`. Never holds list entries, pictures, or results."
)

STATUSES: Statuses = {
    NotItsProvider: 401,
    EpochNotHere: 404,
    HintNotWanted: 404,
    HintsMissing: 503,
    KeyNotHeld: 409,
    ManifestExpired: 410,
    ManifestRolledBack: 409,
    VersionRolledBack: 409,
    WrongListVersion: 409,
    MaterialSpent: 409,
    MaterialUnknown: 410,
    RunUnknown: 410,
    RunExpired: 410,
    TooManyRuns: 429,
    KeyholderDiskFull: 507,
}

Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, hex.")]


class HeldList(BaseModel):
    """One list version that is at hand."""

    epoch: int
    list_version: int
    missing: list[str] = Field(description="SHA-256 of the hints still to be carried, in hex.")

    @classmethod
    def of(cls, held: Held) -> "HeldList":
        """As the list book tells it."""
        missing = [digest.hex() for digest in held.missing]
        return cls(epoch=held.epoch, list_version=held.list_version, missing=missing)


class State(BaseModel):
    """What the provider must know to carry what is missing."""

    keys: list[str] = Field(description="SHA-256 of each public key held, in hex, newest last.")
    lists: list[HeldList] = Field(description="Oldest first.")


def make(room: Room, settings: KeyholderSettings, log: Logger) -> FastAPI:
    """The service's application, over a room that `room.running()` has not been entered of."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(room.start)
        tidying = asyncio.create_task(_tidy(room, log))
        try:
            yield
        finally:
            tidying.cancel()
            await anyio.to_thread.run_sync(room.stop)

    app = make_app(
        "Softfall keyholder",
        DESCRIPTION,
        max_body_bytes=SMALL_BODY_BYTES,
        requests_per_minute=REQUESTS_PER_MINUTE,
        route_body_bytes=_body_limits(settings),
        key_of_request=lambda _: "all callers",
        statuses=STATUSES,
        health=lambda: {"lists": len(room.book.held())},
        metrics=room.figures.metrics,
        log=log,
        lifespan=lifespan,
    )
    router = APIRouter(dependencies=[provider_only(settings.tls_dir)])
    _add_list_routes(router, room)
    _add_run_routes(router, room)
    app.include_router(router)
    return app


def _body_limits(settings: KeyholderSettings) -> dict[str, int]:
    question = settings.max_question_mib << 20
    return {
        "POST /v1/lists": wire.LIST_CARRIED.max_bytes,
        "PUT /v1/hints/{sha256}": hint_file_bytes(wire.MAX_SEGMENT_BLOCKS),
        "POST /v1/begin": min(question, wire.BEGIN.max_bytes),
        "POST /v1/finish": min(question, wire.FINISH.max_bytes),
    }


def _add_list_routes(app: APIRouter, room: Room) -> None:
    taking = anyio.CapacityLimiter(1)

    @app.get("/v1/state", summary="Which keys and lists it has", tags=["lists"])
    def read_state() -> State:
        """What to carry: hints that are missing. A list is served once none is."""
        return State(
            keys=[digest.hex() for digest in room.key_digests()],
            lists=[HeldList.of(held) for held in room.book.held()],
        )

    @app.post(
        "/v1/lists",
        summary="Take a signed list version",
        openapi_extra=_body_of("homomorphic_list", CBOR),
        tags=["lists"],
    )
    async def take_list(request: Request) -> HeldList:
        """Only what the pinned custodian signed, and nothing older than what is here; the same
        again changes nothing. Carry epochs, and versions of one, in their order.
        """
        body = await request.body()
        held = await anyio.to_thread.run_sync(room.book.take, body, limiter=taking)
        room.look_at_stock()
        return HeldList.of(held)

    @app.put(
        "/v1/hints/{sha256}",
        summary="Take a hint",
        status_code=204,
        openapi_extra=_body_of("a segment's hint", OCTETS),
        tags=["lists"],
    )
    async def take_hint(sha256: Digest, request: Request) -> None:
        """Only one that a list version at hand names, and only bytes of this digest. Whole or not
        at all, and on the disk before the answer.
        """
        body = await request.body()
        digest = bytes.fromhex(sha256)
        await anyio.to_thread.run_sync(room.book.put_hint, digest, body, limiter=taking)


def _add_run_routes(app: APIRouter, room: Room) -> None:
    # One at a time: a question keeps every core busy, and another would only slow both.
    computing = anyio.CapacityLimiter(1)

    @app.post("/v1/begin", **_described("homomorphic_begin", "homomorphic_begun"))
    async def begin(request: Request) -> Response:
        """The first answer about a batch of queries. Each named serial is spent, on disk, before
        the answer leaves, and counts against its query's runs in the epoch; a query that has had
        them all is told so in its place.
        """
        body = await request.body()
        asked, hints = await anyio.to_thread.run_sync(room.runs.asked, body)
        await room.wait_for_material(asked, hints)
        reply = await anyio.to_thread.run_sync(room.runs.begin, asked, hints, limiter=computing)
        room.look_at_stock()
        room.figures.begun.inc(len(asked.runs))
        return Response(reply, media_type=CBOR)

    @app.post("/v1/finish", **_described("homomorphic_finish", "homomorphic_finished"))
    async def finish(request: Request) -> Response:
        """The second answer, once; what was kept since the first is forgotten with it."""
        body = await request.body()
        reply = await anyio.to_thread.run_sync(room.runs.finish, body, limiter=computing)
        room.figures.finished.inc()
        return Response(reply, media_type=CBOR)


def _body_of(title: str, kind: str) -> dict[str, object]:
    schema = {"type": "string", "format": "binary", "title": title}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


def _described(asked: str, answered: str) -> dict[str, Any]:
    return {
        "summary": f"`{asked}` to `{answered}`",
        "response_class": Response,
        "responses": {200: {"content": {CBOR: {}}, "description": f"`{answered}`"}},
        "openapi_extra": _body_of(asked, CBOR),
        "tags": ["runs"],
    }


async def _tidy(room: Room, log: Logger) -> None:
    """Delete what ended, for ever; a failure (a full disk) is told and tried again."""
    while True:
        try:
            for epoch in await anyio.to_thread.run_sync(room.tidy):
                log.info("epoch ended", epoch=epoch)
        except Exception as error:  # it must outlive any single failure
            log.error("tidying failed", **failure(error))
        await asyncio.sleep(TIDY_SECONDS)
