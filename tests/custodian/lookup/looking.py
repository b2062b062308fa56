"""The lookup application on a folder, with clocks that a test sets and a hasher that it plays."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from softfall.config import CustodianSettings, LookupSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.lookup.app import Direct, make
from softfall.custodian.lookup.tools import add_tool
from softfall.edge.confined import Failed
from softfall.lists.entries import Statement
from softfall.media.hashed import Hashed, Refused
from tests.custodian.keeping import Clocks, a_hash
from tests.edge.asking import Lines

JSON, OCTETS, JPEG = "application/json", "application/octet-stream", "image/jpeg"


def moved(pdq: bytes, bits: int) -> bytes:
    """The hash with its first `bits` bits flipped."""
    flips = np.zeros(256, np.uint8)
    flips[:bits] = 1
    return bytes(a ^ b for a, b in zip(pdq, np.packbits(flips).tobytes(), strict=True))


@dataclass
class PlayedHasher:
    """Says what a test has it say of any picture."""

    says: tuple[Hashed, ...] | Failed = (Refused("BrokenPicture: so told"),)
    asked: list[bytes] = field(default_factory=list)

    def ask(self, picture: bytes, within_seconds: float) -> tuple[Hashed, ...] | Failed:
        self.asked.append(picture)
        return self.says


@dataclass
class Lookups:
    """A custodian's folder with entries 1, 2, ..., and its lookup application."""

    folder: Path
    changed: dict[str, Any] = field(default_factory=dict)
    clocks: Clocks = field(default_factory=Clocks)
    lines: Lines = field(default_factory=Lines)
    hasher: PlayedHasher = field(default_factory=PlayedHasher)

    def __post_init__(self) -> None:
        self.custodian = CustodianSettings(data_dir=self.folder / "custodian")
        self.catalogue = Catalogue.open(self.custodian.data_dir)
        self.token = add_tool(self.custodian.data_dir, "scanner")
        self.app = self.restarted()

    def restarted(self) -> Direct:
        self.app = make(
            self.custodian,
            LookupSettings(**self.changed),
            hasher=self.hasher,
            log=self.lines.log,
            now_ms=lambda: self.clocks.wall_ms,
            steady_ms=lambda: self.clocks.steady_ms,
        )
        return self.app

    def list(self, pdq: bytes, label: str = "a label", source: str = "hotline") -> int:
        said = Statement(pdq, source, frozenset({label}), frozenset({"ngo"}))
        return self.catalogue.add(said, self.clocks.wall_ms).number

    def post(self, body: bytes, kind: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Content-Type": kind, "Authorization": f"Bearer {token or self.token}"}
        return self.ask("POST", "/v1/lookup", content=body, headers=headers, **more)

    def look_up(self, *hashes: bytes) -> httpx.Response:
        return self.ask(
            "POST",
            "/v1/lookup",
            json={"hashes": [pdq.hex() for pdq in hashes]},
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def ask(self, method: str, path: str, **asked: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **asked)

        return asyncio.run(once())


def entries(reply: httpx.Response) -> dict[int, list[int]]:
    """The entry numbers that each query was told of."""
    assert reply.status_code == 200, reply.text
    return {m["query"]: [e["entry"] for e in m["entries"]] for m in reply.json()["matches"]}


__all__ = ["JPEG", "JSON", "OCTETS", "Lookups", "PlayedHasher", "a_hash", "entries", "moved"]
