"""The provider as an application: routes, limits, errors, and its life from start to stop.

Guarantees: nothing is opened before the application starts, so that making one (for its OpenAPI
document, say) touches neither disk nor network.
Refuses to start on a data folder, TLS files or settings that can't be used.
"""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI

from softfall.config import ProviderSettings
from softfall.edge.app import make_app
from softfall.edge.confined import PictureLimits
from softfall.edge.hashing import Hasher, HasherProcess
from softfall.edge.logs import Logger, make_logger
from softfall.edge.metrics import Metrics
from softfall.messaging.envelope import MAX_PICTURE_BYTES, REPORT
from softfall.provider.callers import Tokens
from softfall.provider.clock import Clock, system_clock
from softfall.provider.confirm_desk import Fetch
from softfall.provider.enclave import enclave_client
from softfall.provider.handover import Console
from softfall.provider.options import OfferedOption, offered
from softfall.provider.relay import custodian_client
from softfall.provider.routes import (
    accounts,
    attachments,
    clearances,
    enactments,
    lists,
    messages,
    notices,
    reports,
    service,
    staff,
    staff_reports,
    surfaces,
)
from softfall.provider.routes import enclave as enclave_route
from softfall.provider.routes import tokens as token_routes
from softfall.provider.service import Service, Surroundings
from softfall.provider.statuses import STATUSES

if TYPE_CHECKING:
    from softfall.provider.homomorphic.stock import Deal

JSON_BODY_BYTES = 64 * 1024
ENACTMENT_BYTES = 512 * 1024
BODY_SECONDS = 180.0  # a large photograph over a slow mobile network

DESCRIPTION = """
The messaging service's side of Softfall. It sees ciphertext, who writes to whom, and what the
option in use hands over; never words, pictures, or hashes of pictures.

Devices show `Authorization: Bearer TOKEN`. Bodies marked `application/cbor` are the messages that
docs/wire-formats.md draws. Every error is JSON with its name, whose fault it is, what happened and
what to do.
"""


def make(
    settings: ProviderSettings,
    *,
    clock: Clock = system_clock,
    randomness: random.Random | None = None,
    custodian: httpx.AsyncClient | None = None,
    enclave: httpx.AsyncClient | None = None,
    keyholder: httpx.AsyncClient | None = None,
    option: OfferedOption | None = None,
    hasher: Hasher | None = None,
    fetch_dealt: Fetch | None = None,
    deal_homomorphic: "Deal | None" = None,
    console: Console | None = None,
    log: Logger | None = None,
) -> FastAPI:
    """The application. Once it has started, `app.state.service` is its `Service`.

    clock: Unix milliseconds. randomness: for the wait of media alone; never for keys.
    custodian: the client for everything that goes to the custodian; made from the settings unless
    given; enclave: likewise, for option `enclave`; keyholder: for `homomorphic`. option: what
    `settings.option` names, unless given. hasher: a process for each picture, unless given.
    fetch_dealt: hands out dealt material, for `confirm`; deal_homomorphic: for `homomorphic`; the
    dealer of the settings unless given. console: the way to casework; made from the settings
    unless given.
    """
    logger = log or make_logger("provider")
    metrics = Metrics()
    tokens = Tokens()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        chosen = option or offered(settings.option)
        asks = chosen is not None or bool(settings.surface_token)
        client = custodian or (custodian_client(settings) if asks else None)
        inner = enclave or (enclave_client(settings) if chosen and chosen.needs_enclave else None)
        outer = keyholder or _keyholder_of(settings, chosen)
        chance = randomness or random.SystemRandom()
        limits = PictureLimits(settings.hasher_max_pixels, settings.hasher_memory_mib << 20)
        sandbox = hasher or HasherProcess(limits)
        around = Surroundings(
            clock,
            chance,
            client,
            inner,
            chosen,
            sandbox,
            fetch_dealt,
            logger,
            metrics,
            console,
            outer,
            deal_homomorphic,
        )
        try:
            app.state.service = Service(settings, around, tokens)
            async with app.state.service.running():
                yield
        finally:
            for way_out in (client, inner, outer):
                if way_out is not None:
                    await way_out.aclose()

    def health() -> Mapping[str, str | int | bool]:
        running: Service = app.state.service
        return running.health()

    app = make_app(
        "provider",
        DESCRIPTION,
        max_body_bytes=JSON_BODY_BYTES,
        requests_per_minute=settings.requests_per_minute,
        route_body_bytes=_body_limits(settings),
        body_seconds=BODY_SECONDS,
        key_of_request=tokens.key_of_request,
        statuses=STATUSES,
        health=health,
        metrics=metrics,
        log=logger,
        lifespan=lifespan,
    )
    rooms = (
        service, accounts, messages, clearances, attachments, lists, reports, staff, staff_reports,
        enactments, notices,
    )  # fmt: skip
    for room in (*rooms, enclave_route):
        app.include_router(room.router)
    app.include_router(token_routes.router)
    app.include_router(surfaces.router)
    return app


def _keyholder_of(
    settings: ProviderSettings, option: OfferedOption | None
) -> httpx.AsyncClient | None:
    """The way to the keyholder, for an option that asks it."""
    if option is None or not option.needs_keyholder:
        return None
    from softfall.edge.keyholder_tokens import read_keyholder_token
    from softfall.provider.homomorphic.keyholder_way import keyholder_client

    token = read_keyholder_token(settings.tls_dir)
    client = keyholder_client(settings)
    client.headers["authorization"] = f"Bearer {token}"
    return client


def _body_limits(settings: ProviderSettings) -> Mapping[str, int]:
    return {
        "POST /v1/envelopes": settings.max_envelope_bytes,
        "PUT /v1/attachments/{sha256}": settings.max_attachment_bytes,
        "POST /v1/reports": REPORT.max_bytes,
        "PUT /v1/surfaces/pictures/{reference}": MAX_PICTURE_BYTES,
        "POST /v1/staff/enactments": ENACTMENT_BYTES,
    }
