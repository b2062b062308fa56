"""Encrypted files, up and down, in pieces: no file is ever whole in memory."""

from collections.abc import Iterator
from typing import BinaryIO

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from softfall.provider.attachments import AttachmentUnknown
from softfall.provider.files import DigestMismatch, Incoming
from softfall.provider.routes.access import ALWAYS, Device, ServiceNow, Sha256
from softfall.provider.statuses import may_raise

PIECE_BYTES = 1024 * 1024

router = APIRouter(tags=["attachments"])

_OCTETS = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class Kept(BaseModel):
    """The file is on disk."""

    size_bytes: int


@router.put(
    "/v1/attachments/{sha256}",
    summary="Upload an encrypted file",
    openapi_extra={"requestBody": {"required": True, "content": _OCTETS}},
    responses=may_raise(*ALWAYS, DigestMismatch),
)
async def upload(sha256: Sha256, account: Device, request: Request, service: ServiceNow) -> Kept:
    """Under the SHA-256 of what is sent; before the envelope that names it, once for each such.

    Harmless to repeat. An upload that no envelope names within an hour is deleted.
    """
    service.upload_rate.take(account.name)
    incoming = await run_in_threadpool(service.attachments.files.begin)
    try:
        await _receive(request, incoming)
        await run_in_threadpool(
            service.attachments.keep, account, bytes.fromhex(sha256), incoming, service.clock()
        )
    finally:
        incoming.close()
    return Kept(size_bytes=incoming.size_bytes)


@router.get(
    "/v1/attachments/{sha256}",
    summary="Fetch an encrypted file",
    response_class=Response,  # errors are JSON
    responses={
        **may_raise(*ALWAYS, AttachmentUnknown),
        200: {"description": "The encrypted file.", "content": _OCTETS},
    },
)
def download(sha256: Sha256, account: Device, service: ServiceNow) -> StreamingResponse:
    """For its uploader until a message names it; then for those whom that was delivered to."""
    file, size_bytes = service.attachments.open(account, bytes.fromhex(sha256))
    return StreamingResponse(
        _pieces(file),
        media_type="application/octet-stream",
        headers={"Content-Length": str(size_bytes)},
    )


async def _receive(request: Request, incoming: Incoming) -> None:
    gathered = bytearray()
    async for piece in request.stream():
        gathered += piece
        if len(gathered) >= PIECE_BYTES:
            await run_in_threadpool(incoming.add, bytes(gathered))
            gathered.clear()
    await run_in_threadpool(incoming.add, bytes(gathered))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
