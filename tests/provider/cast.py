"""The people of these tests: a tiny option with a real judge, and apps that speak bare HTTP."""

import asyncio
import base64
import hashlib
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from softfall.lists.manifest import Manifest, sign
from softfall.messaging.envelope import ENVELOPE, MAILBOX
from softfall.options.contract import (
    Clear,
    Held,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.provider.options import OfferedOption
from softfall.wire import Bytes, Field, Message, Party, Uint

START_MS = 1_700_000_000_000

WORD = Message(
    "word",
    Party.CUSTODIAN,
    (
        Field("epoch", Uint(2**32), "which list"),
        Field("word", Bytes(4, 4), "four bytes"),
    ),
    max_bytes=32,
)


class WordHalf:
    """Holds a submission whose word is in the artefact: a list of four-byte words."""

    name: ClassVar[str] = "split"

    def __init__(self, epoch: int, artefact: bytes) -> None:
        self.epoch = epoch
        self.words = {artefact[i : i + 4] for i in range(0, len(artefact), 4)}
        self.fail: Callable[[], None] = lambda: None

    def form(self, submission: Submission) -> Malformed | None:
        return None if len(submission.body) == 4 else Malformed("a word has four bytes")

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        self.fail()
        if submission.body in self.words:
            return Held("a word of the list", {"entries": [1], "hits": 2})
        return Clear("no word of the list")


WORDS = OfferedOption("split", WordHalf, WORD, WORD)
LISTED, UNLISTED = b"list", b"free"


class Custodian:
    """A custodian behind httpx' own port: answers, or fails as it is told."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.manifest = b""
        self.artefact = b""
        self.asked: list[httpx.Request] = []
        self.fault: Exception | int | None = None
        self.hang_seconds = 0.0
        self.answer: bytes | None = None

    def publish(
        self,
        epoch: int,
        words: bytes = LISTED,
        now_ms: int = START_MS,
        days: int = 30,
        option: str = "split",
    ) -> bytes:
        self.artefact = words
        told = Manifest(
            option=option,
            epoch=epoch,
            public_key=bytes(32),
            artefact_sha256=hashlib.sha256(words).digest(),
            entries=len(words) // 4,
            published_at_ms=now_ms,
            expires_at_ms=now_ms + days * 86_400_000,
            parameters=b"",
        )
        self.manifest = sign(told, self.key.sign)
        return self.manifest

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.MockTransport(self._handle), base_url="https://custodian"
        )

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await asyncio.sleep(self.hang_seconds)
        if isinstance(self.fault, Exception):
            raise self.fault
        if isinstance(self.fault, int):
            return httpx.Response(self.fault, json={"error": "MalformedMessage", "what": "bad"})
        if request.url.path == "/v1/epochs/current":
            return httpx.Response(200 if self.manifest else 404, content=self.manifest)
        if "/artefacts/" in request.url.path:
            return httpx.Response(200, content=self.artefact)
        return httpx.Response(200, content=self.answer or request.content)


class Identity:
    """An account's keys, as an app would make them."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.private = Ed25519PrivateKey.generate()
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.ed25519 = unpadded(raw)
        self.curve25519 = unpadded(secrets.token_bytes(32))

    def sign(self, text: str) -> str:
        return unpadded(self.private.sign(text.encode()))

    def registration(self) -> dict[str, str]:
        said = f"softfall account v1|{self.account}|{self.curve25519}|{self.ed25519}"
        return {
            "account": self.account,
            "curve25519": self.curve25519,
            "ed25519": self.ed25519,
            "signature": self.sign(said),
        }

    def one_time_key(self, key_id: str) -> dict[str, str]:
        key = unpadded(hashlib.sha256((self.account + key_id).encode()).digest())
        said = f"softfall one-time key v1|{self.account}|{key_id}|{key}"
        return {"key_id": key_id, "key": key, "signature": self.sign(said)}


@dataclass
class App:
    """A registered account that speaks to the provider over HTTP, with no encryption at all."""

    http: httpx.Client
    identity: Identity
    token: str
    clock: Callable[[], int]
    seen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.identity.account

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.headers, **more.pop("headers_more", {})}
        return self.http.request(method, path, headers=headers, **more)

    def post(self, body: bytes) -> httpx.Response:
        return self.call("POST", "/v1/envelopes", content=body)

    def upload(self, body: bytes) -> bytes:
        digest = hashlib.sha256(body).digest()
        answer = self.call("PUT", f"/v1/attachments/{digest.hex()}", content=body)
        assert answer.status_code == 200, answer.text
        return digest

    def text(self, *to: str, **changes: Any) -> bytes:
        return ENVELOPE.encode(envelope(to, self.clock(), **changes))

    def media(self, *to: str, word: bytes = UNLISTED, epoch: int = 1, **changes: Any) -> bytes:
        digest = changes.pop("attachment", None) or self.upload(secrets.token_bytes(64))
        submission = changes.pop("submission", None) or {
            "option": "split",
            "epoch": epoch,
            "body": word,
        }
        return self.text(*to, attachment=digest, submission=submission, **changes)

    def mailbox(self, after: int = 0, wait_seconds: float = 0) -> list[dict[str, Any]]:
        query = {"after": after, "wait_seconds": wait_seconds}
        answer = self.call("GET", "/v1/mailbox", params=query)
        assert answer.status_code == 200, answer.text
        deliveries: Any = MAILBOX.decode(answer.content)["deliveries"]
        return list(deliveries)

    def ack(self, through: int) -> None:
        answer = self.call("POST", "/v1/mailbox/ack", json={"through": through})
        assert answer.status_code == 200, answer.text


def register(http: httpx.Client, name: str, clock: Callable[[], int]) -> App:
    identity = Identity(name)
    answer = http.post("/v1/accounts", json=identity.registration())
    assert answer.status_code == 201, answer.text
    return App(http, identity, answer.json()["token"], clock)


def envelope(to: tuple[str, ...], now_ms: int, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "version": 1,
        "envelope_id": secrets.token_bytes(16),
        "conversation": "a conversation",
        "payloads": [{"recipient": name, "kind": 1, "body": b"sealed for " + name.encode()}
                     for name in to],
        "group_body": b"",
        "commitment": bytes(32),
        "submission": None,
        "attachment": None,
        "sent_at_ms": now_ms,
    }  # fmt: skip
    return values | changes


def unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def pass_hours(self, hours: float) -> None:
        self.now_ms += round(hours * 3_600_000)


def no_wait() -> random.Random:
    return random.Random(7)
