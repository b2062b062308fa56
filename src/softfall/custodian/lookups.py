"""What the custodian tells the provider of its entries, and of pictures that are public anyway.

Guarantees: who lists an entry and who certified it, never a hash or a distance, nor an order or a
choice by distance: entries come by number, and of many the lowest numbers. An entry that was not in
the named epoch is not told of. Each answer is counted, on disk, before it leaves.
Refuses: more than `lookups_per_hour` of both together (`LookupsSpent`).
Limits: the custodian sees the hash of a profile or group picture that is looked up, since nothing
is hidden about what is public; messages never come this way. Whoever has a picture that matches can
learn the entry's hash bit by bit with a few hundred lookups of altered hashes, since yes and no
tell something too: he has the picture already, but the limit keeps it from being done to a whole
list.
"""

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from softfall.custodian.catalogue import Catalogue, UnknownEntry
from softfall.custodian.counting import Allowance, Counting
from softfall.custodian.epochs import EpochBook, EpochNotPublished
from softfall.custodian.indexing import ListIndex
from softfall.custodian.options import kept
from softfall.custodian.quota import HOUR_MS, WINDOW_MS, on_disk
from softfall.custodian.quota_tables import lookups
from softfall.errors import RefusedError
from softfall.lists.entries import MATCH_RADIUS_BITS, Entry
from softfall.lists.facts import (
    ENTRY_ASKED,
    LOOKUP,
    MAX_ENTRIES,
    EntryFacts,
    encode_facts,
    encode_listed,
)
from softfall.lists.index.hamming import words

CBOR: Final = "application/cbor"

Clock = Callable[[], int]


class LookupsSpent(RefusedError):
    """The custodian's hourly lookups are used up."""

    remedy = "Wait as long as Retry-After says; the keeper sets custodian.lookups_per_hour."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class Lookups:
    """Facts of entries, by number or by a public picture's hash; one object per running service."""

    def __init__(
        self,
        quota_engine: Engine,
        catalogue: Catalogue,
        index: ListIndex,
        book: EpochBook,
        per_hour: int,
        wall_ms: Clock,
        monotonic_ms: Clock,
    ) -> None:
        allowance = Allowance(
            lookups, per_hour, "lookups an hour", WINDOW_MS, HOUR_MS, LookupsSpent
        )
        self._counting = Counting(quota_engine, allowance, wall_ms, monotonic_ms)
        self._catalogue = catalogue
        self._index = index
        self._book = book

    def entry(self, body: bytes) -> bytes:
        """The `entry_facts` of an `entry_asked`.

        Also of an epoch that has ended: a person may decide later than that.
        Raises MalformedMessage, OptionUnknown, EpochNotPublished, UnknownEntry, LookupsSpent,
        QuotaNotCounted.
        """
        asked: dict[str, Any] = ENTRY_ASKED.decode(body)
        number, option = asked["epoch"], kept(asked["option"]).name
        self._count()
        if number not in {epoch.number for epoch in self._book.published(option)}:
            raise EpochNotPublished(f"epoch {number} was never published")
        if self._book.entry_hash(number, asked["entry"]) is None:
            raise UnknownEntry(f"epoch {number} has no such entry")
        return encode_facts(self._facts(self._catalogue.show(asked["entry"])))

    def listed(self, body: bytes) -> bytes:
        """The `listed` of a `lookup`: the entries within 31 bits, the lowest numbers first.

        Raises MalformedMessage, LookupsSpent, QuotaNotCounted.
        """
        asked: dict[str, Any] = LOOKUP.decode(body)
        self._count()
        self._index.catch_up()  # a change counts with the next lookup, not with the next poll
        found = self._index.search(words([asked["hash"]]), MATCH_RADIUS_BITS)
        numbers: list[int] = found.entry_numbers[:MAX_ENTRIES].tolist()  # which are in order
        entries = self._catalogue.show_all(numbers)
        return encode_listed(self._facts(entries[number]) for number in numbers)

    def _facts(self, entry: Entry) -> EntryFacts:
        return EntryFacts.of(entry, self._catalogue.whole_of(entry))

    def _count(self) -> None:
        """In a transaction of its own: a long look must not keep other counts waiting."""
        with on_disk(), self._counting.counted(1):
            pass


def lookup_routes(facts: Lookups) -> APIRouter:
    """POST /v1/entries/facts and /v1/lookup."""
    router = APIRouter(tags=["facts"])

    @router.post("/v1/entries/facts", **_described("entry_asked", "entry_facts"))
    async def read_entry(request: Request) -> Response:
        """Who lists an entry that was confirmed, and who certified it; no hash.

        Counts against `custodian.lookups_per_hour`, whoever asks.
        """
        body = await request.body()
        return Response(await run_in_threadpool(facts.entry, body), media_type=CBOR)

    @router.post("/v1/lookup", **_described("lookup", "listed"))
    async def look_up(request: Request) -> Response:
        """Whether a picture that is public (a profile picture, say) is on the list; no hash back.

        Counts against `custodian.lookups_per_hour`, whoever asks.
        """
        body = await request.body()
        return Response(await run_in_threadpool(facts.listed, body), media_type=CBOR)

    return router


def _described(asked: str, answered: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary", "title": asked}
    return {
        "summary": f"`{asked}` to `{answered}`",
        "response_class": Response,
        "responses": {200: {"content": {CBOR: {}}, "description": f"`{answered}`"}},
        "openapi_extra": {"requestBody": {"required": True, "content": {CBOR: {"schema": schema}}}},
    }
