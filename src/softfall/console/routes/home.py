"""Home: the five lines of defence, each with what is on, what came of it, and its limits."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from softfall.console import pages, week
from softfall.console.access import Anybody, ConsoleNow
from softfall.console.lines import Here, lines_of_defence
from softfall.console.tools import all_tools

router = APIRouter(tags=["pages"])


@router.get("/", summary="Home: the five lines of defence")
def home(request: Request, session: Anybody, service: ConsoleNow) -> Response:
    """What is on here, what came of it in seven days, and what each line can't do."""
    with service.db.read() as tx:
        counted = week.count(tx, service.clock())
    tools = sum(not tool.removed for tool in all_tools(service.db))
    here = Here(service.settings, service.provider_health.now(), counted, tools)
    return pages.render(request, "home.html", lines=lines_of_defence(here))
