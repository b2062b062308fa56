"""The baseline's provider: it opens every picture, hashes it and looks it up, as services do today.

Guarantees: a picture within `MATCH_RADIUS_BITS` of an entry is held, by the exact index that all
of Softfall uses; the sender gets the same answer whatever the verdict.
What it shows, printed by `compare`: the provider reads every word and picture of everyone, and
holds the list itself.
No configuration can name it, and an import contract keeps services from loading it.
"""

import hmac
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from softfall.compare.baselines.in_transit.store import DELIVERED, HELD, Decided, OpenStore
from softfall.compare.baselines.in_transit.wire import INBOX, SENT
from softfall.config import MediaLimits
from softfall.edge.app import make_app
from softfall.errors import RefusedError, SoftfallError
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.choose import build_index
from softfall.lists.index.hamming import HammingIndex, words
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.media.video_formats import HEAD_BYTES, video_format
from softfall.media.video_planes import plane_of, plane_pdq
from softfall.media.video_reading import open_video

REQUESTS_PER_MINUTE = 60_000
DESCRIPTION = "A baseline for comparison only: the provider reads everything."


class NoToken(RefusedError):
    """The request carries no token, or not the staff's."""

    remedy = "Show `Authorization: Bearer TOKEN`."


class NewAccount(BaseModel):
    """Who registers."""

    account: str


class Token(BaseModel):
    """The account's token."""

    token: str


class Accepted(BaseModel):
    """The one answer to every message."""

    accepted: bool = True


class Through(BaseModel):
    """Everything up to this sequence is with the device."""

    through: int


class Fate(BaseModel):
    """What became of a message, for staff."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """Opens a picture or a video, hashes it, looks it up."""

    index: HammingIndex
    limits: MediaLimits

    def decide(self, picture: bytes | None) -> Decided:
        """Held within the match radius of an entry; what can't be opened or hashed passes."""
        if picture is None:
            return Decided(DELIVERED, "text is not matched")
        is_film = video_format(picture[:HEAD_BYTES]) is not None
        try:
            found = self._frames(picture) if is_film else [pdq(decode(picture, self.limits).pixels)]
        except SoftfallError as error:
            return Decided(DELIVERED, f"not a picture: {error.name}")
        hashes = [each.bits for each in found if isinstance(each, PdqHash)]
        if not hashes:
            reasons = {each.reason for each in found if isinstance(each, Unhashable)}
            return Decided(DELIVERED, f"unhashable: {', '.join(sorted(reasons))}")
        matches = self.index.search(words(hashes), MATCH_RADIUS_BITS)
        if not len(matches):
            return Decided(DELIVERED, "no entry within the radius")
        return Decided(HELD, f"entry within {int(matches.distances_bits.min())} bits")

    def _frames(self, film: bytes) -> list[PdqHash | Unhashable]:
        """Of one frame a second, as the other options' devices look at a video."""
        with open_video(io.BytesIO(film), self.limits) as reading:
            return [plane_pdq(plane_of(frame)) for _, _, frame in reading.frames()]


def make(data_dir: Path, hashes: Sequence[bytes], staff_token: str, limits: MediaLimits) -> FastAPI:
    """The application over one data folder and one list. hashes: 32 bytes each."""
    store = OpenStore(data_dir / "in_transit.db")
    matcher = Matcher(build_index(words(hashes)), limits)
    matcher.index.search(words([bytes(32)]), MATCH_RADIUS_BITS)  # compiles what is not yet
    app = make_app(
        "in_transit",
        DESCRIPTION,
        max_body_bytes=SENT.max_bytes,
        requests_per_minute=REQUESTS_PER_MINUTE,
    )
    _add_device_routes(app, store, matcher)

    @app.get("/v1/staff/messages/{message_id}")
    def read_fate(message_id: str, request: Request) -> Fate:
        if not hmac.compare_digest(bearer(request), staff_token):
            raise NoToken("this is not the staff token")
        decided = store.decided(bytes.fromhex(message_id))
        return Fate(state=decided.state, reason=decided.reason)

    return app


def _add_device_routes(app: FastAPI, store: OpenStore, matcher: Matcher) -> None:
    def who(request: Request) -> str:
        return store.account(bearer(request))

    account_of = Annotated[str, Depends(who)]

    @app.post("/v1/accounts", status_code=201)
    def register(asked: NewAccount) -> Token:
        return Token(token=store.register(asked.account))

    @app.post("/v1/messages", status_code=202)
    async def send(sender: account_of, request: Request) -> Accepted:
        body = await request.body()
        await run_in_threadpool(_receive, store, matcher, sender, body)
        return Accepted()

    @app.get("/v1/mailbox")
    def read_mailbox(recipient: account_of, after: int = 0) -> Response:
        body = INBOX.encode({"deliveries": list(store.deliveries(recipient, after))})
        return Response(body, media_type="application/cbor")

    @app.post("/v1/mailbox/ack")
    def acknowledge(recipient: account_of, asked: Through) -> Through:
        store.drop_pictures(recipient, asked.through)
        return asked


def _receive(store: OpenStore, matcher: Matcher, sender: str, body: bytes) -> None:
    values = SENT.decode(body)
    picture = values["picture"]
    decided = matcher.decide(picture if isinstance(picture, bytes) else None)
    store.keep(sender, values, decided)


def bearer(request: Request) -> str:
    """The token of `Authorization: Bearer TOKEN`. Raises NoToken."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NoToken("the request carries no bearer token")
    return token
