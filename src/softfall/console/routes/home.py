"""Home: the five lines of defence, each with what is on, what it stopped, and its limits."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from softfall.console import pages
from softfall.console.access import Anybody, ConsoleNow
from softfall.console.lines import lines_of_defence

router = APIRouter(tags=["pages"])


@router.get("/", summary="Home: the five lines of defence")
def home(request: Request, session: Anybody, service: ConsoleNow) -> Response:
    """What is on here, what was stopped this week, and what each line can't do."""
    return pages.render(request, "home.html", lines=lines_of_defence(service))
