"""The console against its own OpenAPI description: the intake API answers as it says, whatever is
sent, and no page breaks, whatever is typed."""

import atexit
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.types import Receive, Scope, Send

from softfall.casework.model import Role
from softfall.console import cookies
from softfall.console.sessions import csrf_of
from softfall.edge.tls import init_tls

from .house import ORIGIN, console

# Made when this file is collected: schemathesis needs the description to make the tests from.
_FOLDER = tempfile.TemporaryDirectory()
init_tls(Path(_FOLDER.name) / "tls")
_OPENED = console(Path(_FOLDER.name) / "console", Path(_FOLDER.name) / "tls")
_HOUSE = _OPENED.__enter__()
atexit.register(_OPENED.__exit__, None, None, None)
_TOKENS = {
    role: _HOUSE.person(role).http.cookies[cookies.SESSION] for role in (Role.LEAD, Role.AUDITOR)
}
_TOKENS[Role.ADMINISTRATOR] = _HOUSE.person(Role.ADMINISTRATOR).http.cookies[cookies.SESSION]


async def running(scope: Scope, receive: Receive, send: Send) -> None:
    """The application that is already started: its start and stop are nobody else's."""
    if scope["type"] != "lifespan":
        await _HOUSE.app(scope, receive, send)
        return
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


schema = schemathesis.openapi.from_asgi("/openapi.json", running)
intake = schema.include(path_regex="^/v1/intake")
pages = schema.exclude(path_regex="^/(v1/|metrics|logout|login|oidc|static)")


@schemathesis.serializer("application/octet-stream")
def as_bytes(_: SerializationContext, value: Any) -> bytes:
    """Bodies go out as they were made up."""
    return bytes(value) if isinstance(value, bytes | bytearray) else repr(value).encode()


@intake.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_of_the_intake_is_as_described(case: Case) -> None:
    harmless = [negative_data_rejection] if case.method == "GET" else []
    case.call_and_validate(
        headers={"Authorization": f"Bearer {_HOUSE.service.provider_token}"},
        # Whose reference something is, and which digest bytes have, OpenAPI has no words for.
        excluded_checks=[positive_data_acceptance, *harmless],
    )


@pages.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_page_breaks_whatever_is_typed(case: Case) -> None:
    role = {"staff": Role.ADMINISTRATOR, "audit": Role.AUDITOR}.get(
        case.path.split("/")[1], Role.LEAD
    )
    token = _TOKENS[role]
    answer = case.call(
        headers={
            "Cookie": f"{cookies.SESSION}={token}",
            "X-CSRF-Token": csrf_of(token),
            "Sec-Fetch-Site": "same-origin",
            "Host": ORIGIN.removeprefix("https://"),
            "Accept": "text/html",
        },
        allow_redirects=False,
    )
    case.validate_response(answer, checks=[not_a_server_error])
    assert "/login" not in str(answer.headers.get("location", ""))  # the page itself was reached
