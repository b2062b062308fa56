"""Pages: templates filled in, the ways between them, and files that browsers fetch with them.

Guarantees: every value is escaped by the template engine; a name that a template lacks is an error,
never an empty place; a redirect leads to a path of this console and nowhere else. A static file is
one that was there when the service started, under its own digest.
"""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from softfall.casework.model import Role
from softfall.console.sessions import SESSION_IN_SCOPE, Session

_HERE = Path(__file__).parent
_WORKERS = frozenset({Role.MODERATOR, Role.LEAD})
_LEADS = frozenset({Role.LEAD})
_ALL = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Way:
    """One entry of the navigation; shown where the application has the path, to these roles."""

    label: str
    path: str
    roles: frozenset[Role]


NAVIGATION: Final = (
    Way("Home", "/", _ALL),
    Way("Shift", "/shift", _WORKERS),
    Way("Queue", "/queue", _WORKERS),
    Way("Second reads", "/second-reads", _LEADS),
    Way("Appeals", "/appeals", _LEADS),
    Way("Lead", "/lead", _LEADS),
    Way("Transparency", "/transparency", _ALL),
    Way("Audit", "/audit", frozenset({Role.AUDITOR})),
    Way("Staff", "/staff", frozenset({Role.ADMINISTRATOR})),
    Way("Settings", "/settings", _ALL),
)

# What a page says after something was done, by the word in its address.
NOTICES: Final[dict[str, str]] = {
    "password-changed": "Your password is changed. Your other sessions have ended.",
    "logged-out": "You are logged out.",
    "added": "Added.",
    "role-changed": "The role is changed; the person logs in anew.",
    "disabled": "The account is disabled, its sessions have ended.",
    "enabled": "The account is enabled.",
    "unlocked": "The lock is ended.",
    "linked": "The sign-in subject is saved.",
    "none-left": "Nothing waits that you may take and do not skip.",
    "given-back": "The case is with the queue again.",
    "escalated": "The case is with the leads now.",
    "marked": "Marked, with your reason on record.",
    "decided": "Decided. The service is doing it now.",
    "proposed": "Proposed. A second person reads the referral before anything is sent.",
    "withdrawn": "Taken back.",
    "saved": "The draft is saved. Nothing was sent.",
    "agreed": "You agreed: the referral is on its way.",
    "disagreed": "You did not agree: the case is open again.",
    "appeal-decided": "The appeal is decided; the account is told.",
    "hold-set": "The legal hold is set.",
    "hold-lifted": "The legal hold is lifted.",
    "let-start": "They may start their next shift sooner.",
    "tried-again": "It is tried again.",
    "set-aside": "Set aside, with your reason on record.",
    "view-closed": "Closed.",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file's bytes, what it is, and the first characters of its digest."""

    content: bytes
    media_type: str
    version: str


def render(request: Request, template: str, /, status_code: int = 200, **values: Any) -> Response:
    """A page. Templates know `session`, `csrf`, `theme`, `navigation`, `here`, `back`, `notice`.

    status_code: of the answer. values: whatever else the template names.
    """
    session: Session | None = request.scope.get(SESSION_IN_SCOPE)
    told = {
        "session": session,
        "csrf": session.csrf if session else "",
        "theme": session.theme if session else "auto",
        "navigation": _ways(request, session),
        "here": request.url.path,
        "back": request.url.path if request.method == "GET" else "/",
        "notice": NOTICES.get(request.query_params.get("done", "")),
    }
    return HTMLResponse(_templates().get_template(template).render({**told, **values}), status_code)


def redirect(path: str, done: str = "") -> Response:
    """To another page of the console, by GET; `done` names the notice that it shows."""
    target = local_path(path)
    if done:
        target += ("&" if "?" in target else "?") + urlencode({"done": done})
    return RedirectResponse(target, 303)


def local_path(path: str) -> str:
    """The path if it is one of this console; else home. For what came with a request."""
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if ours and path.isascii() and path.isprintable() else "/"


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Every static file, by its name."""
    found = {}
    for path in sorted((_HERE / "static").iterdir()):
        if path.is_file():
            content = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "text/plain"
            version = hashlib.sha256(content).hexdigest()[:12]
            found[path.name] = StaticFile(content, kind, version)
    return found


def static_url(name: str) -> str:
    """Where a static file is; a changed file has another address."""
    return f"/static/{name}?v={static_files()[name].version}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static_url"] = static_url
    environment.filters["moment"] = _moment
    environment.filters["day"] = _day
    return environment


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def _ways(request: Request, session: Session | None) -> list[Way]:
    if session is None or session.must_change:
        return []
    served = request.app.openapi()["paths"]
    return [way for way in NAVIGATION if way.path in served and session.role in way.roles]
