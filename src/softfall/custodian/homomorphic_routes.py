"""The list under `homomorphic` over HTTP: its newest version, and the files that it names.

Guarantees: rows, which are hashes of the list, and hints are handed to the provider alone: who asks
shows the token of `custodian-provider.token` beside its certificate (see `provider_only`). What has
not changed costs a question of some bytes (`If-None-Match`); ranges of files are honoured, so that
a fetch that was cut off goes on where it stopped.
Leaves to others: proving anything; the version is signed, and names each file by its SHA-256.
"""

from pathlib import Path
from typing import Annotated, Any

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


_FILE: Any = {
    "response_class": Response,
    "responses": {
        200: {"content": {OCTETS: {}}, "description": "the file"},
        206: {"content": {OCTETS: {}}, "description": "the part that `Range` asks for"},
    },
}


class SegmentUnknown(InputError):
    """No list of a living epoch has a file of this digest (any more)."""

    remedy = "Fetch the newest version again: files that only older ones need are removed."


def homomorphic_routes(lists: HomomorphicLists, provider_only: ProviderOnly) -> APIRouter:
    """GET /v1/options/homomorphic/versions/{epoch}, .../rows/{sha256} and .../hints/{sha256}."""
    router = APIRouter(
        prefix="/v1/options/homomorphic",
        tags=["homomorphic"],
        dependencies=[provider_only.strictly],
    )

    @router.get(
        "/versions/{epoch}",
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

    @router.get("/rows/{sha256}", summary="Rows of a list: its hashes", **_FILE)
    def read_rows(sha256: Digest) -> Response:
        """A file of rows that one of the newest versions names. It goes no further than the
        provider.
        """
        return _sent(lists.rows(sha256))

    @router.get("/hints/{sha256}", summary="A hint of a list", **_FILE)
    def read_hint(sha256: Digest) -> Response:
        """A file of hints that one of the newest versions names, to be carried to the keyholder."""
        return _sent(lists.hint(sha256))

    return router


def _sent(found: Path | None) -> Response:
    try:
        if found is not None:
            return FileResponse(found, media_type=OCTETS, stat_result=found.stat())
    except FileNotFoundError:  # tidied just now
        pass
    raise SegmentUnknown("no living list has such a file")
