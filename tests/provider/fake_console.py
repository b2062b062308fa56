"""A console's intake in memory: it takes in once, and fails as it is told."""

import hashlib
import threading
from collections.abc import Callable

import httpx

from softfall.casework.incoming import AppealMade, HoldMoved, Incoming, TakenIn
from softfall.provider.handover import Console

TOKEN = "a token between provider and console, made up"


class FakeConsole:
    """What it was handed, each once, in the order of arrival; `posts` counts every request."""

    def __init__(self) -> None:
        self.cases: dict[str, Incoming] = {}
        self.pictures: dict[str, bytes] = {}
        self.moved: list[HoldMoved] = []
        self.appeals: dict[str, AppealMade] = {}
        self.order: list[str] = []
        self.posts = 0
        self.down = False
        self.refuses: Callable[[httpx.Request], str | None] = lambda request: None
        self.lose_answers = 0
        self._turn = threading.Lock()

    def console(self) -> Console:
        client = httpx.Client(
            transport=httpx.MockTransport(self.answer), base_url="https://console"
        )
        return Console(client)

    def answer(self, request: httpx.Request) -> httpx.Response:
        with self._turn:
            self.posts += 1
            if self.down:
                raise httpx.ConnectError("nobody is there")
            name = self.refuses(request)
            if name is not None:
                return httpx.Response(409, json={"error": name})
            answer = self._take(request)
            if self.lose_answers:
                self.lose_answers -= 1
                raise httpx.ReadError("the answer was lost")
            return answer

    def _take(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, request.content
        if path == "/v1/intake":
            return self._case(Incoming.model_validate_json(body))
        if path == "/v1/intake/holds/moved":
            moved = HoldMoved.model_validate_json(body)
            assert moved.reference in self.cases, "told of before it moved"
            if moved not in self.moved:
                self.moved.append(moved)
                self.order.append(f"{moved.state} {moved.reference}")
            return httpx.Response(200, json={})
        if path == "/v1/intake/appeals":
            made = AppealMade.model_validate_json(body)
            if self.appeals.setdefault(made.reference, made) is made:
                self.order.append(made.reference)
            return httpx.Response(200, json={})
        sha256 = path.rpartition("/")[2]
        assert hashlib.sha256(body).hexdigest() == sha256
        assert request.url.params["reference"] in self.cases
        self.pictures[sha256] = body
        return httpx.Response(200, json={})

    def _case(self, incoming: Incoming) -> httpx.Response:
        if self.cases.setdefault(incoming.reference, incoming) is incoming:
            self.order.append(incoming.reference)
        asked = {
            *incoming.pictures,
            *(m.picture_sha256 for m in incoming.messages if m.picture_sha256),
        }
        wanted = tuple(sorted(asked - set(self.pictures)))
        taken = TakenIn(case_id=f"case of {incoming.subject}"[:32], wanted=wanted)
        return httpx.Response(200, json=taken.model_dump(mode="json"))
