"""Logging in by the organisation's OIDC provider: there, and back.

Both answers are pages that lead on by themselves, not redirects: the policy lets forms lead nowhere
else, and a browser that comes from another site would not show the session's cookie.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from softfall.console import cookies, pages
from softfall.console.access import ConsoleNow, open_page
from softfall.console.oidc import MAX_MINUTES, OidcOff, OidcRefused, OidcWay
from softfall.console.service import ConsoleService

router = APIRouter(tags=["pages"], dependencies=[Depends(open_page)])

Given = Annotated[str, Query(max_length=4_000)]


@router.post("/oidc/start", summary="Log in by the organisation's OIDC provider")
def start(
    request: Request,
    service: ConsoleNow,
    onward: Annotated[str, Form(max_length=400)] = "/",
) -> Response:
    """Leads to the provider, and has the browser keep what it must come back with."""
    begun = _way(service).begin(pages.local_path(onward))
    reply = pages.render(request, "onward.html", url=begun.url, words="To your organisation's page")
    cookies.put(reply, cookies.OIDC, begun.browser, MAX_MINUTES * 60, samesite="lax")
    return reply


@router.get("/oidc/answer", summary="Where the OIDC provider sends people back to")
def answer(
    request: Request, service: ConsoleNow, state: Given = "", code: Given = "", error: Given = ""
) -> Response:
    """Logs in whoever the provider vouches for, if they are on the staff."""
    way = _way(service)
    if error or not code:
        raise OidcRefused("the provider did not let you in")
    answered = way.answer(state, code, cookies.shown(request, cookies.OIDC))
    entered = service.door.log_in_as_subject(answered.subject)
    reply = pages.render(request, "onward.html", url=answered.onward, words="On to the console")
    cookies.put(reply, cookies.SESSION, entered.token)
    cookies.drop(reply, cookies.OIDC)
    return reply


def _way(service: ConsoleService) -> OidcWay:
    if service.oidc is None:
        raise OidcOff("no OIDC provider is configured")
    return service.oidc
