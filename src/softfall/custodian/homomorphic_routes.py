"""The list under `homomorphic` over HTTP: its newest version, and the files that it names.

Guarantees: rows, which are hashes of the list, and hints are handed to the provider alone: who asks
shows the token of `custodian-provider.token` beside its certificate (see `provider_only`). What has
not changed costs a question of some bytes (`If-None-Match`); ranges of files are honoured, so that
a fetch that was cut off goes on where it stopped.
Leaves to others: proving anything; the version is signed, and names each file by its SHA-256.
"""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi import Path as InPath
from starlette.responses import FileResponse

from softfall.custodian.homomorphic_lists import HomomorphicLists
from softfall.custodian.provider_only import ProviderOnly
from softfall.errors import InputError

OCTETS = "application/octet-stream"
CBOR = "application/cbor"

EpochNumber = Annotated[int, InPath(ge=1, le=2**32, description="A published epoch's number.")]
Digest = Annotated[
    str,
    InPath(pattern="^[0-9a-f]{64}$", description="A file's SHA-256, as the version names it."),
]
Known = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=100, description="The version that is known."),
]


class SegmentUnknown(InputError):
    """The epoch's list has no file of this digest (any more)."""

    remedy = "Fetch the newest version again: files that only older ones need are removed."


def homomorphic_routes(lists: HomomorphicLists, provider_only: ProviderOnly) -> APIRouter:
    """GET /v1/options/homomorphic/{epoch}/version and /v1/options/homomorphic/{epoch}/files/..."""
    router = APIRouter(
        prefix="/v1/options/homomorphic",
        tags=["homomorphic"],
        dependencies=[provider_only.strictly],
    )

    @router.get(
        "/{epoch}/version",
        summary="The newest version of an epoch's list",
        response_class=Response,
        responses={
            200: {"content": {CBOR: {}}, "description": "`homomorphic_version`"},
            304: {"description": "it is the one that `If-None-Match` names"},
        },
    )
    def read_version(epoch: EpochNumber, known: Known = None) -> Response:
        """The signed `homomorphic_version`; its `ETag` says cheaply whether there is a newer one.

        Ask as often as a change should be noticed: once a second costs next to nothing.
        """
        newest = lists.newest(epoch)
        etag = {"etag": f'"{newest.version}-{newest.sha256.hex()[:16]}"'}
        if known == etag["etag"]:
            return Response(status_code=304, headers=etag)
        return Response(newest.body, media_type=CBOR, headers=etag)

    @router.get(
        "/{epoch}/files/{sha256}",
        summary="Rows or a hint of an epoch's list",
        response_class=Response,
        responses={
            200: {"content": {OCTETS: {}}, "description": "the file"},
            206: {"content": {OCTETS: {}}, "description": "the part that `Range` asks for"},
        },
    )
    def read_file(epoch: EpochNumber, sha256: Digest) -> Response:
        """A file that a version names: rows for the provider itself, a hint to carry on.

        Rows are the list's hashes; they go no further than the provider.
        """
        found = lists.file(epoch, sha256)
        try:
            if found is not None:
                return FileResponse(found, media_type=OCTETS, stat_result=found.stat())
        except FileNotFoundError:  # tidied just now
            pass
        raise SegmentUnknown(f"epoch {epoch} has no such file")

    return router
