"""The provider's side of `confirm`: a candidate's entries, all of them, one after the other.

Guarantees: a verdict only where the custodian was asked and answered: Held with `confirmed` for the
first entry within 31 bits, Clear where none is, Malformed where the sender sealed something else
than it committed to. Dealt material serves one share and entry (stock.py); what was cut off (a lost
reply, kill -9, either service restarted) is taken up with the very same messages, and begun anew
with fresh material where the custodian knows nothing of it. An entry that the custodian does not
list is within no picture's reach: chance may name one to a device, and nobody is held for it.
Raises where nobody can say just now (ConfirmUnavailable): then the judge tries again, and at last
holds the message as an outage, which is released by time. Nothing is held as confirmed by default.
Limit: the provider learns each asked entry's bit, the custodian which entries were candidates. An
unlisted entry is refused before anything is compared, so a custodian that refuses what it lists can
let a picture pass; it could turn the bit around as well.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import httpx

from softfall.errors import UnavailableError
from softfall.options.confirm import wire
from softfall.options.confirm.material import DealtProvider
from softfall.options.confirm.provider import BadConfirmReply, Confirming
from softfall.options.contract import Candidate, Clear, Held, Malformed, Mismatch, Verdict
from softfall.provider.link import Link
from softfall.provider.stock import ConfirmStock, Run
from softfall.wire import MalformedMessage

MAX_ENTRIES: Final = 16
FRESH_STARTS: Final = 8
PAUSE_SECONDS: Final = 0.25

# The custodian has no material, or other material, under this serial: nothing was released.
_BEGIN_ANEW: Final = frozenset({"SerialUnknown", "SerialSpent"})
_NOT_LISTED: Final = "EntryNotListed"
_SERVER_ERRORS: Final = 500

Step = Literal["begin", "finish"]
_REPLIES: Final = {"begin": wire.CONFIRM_BEGUN, "finish": wire.CONFIRM_FINISHED}


class ConfirmUnavailable(UnavailableError):
    """A candidate can't be confirmed just now: no dealt material, or no custodian that answers."""

    remedy = "Check the custodian, the dealer and softfall_confirm_stock; nothing was lost."
    party_is_away = True


@dataclass(frozen=True, slots=True)
class ConfirmLink:
    """The way to the custodian, for a thread that may wait. loop: where the client lives."""

    link: Link
    loop: asyncio.AbstractEventLoop
    timeout_seconds: float

    @classmethod
    def to(
        cls, client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop, timeout_seconds: float
    ) -> "ConfirmLink":
        """Over this client, each call within `timeout_seconds`."""
        return cls(Link(client, "custodian", ConfirmUnavailable), loop, timeout_seconds)

    def ask(self, step: Step, body: bytes) -> bytes:
        """One answer. Raises ConfirmUnavailable, StaleSerial, UnlistedEntry."""
        call = self.link.call(
            "POST", f"/v1/confirm/{step}", self.timeout_seconds, _REPLIES[step].max_bytes, body
        )
        answer = asyncio.run_coroutine_threadsafe(call, self.loop).result()
        if answer.status == httpx.codes.OK:
            return answer.body
        if answer.error in _BEGIN_ANEW:
            raise StaleSerial
        if answer.error == _NOT_LISTED:
            raise UnlistedEntry
        refused = f"the custodian refused to confirm: {answer.error}"
        raise _not_away(refused) if answer.status < _SERVER_ERRORS else ConfirmUnavailable(refused)


class StaleSerial(Exception):
    """Internal: the custodian can't use this serial; begin anew with fresh material."""


class UnlistedEntry(Exception):
    """Internal: the custodian lists no such entry, so nothing is within 31 bits of it."""


class Confirmer:
    """Decides about candidates. One for the whole service; threads may share it.

    ask: as `ConfirmLink.ask`. shrunk: called when material was taken, so that the stock is looked
    at.
    """

    def __init__(
        self,
        stock: ConfirmStock,
        ask: Callable[[Step, bytes], bytes],
        shrunk: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stock = stock
        self._ask = ask
        self._shrunk = shrunk
        self._pause = pause

    def decide(self, option: str, epoch: int, candidate: Candidate) -> Verdict:
        """The verdict about one candidate; at most MAX_ENTRIES are asked about.

        Raises ConfirmUnavailable, StorageFull, StoreBusy.
        """
        hits = []
        try:
            # Never stopped at a hit: the custodian, which sees one share asked about again, would
            # learn from the next question how the one before it ended.
            for entry in candidate.entries[:MAX_ENTRIES]:
                bit = self._bit(option, epoch, candidate.shares, entry)
                if isinstance(bit, Mismatch):
                    return Malformed(bit.reason)
                if bit:
                    hits.append(entry)
        except BadConfirmReply as error:
            raise _not_away(error.what) from None
        except MalformedMessage:
            return Malformed("malformed confirm shares")
        if hits:
            evidence = {**candidate.evidence, "confirmed": True, "entry": hits[0]}
            return Held("confirmed: within 31 bits of an entry", evidence)
        return Clear("a candidate, not confirmed")

    def _bit(self, option: str, epoch: int, shares: bytes, entry: int) -> bool | Mismatch:
        shares_sha256 = hashlib.sha256(f"{option}|{epoch}|".encode() + shares).digest()
        for start in range(FRESH_STARTS):
            run = self._stock.run(shares_sha256, entry)
            self._shrunk()
            if run is None:
                raise ConfirmUnavailable("no dealt material is left")
            if run.within is not None:
                return run.within
            try:
                return self._go_through(run, option, epoch, shares)
            except UnlistedEntry:
                # Kept as any bit: the material was used, and the same share is answered the same.
                self._stock.keep_bit(run, within=False)
                return False
            except StaleSerial:
                # Each time more is passed over: the two stocks may be far apart after a loss.
                self._stock.give_up(run, passing_over=4**start - 1)
                self._pause(PAUSE_SECONDS)
        raise ConfirmUnavailable("the custodian has no material of any serial that is here")

    def _go_through(self, run: Run, option: str, epoch: int, shares: bytes) -> bool | Mismatch:
        assert run.dealt is not None
        step = Confirming(DealtProvider.decode(run.dealt), shares, option, epoch, run.entry)
        begin = step.begin()
        begun = run.begun or self._ask("begin", begin)
        finish = step.go_on(begun)
        if isinstance(finish, Mismatch):
            return finish
        if run.begun is None and self._stock.keep_begun(run, begun) != begun:
            raise _not_away("another thread is confirming the same candidate")
        within = step.bit(self._ask("finish", finish))
        self._stock.keep_bit(run, within)
        return within


def _not_away(what: str) -> ConfirmUnavailable:
    """Nobody can say just now, though the custodian answers: a picture may bring that about."""
    error = ConfirmUnavailable(what)
    error.party_is_away = False
    return error
