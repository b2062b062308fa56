"""Where the platform submits what is public anyway: pictures and names that everybody can see."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from softfall.provider.accounts import NotAuthenticated
from softfall.provider.callers import bearer
from softfall.provider.relay import CustodianUnavailable
from softfall.provider.routes.access import ALWAYS, Body, ServiceNow
from softfall.provider.statuses import may_raise
from softfall.provider.surfaces import (
    Answer,
    Kind,
    ReferenceReused,
    Submitted,
    SurfaceDesk,
    SurfacesOff,
)

_platform_token = HTTPBearer(
    auto_error=False, scheme_name="platform", description="`provider.surface_token`."
)


def desk(
    request: Request,
    service: ServiceNow,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_platform_token)],
) -> SurfaceDesk:
    """Pass only the platform. Raises SurfacesOff, NotAuthenticated."""
    expected = service.settings.surface_token
    if not expected or service.surfaces is None:
        raise SurfacesOff("this service checks nothing that is public")
    if not hmac.compare_digest(bearer(request).encode(), expected.encode()):
        raise NotAuthenticated("this is not the platform's token")
    return service.surfaces


Desk = Annotated[SurfaceDesk, Depends(desk)]
Reference = Annotated[
    str,
    Path(
        pattern="^[A-Za-z0-9._-]{1,64}$",
        description="The platform's own name for this picture or name; repeats are harmless.",
    ),
]

router = APIRouter(tags=["surfaces"])

_ERRORS = may_raise(*ALWAYS, SurfacesOff, ReferenceReused, CustodianUnavailable)


class CheckedReply(BaseModel):
    """What came of it. `matched` has opened a case, which a person decides."""

    answer: Answer
    reason: str


class NameSubmitted(BaseModel):
    """A public name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str = Field(pattern="^(profile|group) name$")
    subject: str = Field(min_length=1, max_length=64, description="The account, or the group.")
    name: str = Field(min_length=1, max_length=1000)


@router.put(
    "/v1/surfaces/pictures/{reference}",
    summary="Check a profile or group picture",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
    responses=_ERRORS,
)
async def check_picture(
    reference: Reference,
    kind: Annotated[str, Query(pattern="^(profile|group) picture$")],
    subject: Annotated[str, Query(min_length=1, max_length=64)],
    body: Body,
    surfaces: Desk,
) -> CheckedReply:
    """The body is the picture as everybody sees it. Opened by the sandboxed hasher alone."""
    submitted = Submitted(reference, Kind(kind), subject, body)
    found = await run_in_threadpool(surfaces.check, submitted)
    return CheckedReply(answer=found.answer, reason=found.reason)


@router.put(
    "/v1/surfaces/names/{reference}", summary="Check a profile's or group's name", responses=_ERRORS
)
def check_name(reference: Reference, named: NameSubmitted, surfaces: Desk) -> CheckedReply:
    """Compared with the operator's own words (`provider.surface_words_file`), whole words only."""
    content = named.name.encode(errors="replace")
    found = surfaces.check(Submitted(reference, Kind(named.kind), named.subject, content))
    return CheckedReply(answer=found.answer, reason=found.reason)
