"""Asking the custodian how good a list's word is: who lists an entry, who certified it.

Guarantees: the custodian hears an entry's number, or the hash of a picture that is public; never
who is concerned. What it answers is names, never a hash. Blocks its caller's thread, a bounded time
each call; not to be called on the event loop's own thread.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from softfall.lists.facts import (
    ENTRY_ASKED,
    ENTRY_FACTS,
    LISTED,
    LOOKUP,
    EntryFacts,
    decode_facts,
    decode_listed,
)
from softfall.media.pdq import PdqHash
from softfall.provider.link import Link
from softfall.provider.relay import CustodianUnavailable
from softfall.wire import MalformedMessage

_UNKNOWN: Final = ("UnknownEntry", "EpochNotPublished", "OptionUnknown")


@dataclass(frozen=True, slots=True)
class EntryFactsWay:
    """The way there. link: to the custodian. seconds: how long one call may take."""

    link: Link
    loop: asyncio.AbstractEventLoop
    seconds: float

    def of(self, option: str, epoch: int, entry: int) -> EntryFacts | None:
        """What is said of an entry; None where the custodian knows no such entry.

        Raises CustodianUnavailable.
        """
        asked = ENTRY_ASKED.encode({"option": option, "epoch": epoch, "entry": entry})
        body = self._call("/v1/entries/facts", asked, ENTRY_FACTS.max_bytes)
        try:
            return None if body is None else decode_facts(body)
        except MalformedMessage:
            raise CustodianUnavailable("the custodian answered in another form") from None

    def listed(self, public: PdqHash) -> tuple[EntryFacts, ...]:
        """The entries that a public picture matches, by number. Raises CustodianUnavailable."""
        body = self._call("/v1/lookup", LOOKUP.encode({"hash": public.bits}), LISTED.max_bytes)
        try:
            return () if body is None else decode_listed(body)
        except MalformedMessage:
            raise CustodianUnavailable("the custodian answered in another form") from None

    def _call(self, path: str, asked: bytes, max_bytes: int) -> bytes | None:
        calling = self.link.call("POST", path, self.seconds, max_bytes, asked)
        answer = asyncio.run_coroutine_threadsafe(calling, self.loop).result()
        if answer.status == 200:
            return answer.body
        if answer.error in _UNKNOWN:
            return None
        raise CustodianUnavailable(f"the custodian tells nothing now: {answer.error}")
