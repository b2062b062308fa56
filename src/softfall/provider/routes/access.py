"""What every route shares: the running service, who is asking, and bodies as bytes."""

import hmac
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from softfall.edge.errors import InvalidRequest, RateLimited, RequestTooLarge
from softfall.errors import SoftfallError
from softfall.provider.accounts import Account, NotAuthenticated
from softfall.provider.callers import bearer
from softfall.provider.service import Service
from softfall.provider.staff import StaffRoutesOff
from softfall.store.transactions import StorageFull, StoreBusy

# What any route with a token may answer besides its own errors.
ALWAYS: tuple[type[SoftfallError], ...] = (
    NotAuthenticated,
    InvalidRequest,
    RateLimited,
    RequestTooLarge,
    StorageFull,
    StoreBusy,
)

_device_token = HTTPBearer(
    auto_error=False, scheme_name="device", description="The token that registration answered."
)
_staff_token = HTTPBearer(
    auto_error=False, scheme_name="staff", description="`provider.staff_token`."
)


class CborResponse(Response):
    """A body in one of the formats of docs/wire-formats.md."""

    media_type = "application/cbor"


def running_service(request: Request) -> Service:
    """The service behind this application."""
    service: Service = request.app.state.service
    return service


def authenticated(
    request: Request,
    service: Annotated[Service, Depends(running_service)],
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_device_token)],
) -> Account:
    """The account whose token this is. Raises NotAuthenticated."""
    return service.tokens.account(service.db, bearer(request))


def staff(
    request: Request,
    service: Annotated[Service, Depends(running_service)],
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_staff_token)],
) -> None:
    """Pass only staff. Raises StaffRoutesOff, NotAuthenticated."""
    expected = service.settings.staff_token
    if not expected:
        raise StaffRoutesOff("this service has no staff routes")
    if not hmac.compare_digest(bearer(request).encode(), expected.encode()):
        raise NotAuthenticated("this is not the staff token")


async def body_bytes(request: Request) -> bytes:
    """The whole body; the edge has seen to its size."""
    return await request.body()


def cbor_in(message: str) -> dict[str, Any]:
    """OpenAPI's word for a body that is one of our messages."""
    schema = {"type": "string", "format": "binary", "title": message}
    return {"requestBody": {"required": True, "content": {"application/cbor": {"schema": schema}}}}


def cbor_out(message: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's word for an answer that is one of our messages."""
    schema = {"type": "string", "format": "binary", "title": message}
    return {200: {"description": message, "content": {"application/cbor": {"schema": schema}}}}


ServiceNow = Annotated[Service, Depends(running_service)]
Device = Annotated[Account, Depends(authenticated)]
Body = Annotated[bytes, Depends(body_bytes)]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256, in hex")]
EnvelopeId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="16 bytes, in hex")]
