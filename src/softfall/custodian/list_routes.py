"""The on-device list over HTTP, for mirrors; and the work that keeps its metadata fresh.

Guarantees: only files of the list are served, whole ones; nothing of who keeps them is asked. What
is published, and what is due to be renewed, is laid out within `KEEP_SECONDS`.
Leaves to others: proving anything. The files carry their own signatures.
"""

import asyncio
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Response
from fastapi import Path as InPath
from starlette.responses import FileResponse

from softfall.custodian.distribution import Distribution, ListFileUnknown
from softfall.custodian.list_publishing import ListPublishing
from softfall.edge.logs import Logger, failure
from softfall.lists.distribution import METADATA

KEEP_SECONDS = 60.0
OCTETS = "application/octet-stream"
CBOR = "application/cbor"

ListPath = Annotated[
    str, InPath(max_length=200, description="As the index names it: `metadata/timestamp.json`.")
]


def list_routes(distribution: Distribution) -> APIRouter:
    """GET /v1/distribution and /v1/distribution/{path}."""
    router = APIRouter(tags=["on-device list"])

    @router.get(
        "/v1/distribution",
        summary="What a mirror of the on-device list should hold",
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "`list_index`"}},
    )
    def read_index() -> Response:
        """The `list_index`: every file's path and size; empty before the first epoch."""
        return Response(distribution.index(), media_type=CBOR)

    @router.get(
        "/v1/distribution/{path:path}",
        summary="A file of the on-device list",
        response_class=Response,
        responses={
            200: {"content": {OCTETS: {}}, "description": "the file"},
            206: {"content": {OCTETS: {}}, "description": "the part that `Range` asks for"},
        },
    )
    def read_file(path: ListPath) -> Response:
        """Signed metadata, or a segment; ranges of segments are honoured."""
        found = distribution.file(path)
        try:
            if path.startswith(METADATA):  # small, and one of them is replaced now and then
                return Response(found.read_bytes(), media_type=OCTETS)
            return FileResponse(found, media_type=OCTETS, stat_result=found.stat())
        except FileNotFoundError:  # tidied just now
            raise ListFileUnknown("the list has no such file") from None

    return router


async def keep_list(publishing: ListPublishing, every_seconds: float, log: Logger) -> None:
    """Lay out what is published, and renew what is due, for ever."""
    trouble = ""
    while True:
        try:
            if await anyio.to_thread.run_sync(publishing.bring_up_to_date):
                log.info("on-device list laid out")
            trouble = ""
        except Exception as error:  # it must outlive a full disk; told once a change of fortune
            if trouble != type(error).__name__:
                trouble = type(error).__name__
                log.error("laying out the on-device list failed", **failure(error))
        await asyncio.sleep(every_seconds)
