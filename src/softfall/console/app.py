"""The console as an application: pages, the intake API, and their life from start to stop.

Guarantees: nothing is opened before the application starts. Every route declares who may use it
(`access.py`). It serves nothing from elsewhere, and its pages work without scripts (but for the
viewer).
Refuses to start on a data folder, TLS files or settings that can't be used.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection

from softfall.config import Settings
from softfall.console import cookies
from softfall.console.dress import Dressed
from softfall.console.figures import ConsoleMetrics
from softfall.console.routes import (
    appeals,
    audit,
    cases,
    decisions,
    entry,
    home,
    hotline,
    intake,
    leads,
    oidc,
    queue,
    referrals,
    second_reads,
    shift,
    staff,
    transparency,
    viewer,
)
from softfall.console.routes import settings as settings_page
from softfall.console.service import Around, ConsoleService
from softfall.console.statuses import STATUSES
from softfall.edge.app import make_app
from softfall.edge.limits import key_of_address

PAGE_BODY_BYTES = 256 * 1024

DESCRIPTION = """
Casework: where reports and holds become cases, and people decide. Pages for staff, and an intake
API for the provider and other tools, which show `Authorization: Bearer TOKEN`.

Every error of the API is JSON with its name, whose fault it is, what happened and what to do.
"""

ROUTERS: tuple[APIRouter, ...] = (
    entry.router,
    oidc.router,
    home.router,
    settings_page.router,
    staff.router,
    audit.router,
    transparency.router,
    intake.router,
    *(
        room.router
        for room in (
            shift,
            queue,
            cases,
            viewer,
            decisions,
            second_reads,
            referrals,
            hotline,
            appeals,
            leads,
        )
    ),
)
# Larger bodies than `PAGE_BODY_BYTES`, by "METHOD /path/{template}".
ROUTE_BODY_BYTES: Mapping[str, int] = {**intake.BODY_BYTES}


def make(settings: Settings, around: Around | None = None) -> FastAPI:
    """The application. Once it has started, `app.state.service` is its `ConsoleService`."""
    outside = around or Around()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = ConsoleService(settings, outside)
        with app.state.service.running():
            yield

    def health() -> Mapping[str, str | int | bool]:
        running: ConsoleService = app.state.service
        return running.health()

    app = make_app(
        "console",
        DESCRIPTION,
        max_body_bytes=PAGE_BODY_BYTES,
        requests_per_minute=settings.console.requests_per_minute,
        route_body_bytes=ROUTE_BODY_BYTES,
        key_of_request=_key_of_request,
        statuses=STATUSES,
        health=health,
        metrics=ConsoleMetrics(),
        log=outside.log,
        lifespan=lifespan,
        docs_url=None,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Dressed)
    return app


def _key_of_request(request: HTTPConnection) -> str:
    """Who is counted: whoever's token was good before, else the address."""
    service: ConsoleService | None = getattr(request.app.state, "service", None)
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    token = cookies.shown(request, cookies.SESSION) or bearer
    known = service.callers.key_of(token) if service and token else None
    return known or f"address {key_of_address(request)}"
