"""Who may use a route: each route of the console declares it, by one of the dependencies here.

    signed_in(*roles)   a person with a session and one of these roles; without roles, anybody
                        signed in. What changes something must come from the console's own pages.
    open_page           nobody needs to be signed in; what changes something must carry the token
                        of the page that it comes from
    intake_caller       a service or tool, by its bearer token

Guarantees: what changes something (any method but GET and HEAD) is refused unless the browser says
that it comes from this very origin (Sec-Fetch-Site, or else Origin) *and* it carries the session's
token, in the header `X-CSRF-Token` or the form field `csrf`. The person is read anew at each
request, so a role that was taken away is gone at once.
A route that declares none of these fails a test.
Source: OWASP Cross-Site Request Forgery Prevention; W3C Fetch Metadata.
"""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from softfall.casework.model import Role
from softfall.console import cookies
from softfall.console.service import ConsoleService
from softfall.console.sessions import SESSION_IN_SCOPE, NotSignedIn, Session, csrf_of
from softfall.console.staff_names import PROVIDER
from softfall.console.tools import tool_of
from softfall.edge.errors import InvalidRequest
from softfall.errors import RefusedError

CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "X-CSRF-Token"
_HARMLESS: Final = frozenset({"GET", "HEAD"})
_bearer = HTTPBearer(
    auto_error=False, scheme_name="intake", description="console-provider.token, or a tool's."
)
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


class RoleLacking(RefusedError):
    """The person's role does not include this."""

    remedy = "Ask somebody whose role it is; an administrator gives roles on the page Staff."


class ForeignRequest(RefusedError):
    """A request that changes something does not come from the console's own pages."""

    remedy = "Open the console itself and do it there."


class CsrfTokenWrong(RefusedError):
    """A request that changes something lacks the page's token."""

    remedy = "Load the page anew and do it again; nothing was changed."


class PasswordChangeDue(RefusedError):
    """Somebody else has set this password: first it is changed."""

    remedy = "Choose a password of your own on the page Password."


class IntakeTokenWrong(RefusedError):
    """The caller shows no token of the provider's or of a tool, or a removed one."""

    remedy = (
        "Send `Authorization: Bearer` with console-provider.token's content, or with the token "
        "that `softfall console tool add` printed."
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who hands something in."""

    name: str
    is_provider: bool


def running_console(request: Request) -> ConsoleService:
    """The service behind this application."""
    service: ConsoleService = request.app.state.service
    return service


ConsoleNow = Annotated[ConsoleService, Depends(running_console)]


async def shown_csrf(request: Request) -> str:
    """The token that the request carries, in its header or its form.

    Raises InvalidRequest for a value that no database keeps alike (NUL).
    """
    _require_text(*request.path_params.values(), *request.query_params.values())
    if request.method in _HARMLESS:
        return ""
    header = request.headers.get(CSRF_HEADER)
    field = ""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        form = await request.form()
        _require_text(*form.values())
        value = form.get(CSRF_FIELD, "")
        field = value if isinstance(value, str) else ""
    return field if header is None else header


ShownCsrf = Annotated[str, Depends(shown_csrf)]


class SignedIn:
    """The dependency that `signed_in` makes."""

    def __init__(self, roles: frozenset[Role], before_change: bool) -> None:
        self.roles = roles
        self.before_change = before_change

    def __call__(self, request: Request, service: ConsoleNow, csrf: ShownCsrf) -> Session:
        """The session. Raises what the module's head says, by name."""
        token = cookies.shown(request, cookies.SESSION)
        if not token:
            raise NotSignedIn("nobody is signed in here")
        session = service.sessions.find(token)
        request.scope[SESSION_IN_SCOPE] = session
        service.callers.saw(token, f"staff {session.name}")
        require_own_page(request, service, csrf, session.csrf)
        if self.roles and session.role not in self.roles:
            raise RoleLacking(f"this is not for the role {session.role}")
        if session.must_change and not self.before_change:
            raise PasswordChangeDue("this password was set by somebody else")
        return session


class OpenPage:
    """The dependency `open_page`: nobody needs to be signed in."""

    def __call__(self, request: Request, service: ConsoleNow, csrf: ShownCsrf) -> None:
        """Raises ForeignRequest, CsrfTokenWrong."""
        token = cookies.shown(request, cookies.LOGIN)
        require_own_page(request, service, csrf, csrf_of(token) if token else "")


class IntakeCaller:
    """The dependency `intake_caller`: the provider, or a tool."""

    def __call__(
        self,
        request: Request,
        service: ConsoleNow,
        shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Caller:
        """Who it is. Raises IntakeTokenWrong, InvalidRequest."""
        token = shown.credentials if shown else ""
        known = service.provider_token
        _require_text(*request.path_params.values(), *request.query_params.values())
        if known and hmac.compare_digest(token.encode(), known.encode()):
            service.callers.saw(token, PROVIDER)
            return Caller(PROVIDER, is_provider=True)
        name = tool_of(service.db, token) if token else None
        if name is None:
            raise IntakeTokenWrong("the token is not one of a known tool")
        service.callers.saw(token, f"tool {name}")
        return Caller(name, is_provider=False)


@lru_cache
def signed_in(*roles: Role, before_change: bool = False) -> SignedIn:
    """Declares that a route is for these roles; for anybody signed in if there are none."""
    return SignedIn(frozenset(roles), before_change)


open_page: Final = OpenPage()
intake_caller: Final = IntakeCaller()

Anybody = Annotated[Session, Depends(signed_in())]
Moderator = Annotated[Session, Depends(signed_in(Role.MODERATOR, Role.LEAD))]
Lead = Annotated[Session, Depends(signed_in(Role.LEAD))]
Auditor = Annotated[Session, Depends(signed_in(Role.AUDITOR))]
Administrator = Annotated[Session, Depends(signed_in(Role.ADMINISTRATOR))]
Intake = Annotated[Caller, Depends(intake_caller)]


def require_own_page(request: Request, service: ConsoleService, shown: str, expected: str) -> None:
    """Pass what reads, and what changes something from a page of ours.

    Raises ForeignRequest, CsrfTokenWrong.
    """
    if request.method in _HARMLESS:
        return
    if not _same_origin(request, service):
        raise ForeignRequest("the request comes from elsewhere, or does not say from where")
    if not expected or not hmac.compare_digest(shown.encode(), expected.encode()):
        raise CsrfTokenWrong("the request does not carry the page's token")


def _require_text(*values: object) -> None:
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise InvalidRequest("a value holds a character that is no text")


def _same_origin(request: Request, service: ConsoleService) -> bool:
    """Whether the browser vouches for the origin.

    Pages send no referrer, and with that a form's Origin is "null" (Fetch, 3.2): Sec-Fetch-Site,
    which no page can forge, then says it alone.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = (
        service.settings.console.public_url.rstrip("/")
        or f"https://{request.headers.get('host', '')}"
    )
    if origin not in (None, "null") and origin != own:
        return False
    return site == "same-origin" if site is not None else origin == own
