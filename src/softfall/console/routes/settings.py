"""Settings: every one with its documentation and value, read-only; secrets are never shown."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from softfall.config_shown import shown
from softfall.console import pages
from softfall.console.access import Anybody, ConsoleNow

router = APIRouter(tags=["pages"])


@router.get("/settings", summary="Every setting, its documentation and its value")
def settings(request: Request, session: Anybody, service: ConsoleNow) -> Response:
    """As this process read them; changed in the file, by a restart."""
    return pages.render(request, "settings.html", sections=shown(service.settings))
