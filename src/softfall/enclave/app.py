"""The enclave's service: attest, take a sealed list, judge what is sealed; nothing else.

Guarantees: no route tells what was asked, what matched, or how often; an answer has one size
whatever it says. Bodies are never logged. The provider is the caller (mutual TLS): it carries
attestations out and sealed bytes in, and opens none of them.
Says in its health and at the head of every attestation route that the attester is software.
"""

from collections.abc import Mapping
from typing import Annotated

import anyio.to_thread
from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, Field

from softfall.config import EnclaveSettings
from softfall.edge.app import make_app
from softfall.edge.errors import Statuses
from softfall.edge.logs import Logger
from softfall.enclave.room import SOFTWARE_LABEL, Room
from softfall.lists.manifest import ManifestExpired, ManifestRolledBack
from softfall.options.enclave import wire

CBOR = "application/cbor"
REQUESTS_PER_MINUTE = 1_000_000  # one caller, the provider, which has limits of its own
_AROUND_LIST_BYTES = 32_768

STATUSES: Statuses = {ManifestExpired: 410, ManifestRolledBack: 409}
DESCRIPTION = (
    "Matches sealed hashes against a sealed list, in memory, and answers one byte a picture. "
    f"{SOFTWARE_LABEL}: whoever runs this machine can look inside."
)

Nonce = Annotated[
    str, Query(pattern="^[0-9a-f]{64}$", description="32 random bytes of the asker, in hex.")
]


class State(BaseModel):
    """What the provider must know to carry the right list, and to refuse stale submissions."""

    key_digest: str = Field(description="Which key it has, as submissions name it, in hex.")
    epochs: list[int] = Field(description="The epochs whose lists are at hand, oldest first.")


class Taken(BaseModel):
    """A list that is at hand now."""

    epoch: int


def make(
    room: Room, settings: EnclaveSettings, hardening: Mapping[str, str], log: Logger | None = None
) -> FastAPI:
    """The service's application. hardening: what the process gave up, for GET /v1/health."""
    list_bytes = settings.max_entries * wire.HASH_BYTES + _AROUND_LIST_BYTES
    app = make_app(
        "enclave",
        DESCRIPTION,
        max_body_bytes=wire.QUESTION.max_bytes,
        requests_per_minute=REQUESTS_PER_MINUTE,
        route_body_bytes={"POST /v1/list": min(list_bytes, wire.LIST_SEALED.max_bytes)},
        key_of_request=lambda _: "all callers",
        statuses=STATUSES,
        health=lambda: {"attester": SOFTWARE_LABEL, "lists": len(room.epochs), **hardening},
        log=log,
    )
    _add_telling_routes(app, room)
    _add_working_routes(app, room)
    return app


def _add_telling_routes(app: FastAPI, room: Room) -> None:
    @app.get("/v1/state", summary="Which key and which lists it has", tags=["enclave"])
    def read_state() -> State:
        """The key lives as long as the process; so do the lists."""
        return State(key_digest=room.key_digest.hex(), epochs=list(room.epochs))

    @app.get(
        "/v1/attestation",
        summary="An attestation for this nonce (SOFTWARE, not hardware)",
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "`enclave_attestation`"}},
        tags=["enclave"],
    )
    def read_attestation(nonce: Nonce) -> Response:
        """A document in AWS Nitro's format over the key, the list's signer and the nonce.

        Signed by this installation's SOFTWARE root: it proves nothing about the machine.
        """
        return Response(room.attestation(bytes.fromhex(nonce)), media_type=CBOR)


def _add_working_routes(app: FastAPI, room: Room) -> None:
    # One of each at a time: a scan keeps every core busy, and another would only slow both.
    judging, taking = anyio.CapacityLimiter(1), anyio.CapacityLimiter(1)

    @app.post(
        "/v1/judge",
        summary="Judge up to 64 sealed submissions",
        response_class=Response,
        responses={200: {"content": {CBOR: {}}, "description": "`enclave_answer`"}},
        openapi_extra=_body_of("enclave_question"),
        tags=["enclave"],
    )
    async def judge(request: Request) -> Response:
        """One byte a submission, in order. Every entry is scanned for every one of them."""
        body = await request.body()
        answer = await anyio.to_thread.run_sync(room.judge, body, limiter=judging)
        return Response(answer, media_type=CBOR)

    @app.post(
        "/v1/list",
        summary="Take a list that was sealed to this enclave's key",
        openapi_extra=_body_of("enclave_list"),
        tags=["enclave"],
    )
    async def take_list(request: Request) -> Taken:
        """Only with a manifest signed by the measured custodian, and only the list it names."""
        body = await request.body()
        epoch = await anyio.to_thread.run_sync(room.take_list, body, limiter=taking)
        return Taken(epoch=epoch)


def _body_of(message: str) -> dict[str, object]:
    schema = {"type": "string", "format": "binary", "title": message}
    return {"requestBody": {"required": True, "content": {CBOR: {"schema": schema}}}}
