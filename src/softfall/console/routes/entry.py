"""The door: logging in and out, one's own password and colours, and the files that pages need."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from softfall.console import cookies, pages
from softfall.console.access import ConsoleNow, open_page, signed_in
from softfall.console.lockout import TooManyFailures
from softfall.console.login import BROWSER_DAYS, Entered, LoginRefused
from softfall.console.passwords import MIN_CHARACTERS
from softfall.console.sessions import NotSignedIn, Session, csrf_of, new_token
from softfall.console.statuses import STATUSES
from softfall.edge.errors import RouteUnknown, status_of
from softfall.edge.limits import key_of_address
from softfall.errors import SoftfallError

_DAY_SECONDS = 86_400

router = APIRouter(tags=["pages"])
Open = Depends(open_page)
BeforeChange = Annotated[Session, Depends(signed_in(before_change=True))]
Field = Annotated[str, Form(max_length=2_000)]


@router.get("/login", summary="The log-in page", dependencies=[Open])
def login_page(request: Request, service: ConsoleNow) -> Response:
    """Who is signed in already is led on."""
    onward = pages.local_path(request.query_params.get("next", "/"))
    try:
        service.sessions.find(cookies.shown(request, cookies.SESSION))
    except NotSignedIn:
        return _login_page(request, service, onward)
    return pages.redirect(onward)


@router.post("/login", summary="Log in", dependencies=[Open])
def log_in(
    request: Request,
    service: ConsoleNow,
    name: Field = "",
    password: Field = "",
    onward: Field = "/",
) -> Response:
    """Sets the session's cookie; a failure shows the form again, and says nothing of which."""
    address = key_of_address(request)
    browser = cookies.shown(request, cookies.BROWSER)
    before = cookies.shown(request, cookies.SESSION)
    try:
        entered = service.door.log_in(name, password, address, browser, before)
    except (LoginRefused, TooManyFailures) as error:
        return _login_page(request, service, pages.local_path(onward), error)
    reply = pages.redirect(onward)
    give_cookies(reply, entered)
    return reply


@router.post("/logout", summary="Log out")
def log_out(session: BeforeChange, service: ConsoleNow) -> Response:
    """Ends the session at the server, and has the browser forget it."""
    service.door.log_out(session)
    reply = pages.redirect("/login", "logged-out")
    cookies.drop(reply, cookies.SESSION)
    return reply


@router.get("/password", summary="The page to change one's password")
def password_page(request: Request, session: BeforeChange) -> Response:
    """For whoever is signed in."""
    return _password_page(request, session)


@router.post("/password", summary="Change one's password")
def change_password(
    request: Request, session: BeforeChange, service: ConsoleNow, present: Field, new: Field
) -> Response:
    """One's other sessions end."""
    try:
        service.door.change_password(session, present, new)
    except SoftfallError as error:
        return _password_page(request, session, error)
    return pages.redirect("/" if session.must_change else "/password", "password-changed")


@router.post("/theme", summary="Choose light, dark, or what the system prefers")
def choose_theme(
    session: BeforeChange, service: ConsoleNow, theme: Field, onward: Field = "/"
) -> Response:
    """Kept with the account."""
    service.office.set_theme(session.staff_row, theme)
    return pages.redirect(onward)


@router.get("/static/{name}", summary="A file that pages need", dependencies=[Open])
def static_file(name: str) -> Response:
    """Style sheets, scripts and their licences."""
    file = pages.static_files().get(name)
    if file is None:
        raise RouteUnknown("there is no such file")
    unchanging = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.media_type, headers=unchanging)


def give_cookies(reply: Response, entered: Entered) -> None:
    """The cookies of a log-in that succeeded."""
    cookies.put(reply, cookies.SESSION, entered.token)
    cookies.put(reply, cookies.BROWSER, entered.browser, BROWSER_DAYS * _DAY_SECONDS)
    cookies.drop(reply, cookies.LOGIN)


def _login_page(
    request: Request, service: ConsoleNow, onward: str, error: SoftfallError | None = None
) -> Response:
    token = cookies.shown(request, cookies.LOGIN) or new_token()
    status = status_of(error, STATUSES) if error else 200
    reply = pages.render(
        request, "login.html", status, csrf=csrf_of(token), onward=onward, error=error,
        oidc=bool(service.settings.console.oidc_issuer),
    )  # fmt: skip
    if isinstance(error, TooManyFailures):
        reply.headers["retry-after"] = str(error.retry_after_seconds)
    cookies.put(reply, cookies.LOGIN, token)
    return reply


def _password_page(
    request: Request, session: Session, error: SoftfallError | None = None
) -> Response:
    status = 400 if error else 200
    return pages.render(
        request, "password.html", status, error=error, due=session.must_change,
        has_password=session.has_password, min_characters=MIN_CHARACTERS,
    )  # fmt: skip
