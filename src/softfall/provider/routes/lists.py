"""The on-device list for devices: files as they are, by ranges, so that a download can go on."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, Response

from softfall.errors import InputError
from softfall.lists.distribution import METADATA
from softfall.provider.accounts import Account
from softfall.provider.mirror import ListFileMissing
from softfall.provider.routes.access import ALWAYS, Device, ServiceNow
from softfall.provider.service import Service
from softfall.provider.statuses import may_raise

KIB = 1024

router = APIRouter(tags=["on-device list"])

_OCTET = "application/octet-stream"
_OCTETS = {_OCTET: {"schema": {"type": "string", "format": "binary"}}}


class RangeUnusable(InputError):
    """The range that was asked for is not one that the file has."""

    remedy = "Ask for `bytes=START-` with START below the file's size, or for the whole file."


@router.get(
    "/v1/lists/{path:path}",
    summary="Fetch a file of the on-device list",
    response_class=Response,  # errors are JSON
    responses={
        **may_raise(*ALWAYS, ListFileMissing, RangeUnusable),
        200: {"description": "The file.", "content": _OCTETS},
        206: {"description": "The part that `Range` asks for.", "content": _OCTETS},
        304: {"description": "It is the one that `If-None-Match` names."},
    },
)
def read_list_file(
    path: Annotated[
        str, Path(max_length=200, description="`metadata/timestamp.json` leads to the others.")
    ],
    account: Device,
    request: Request,
    service: ServiceNow,
) -> Response:
    """Signed metadata, or a segment (one range of it, if need be), as the custodian made it.

    Each account may ask for `provider.list_mib_per_hour`; what is asked for counts.
    """
    if service.mirror is None:
        raise ListFileMissing("this service hands out no list")
    file = service.mirror.file(path)
    try:
        if path.startswith(METADATA):
            return _metadata(file.read_bytes(), account, request, service)
        facts = file.stat()
    except FileNotFoundError:  # replaced just now
        raise ListFileMissing("this service has no such file of the list") from None
    start = _start(request.headers.get("range", ""), facts.st_size)
    service.list_rate.take(account.name, -(-(facts.st_size - start) // KIB))
    return FileResponse(file, media_type=_OCTET, stat_result=facts)


def _metadata(body: bytes, account: Account, request: Request, service: Service) -> Response:
    """A small file, whole: one of them is replaced now and then, so no range of it makes sense."""
    tag = {"etag": f'"{hashlib.sha256(body).hexdigest()}"'}
    if request.headers.get("if-none-match") == tag["etag"]:
        return Response(status_code=304, headers=tag)
    service.list_rate.take(account.name, -(-len(body) // KIB))
    return Response(body, media_type=_OCTET, headers=tag)


def _start(asked: str, size_bytes: int) -> int:
    """Where the one range begins; 0 without any. Raises RangeUnusable."""
    if not asked:
        return 0
    unit, _, ranges = asked.partition("=")
    start, dash, end = ranges.strip().partition("-")
    good = unit.strip() == "bytes" and dash and start.isdigit() and (not end or end.isdigit())
    if not good or len(start) > 12 or int(start) >= size_bytes or (end and int(end) < int(start)):
        raise RangeUnusable("the range is not one that this file has")
    return int(start)
