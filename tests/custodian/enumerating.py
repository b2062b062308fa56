"""An enumerator: whoever asks the custodian for pieces of no picture, with real tokens."""

import os
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from softfall.crypto import oprf, ristretto
from softfall.crypto.oprf import Mode
from softfall.lists.manifest import Manifest, read
from softfall.options.split.wire import ARTEFACT
from softfall.options.tags import pieces
from softfall.options.tags.parameters import TagParameters, random_positions
from softfall.options.tags.wire import REPLY, REQUEST, TAG_BYTES
from softfall.options.tokens.device import Token, begin
from tests.custodian.keeping import a_hash, ask_epoch, post_ask, post_issue

SMALL = TagParameters(8, 16, 2, random_positions("enumeration", tables=4, k_bits=8))
ASKED_AT_ONCE = SMALL.questions
EVERYTHING = [(table, piece) for table in range(SMALL.tables) for piece in range(2**SMALL.k_bits)]
ENTRIES = 12


Found = dict[tuple[int, int], bytes]


def hashes() -> np.ndarray[Any, np.dtype[np.uint8]]:
    listed = b"".join(a_hash(f"1/{number}") for number in range(ENTRIES))
    return np.frombuffer(listed, np.uint8).reshape(ENTRIES, 32)


def true_pieces() -> set[tuple[int, int]]:
    """(table, piece) of every entry."""
    return set(places(pieces.pieces(hashes(), SMALL).tolist()))


def places(rows: list[list[int]]) -> list[tuple[int, int]]:
    return [(table, piece) for table, row in enumerate(rows) for piece in row]


class Enumerator:
    """Whoever asks for pieces of no picture. issue, ask: the way to the custodian."""

    def __init__(
        self,
        manifest: Manifest,
        issue: Callable[[bytes], httpx.Response],
        ask: Callable[[bytes], httpx.Response],
    ) -> None:
        self.manifest = manifest
        self.issue = issue
        self.ask = ask
        self.tokens: list[Token] = []
        self.tags: Found = {}
        self.refused = ""

    def drain(self, batch: int = 1) -> int:
        """As many tokens as there are to have just now."""
        had = len(self.tokens)
        while True:
            pending = begin(self.manifest.token_key, batch, os.urandom)
            reply = self.issue(pending.request)
            if reply.status_code != 200:
                self.refused = reply.json()["error"]
                return len(self.tokens) - had
            self.tokens += pending.finish(reply.content)

    def spend(self) -> None:
        """One full question a token, until tokens or pieces run out."""
        while self.tokens and len(self.tags) < len(EVERYTHING):
            wanted = [place for place in EVERYTHING if place not in self.tags][:ASKED_AT_ONCE]
            self.ask_for(self.tokens.pop(), wanted)

    def ask_for(self, token: Token, wanted: list[tuple[int, int]]) -> None:
        inputs = [pieces.oprf_input("split", *place, SMALL) for place in wanted]
        blinds = [ristretto.scalar_from_wide(os.urandom(64)) for _ in inputs]
        blinded = [oprf.blind(i, b, Mode.VOPRF) for i, b in zip(inputs, blinds, strict=True)]
        question = REQUEST.encode(
            {"version": 1, "epoch": self.manifest.epoch, "points": b"".join(blinded)}
        )
        reply = self.ask(token.ask("split", question))
        assert reply.status_code == 200, reply.text
        points = ristretto.decode_points(bytes(REPLY.decode(reply.content)["points"]))  # type: ignore[arg-type]
        for place, message, point in zip(
            wanted, inputs, oprf.unblind_all(blinds, points), strict=True
        ):
            self.tags[place] = oprf.finalize(message, point)[:TAG_BYTES]


def entries_behind(artefact: bytes, tags: Found) -> set[tuple[int, int]]:
    """The listed (table, piece) that these tags give away, by the provider's own artefact."""
    rows: Any = ARTEFACT.decode(artefact)["tags"]
    listed = {rows[i : i + TAG_BYTES] for i in range(0, len(rows), TAG_BYTES)}
    return {place for place, tag in tags.items() if tag in listed}


def provider_of(app: FastAPI) -> Enumerator:
    """The enumerating provider: it asks for itself, as if for accounts that it made up."""
    manifest = read(ask_epoch(app, "/v1/epochs/current").content)
    return Enumerator(
        manifest, lambda body: post_issue(app, body), lambda body: post_ask(app, body)
    )
