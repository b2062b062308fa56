"""How an error leaves a service: one JSON shape, one table from blame to HTTP status.

Guarantees: every error answer is `{"error", "blame", "what", "remedy"}`, whatever raised it, and
never repeats what the caller sent. What an operator must mend is named, but its details (paths,
addresses) stay in the service's own log.
Source: HTTP semantics, RFC 9110; 429 and its Retry-After, RFC 6585.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from softfall.errors import Blame, InputError, OperatorError, RefusedError, SoftfallError

Statuses = Mapping[type[SoftfallError], int]

STATUS_OF_BLAME: Mapping[Blame, int] = {
    Blame.CALLER: 400,
    Blame.PEER: 403,
    Blame.RULE: 403,
    Blame.NETWORK: 503,
    Blame.OPERATOR: 500,
}


class RouteUnknown(InputError):
    """No such address."""

    remedy = "See /docs for the routes of this service."


class MethodRefused(InputError):
    """The address exists, but not for this method."""

    remedy = "See /docs for the methods of this route."


class InvalidRequest(InputError):
    """A parameter or a JSON body does not have the form that the route asks for."""

    remedy = "Compare the request with /docs; the named fields are wrong or missing."


class RequestTooLarge(InputError):
    """The body is over the route's limit; nothing of it was kept."""

    remedy = "Send less at once; the service's operator sets the limit."


class RequestTooSlow(InputError):
    """The body did not arrive in time; nothing of it was kept."""

    remedy = "Try again over a better connection; the same request may be repeated safely."


class RateLimited(RefusedError):
    """Too many requests from one caller."""

    remedy = "Wait as long as Retry-After says, then try again."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class InternalError(OperatorError):
    """The service failed in a way that nobody foresaw; it is a fault of ours."""

    remedy = "Try again later; if it persists, give the X-Request-Id to the service's operator."


@runtime_checkable
class Retryable(Protocol):
    """An error that knows when trying again makes sense; becomes the Retry-After header."""

    retry_after_seconds: int


class ErrorReply(BaseModel):
    """Every error's JSON body."""

    error: str
    blame: str
    what: str
    remedy: str


EDGE_STATUSES: Statuses = {
    RouteUnknown: 404,
    MethodRefused: 405,
    InvalidRequest: 422,
    RequestTooLarge: 413,
    RequestTooSlow: 408,
    RateLimited: 429,
    InternalError: 500,
}

# Where a request's scope keeps the error it was answered with, for the log line.
ERROR_IN_SCOPE = "softfall.error"

# What the framework itself refuses, by status.
_OF_FRAMEWORK: Mapping[int, type[SoftfallError]] = {404: RouteUnknown, 405: MethodRefused}


def status_of(error: SoftfallError, statuses: Statuses) -> int:
    """The HTTP status: that of the nearest class in `statuses`, else the blame's."""
    for kind in type(error).__mro__:
        if kind in statuses:
            return statuses[kind]
    return STATUS_OF_BLAME[error.blame]


def error_reply(
    error: SoftfallError, statuses: Statuses, extra: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer that tells of `error`; `extra` adds fields to its JSON."""
    status = status_of(error, statuses)
    what = "the service is not in order" if error.blame is Blame.OPERATOR else error.what
    body = {"error": error.name, "blame": error.blame.value, "what": what, "remedy": error.remedy}
    headers = {}
    if isinstance(error, Retryable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({**body, **(extra or {})}, status, headers)


def install_error_replies(app: FastAPI, statuses: Statuses) -> None:
    """Make `app` answer every error that its routes raise in the one shape."""

    def of_softfall(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, SoftfallError)
        request.scope[ERROR_IN_SCOPE] = error
        return error_reply(error, statuses)

    def of_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        where = _where(error, request.scope.get("route"))
        return of_softfall(request, InvalidRequest(where))

    def of_framework(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kind = _OF_FRAMEWORK.get(error.status_code, InvalidRequest)
        reply = of_softfall(request, kind(f"the request was refused: {error.status_code}"))
        reply.headers.update(error.headers or {})
        if kind is MethodRefused:
            # The framework knows of the first of several routes on one path only.
            path = getattr(request.scope.get("route"), "path", "")
            methods = app.openapi()["paths"].get(path, {})
            if methods:
                reply.headers["Allow"] = ", ".join(sorted(map(str.upper, methods)))
        return reply

    app.add_exception_handler(SoftfallError, of_softfall)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_framework)


def _where(error: RequestValidationError, route: object) -> str:
    """The fields at fault, where the route itself declares that name: never the caller's words."""
    known = _declared_names(route)
    places = {
        ".".join(part for part in problem["loc"][:2] if isinstance(part, str) and part in known)
        for problem in error.errors()
    }
    return f"not as the route asks: {', '.join(sorted(places - {''})) or 'the body'}"


def _declared_names(route: object) -> set[str]:
    names = {"body", "path", "query", "header", "cookie"}
    if isinstance(route, APIRoute):
        asked = route.dependant
        for parameter in (*asked.path_params, *asked.query_params, *asked.header_params):
            names.add(parameter.alias)
        body = route.body_field.field_info.annotation if route.body_field else None
        if isinstance(body, type) and issubclass(body, BaseModel):
            names.update(info.alias or name for name, info in body.model_fields.items())
    return names
