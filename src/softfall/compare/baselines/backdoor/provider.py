"""The back door's provider: it passes ciphertext on, and keeps each message's key for itself.

Guarantees: the sender gets the same answer to every message, at once.
What it shows, printed by `compare`: it stops nothing, for nothing is looked at before somebody
investigates; and its one escrow key, once stolen, opens every message that it ever kept. What a
patched app escrows need not open its message, and nobody can tell beforehand.
No configuration can name it, and an import contract keeps services from loading it.
"""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from softfall.compare.baselines.backdoor.sealing import same_token
from softfall.compare.baselines.backdoor.store import EscrowStore
from softfall.compare.baselines.backdoor.wire import INBOX, PUBLIC_KEY, REGISTRATION, SENT
from softfall.compare.baselines.in_transit.provider import (
    REQUESTS_PER_MINUTE,
    Accepted,
    Fate,
    NoToken,
    Token,
    bearer,
)
from softfall.crypto import hpke
from softfall.edge.app import make_app

DESCRIPTION = "A baseline for comparison only: the provider keeps a key to every message."
UNSEEN = "nothing is looked at before an investigation"


def make(data_dir: Path, staff_token: str) -> FastAPI:
    """The application over one data folder, in which it makes its escrow key."""
    store = EscrowStore(data_dir)
    app = make_app(
        "backdoor",
        DESCRIPTION,
        max_body_bytes=SENT.max_bytes,
        requests_per_minute=REQUESTS_PER_MINUTE,
    )
    _add_device_routes(app, store)

    @app.get("/v1/staff/messages/{message_id}")
    def read_fate(message_id: str, request: Request) -> Fate:
        if not same_token(bearer(request), staff_token):
            raise NoToken("this is not the staff token")
        store.require(bytes.fromhex(message_id))
        return Fate(state="delivered", reason=UNSEEN)

    return app


def _add_device_routes(app: FastAPI, store: EscrowStore) -> None:
    escrow = hpke.public_of(store.escrow_secret)

    def who(request: Request) -> str:
        return store.account(bearer(request))

    account_of = Annotated[str, Depends(who)]

    @app.post("/v1/accounts", status_code=201)
    async def register(request: Request) -> Token:
        values = REGISTRATION.decode(await request.body())
        account, key = values["account"], values["public_key"]
        assert isinstance(account, str)
        assert isinstance(key, bytes)
        return Token(token=await run_in_threadpool(store.register, account, key))

    @app.get("/v1/escrow")
    def read_escrow(asking: account_of) -> Response:
        del asking
        return _key(escrow)

    @app.get("/v1/accounts/{account}/key")
    def read_key(account: str, asking: account_of) -> Response:
        del asking
        return _key(store.public_key(account))

    @app.post("/v1/messages", status_code=202)
    async def send(sender: account_of, request: Request) -> Accepted:
        values = SENT.decode(await request.body())
        await run_in_threadpool(store.keep, sender, values)
        return Accepted()

    @app.get("/v1/mailbox")
    def read_mailbox(recipient: account_of, after: int = 0) -> Response:
        body = INBOX.encode({"deliveries": list(store.deliveries(recipient, after))})
        return Response(body, media_type="application/cbor")


def _key(public_key: bytes) -> Response:
    return Response(PUBLIC_KEY.encode({"public_key": public_key}), media_type="application/cbor")
