"""The list on its way to an enclave: only after this custodian has verified the enclave itself.

Guarantees: a list leaves sealed to a key that an allowed, attested enclave proved to hold, in
answer to a nonce of this custodian's own that serves once and for `NONCE_MS`; the allow-list is the
one that the epoch's signed manifest carries, so that custodian and devices demand the same.
The provider carries the bytes and can open none of them; the enclave has no way out of its own.
Refuses: every fault of an attestation by its name; ended epochs; a nonce that was not asked for.
"""

import threading
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.epochs import EpochBook
from softfall.lists.manifest import read
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import Evidence, verify
from softfall.options.enclave.custodian import EnclaveCustodian
from softfall.options.enclave.parameters import EnclaveParameters
from softfall.options.enclave.refusals import NonceReplayed

NONCE_MS = 120_000
CBOR = "application/cbor"
OCTETS = "application/octet-stream"


class EnclaveLists:
    """The lists of one custodian, for enclaves. One nonce is open at a time: there is one caller.

    now_ms: milliseconds since 1970. random_bytes: cryptographic.
    """

    def __init__(
        self,
        book: EpochBook,
        catalogue: Catalogue,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._book = book
        self._catalogue = catalogue
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._open: tuple[bytes, int] | None = None
        self._lock = threading.Lock()

    def nonce(self) -> bytes:
        """32 fresh bytes that the next attestation must answer; an older one is worth nothing."""
        fresh = self._random_bytes(wire.NONCE_BYTES)
        with self._lock:
            self._open = (fresh, self._now_ms())
        return fresh

    def sealed(self, body: bytes) -> bytes:
        """The `enclave_list` that an `enclave_list_request` asks for.

        Raises MalformedMessage, EpochNotPublished, EpochEnded, NonceReplayed, and what
        `attestation.verify` raises.
        """
        values: dict[str, Any] = wire.decode(wire.LIST_REQUEST, body)
        epoch = self._book.answering(values["epoch"], EnclaveCustodian.name, self._now_ms())
        nonce, asked_at_ms = self._taken()
        parameters = EnclaveParameters.decode(read(epoch.manifest).parameters)
        evidence = Evidence(values["attestation"], nonce, asked_at_ms)
        attested = verify(evidence, parameters, self._now_ms())
        half = EnclaveCustodian(epoch.number, self._book.secret(epoch.number), parameters)
        entries = self._catalogue.epoch_entries(epoch.number)
        return half.seal_list(entries, epoch.manifest, attested)

    def _taken(self) -> tuple[bytes, int]:
        with self._lock:
            taken, self._open = self._open, None
        if taken is None or self._now_ms() - taken[1] > NONCE_MS:
            raise NonceReplayed("no nonce is open: ask for one, then attest, then ask for the list")
        return taken


def enclave_routes(lists: EnclaveLists) -> APIRouter:
    """What the provider calls on the enclave's behalf."""
    router = APIRouter(prefix="/v1/options/enclave", tags=["enclave"])

    @router.post(
        "/nonce",
        summary="A nonce for the enclave to answer",
        response_class=Response,
        responses={200: {"content": {OCTETS: {}}, "description": "32 bytes"}},
    )
    def make_nonce() -> Response:
        """It serves once, within two minutes; asking again makes the one before worthless."""
        return Response(lists.nonce(), media_type=OCTETS)

    @router.post(
        "/list",
        summary="The list, sealed to an enclave that this custodian has verified",
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "`enclave_list`"}},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {CBOR: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def seal_list(request: Request) -> Response:
        """Body: `enclave_list_request`. Nothing is sealed to an enclave that is not allowed."""
        body = await request.body()
        return Response(await run_in_threadpool(lists.sealed, body), media_type=CBOR)

    return router
