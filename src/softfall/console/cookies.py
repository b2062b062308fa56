"""The console's cookies: their names, and how each is set.

Guarantees: each is `Secure`, `HttpOnly`, for this host alone (the `__Host-` prefix makes browsers
insist). The session's is `SameSite=Strict`, so no other site's link or form ever carries it.
`LOGIN` ties a log-in page to its form; `BROWSER` is what makes a browser known to `lockout`;
`OIDC` is `Lax`, because the OIDC provider's answer comes from another site.
Source: RFC 6265bis, 4.1.3 and 5.6.
"""

from typing import Final, Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION: Final = "__Host-session"
LOGIN: Final = "__Host-login"
BROWSER: Final = "__Host-browser"
OIDC: Final = "__Host-oidc"

MAX_CHARACTERS: Final = 128


def shown(request: HTTPConnection, name: str) -> str:
    """A cookie's value; empty where it is absent or too long to be one of ours."""
    value = request.cookies.get(name, "")
    return value if len(value) <= MAX_CHARACTERS else ""


def put(
    response: Response,
    name: str,
    value: str,
    max_age_seconds: int | None = None,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    """Set a cookie; without an age it goes with the browser."""
    response.set_cookie(
        name, value, max_age=max_age_seconds, path="/", secure=True, httponly=True,
        samesite=samesite,
    )  # fmt: skip


def drop(response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
