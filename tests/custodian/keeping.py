"""A custodian on a folder, with a list of random hashes, clocks that a test sets, and questions."""

import asyncio
import hashlib
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from softfall.config import CustodianSettings
from softfall.custodian.app import make
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.keys import create_identity, load_identity
from softfall.custodian.publish import publish_epoch
from softfall.edge.custodian_tokens import read_custodian_token
from softfall.edge.tls import init_tls
from softfall.lists.entries import Statement
from softfall.lists.manifest import Manifest, read
from softfall.media.pdq import PdqHash
from softfall.options.contract import ScanSecret
from softfall.options.split.device import SplitDevice, SplitPending
from softfall.options.split.parameters import DEFAULT_PARAMETERS
from softfall.options.tags.parameters import TagParameters
from softfall.options.tokens.device import Token, begin
from tests.edge.asking import Lines

QUESTIONS = DEFAULT_PARAMETERS.questions
"""Evaluations that one picture's question costs."""

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Clocks:
    """Both clocks; `pass_ms` moves both, `wall_ms` may be set alone."""

    def __init__(self) -> None:
        self.wall_ms = START_MS
        self.steady_ms = 5

    def pass_ms(self, span_ms: int) -> None:
        self.wall_ms += span_ms
        self.steady_ms += span_ms


@dataclass
class Keeper:
    folder: Path
    clocks: Clocks = field(default_factory=Clocks)
    lines: Lines = field(default_factory=Lines)
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> CustodianSettings:
        return CustodianSettings(
            data_dir=self.folder / "custodian", tls_dir=self.folder / "tls", port=0, **self.changed
        )

    @property
    def database(self) -> Path:
        return self.settings.data_dir / "custodian.db"

    @property
    def public_key(self) -> bytes:
        return load_identity(self.settings.data_dir).public_key

    def set_up(self, entries: int = 40) -> "Keeper":
        init_tls(self.settings.tls_dir)
        create_identity(self.settings.data_dir)
        self.add(entries)
        return self

    def add(self, entries: int, seed: int = 1) -> None:
        catalogue = Catalogue.open(self.settings.data_dir)
        for number in range(entries):
            catalogue.add(Statement(a_hash(f"{seed}/{number}"), "source"), self.clocks.wall_ms)
        catalogue.close()

    def publish(self) -> Manifest:
        return publish_epoch(self.settings, "split", lambda *_: None, lambda: self.clocks.wall_ms)

    @property
    def token(self) -> str:
        """By which the provider is known."""
        return read_custodian_token(self.settings.tls_dir)

    def app(self) -> FastAPI:
        app = make(
            self.settings,
            now_ms=lambda: self.clocks.wall_ms,
            steady_ms=lambda: self.clocks.steady_ms,
            reap_seconds=0.05,
            log=self.lines.log,
        )
        app.state.token = self.token
        return app


def a_hash(label: str) -> bytes:
    """A hash with 128 ones, as a photograph's."""
    bits = [1] * 128 + [0] * 128
    random.Random(label).shuffle(bits)
    return np.packbits(np.array(bits, np.uint8)).tobytes()


def a_question(manifest: Manifest, label: str = "photograph") -> SplitPending:
    margins = np.random.default_rng(7).random(256, np.float32)
    device = SplitDevice(
        manifest.epoch,
        manifest.public_key,
        TagParameters.decode(manifest.parameters),
        manifest.confirm_key,
    )
    secret = ScanSecret(hashlib.sha256(label.encode()).digest(), "split", manifest.epoch)
    return device.begin(PdqHash(a_hash(label), 80, margins), secret)


def ask_epoch(app: FastAPI, path: str) -> httpx.Response:
    return _ask(app, "GET", path, b"")


def ask_answer(app: FastAPI, question: bytes, token: Token | None = None) -> httpx.Response:
    """With this token, or with one that is issued for it."""
    token = token or issued(app, 1)[0]
    return post_ask(app, token.ask("split", question))


def post_ask(app: FastAPI, body: bytes, option: str = "split") -> httpx.Response:
    return _ask(app, "POST", f"/v1/options/{option}/answer", body)


def issued(app: FastAPI, count: int) -> list[Token]:
    """Tokens of the current epoch's token key."""
    manifest = read(ask_epoch(app, "/v1/epochs/current").content)
    pending = begin(manifest.token_key, count, os.urandom)
    return pending.finish(post_issue(app, pending.request).content)


def post_issue(app: FastAPI, body: bytes) -> httpx.Response:
    return _ask(app, "POST", "/v1/tokens/issue", body)


def _ask(app: FastAPI, method: str, path: str, body: bytes) -> httpx.Response:
    """As the provider asks."""

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        shown = {"authorization": f"Bearer {app.state.token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://custodian") as client:
            return await client.request(method, path, content=body, headers=shown)

    return asyncio.run(once())
