"""Keeping a party's stock of dealt material filled, in the background, long before it is needed.

Guarantees: the dealer is told how many and by whom, nothing else; what it hands out goes into the
stock before more is asked for. Whatever goes wrong, the stock stays as it is and the next round
tries again; each change of fortune is logged once.
Leaves to the parties: the stock itself (`Shelf`), and using each serial once.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import httpx

from softfall.edge.dealer_tokens import DealerParty, read_token
from softfall.edge.logs import Logger, failure
from softfall.edge.tls import client_context
from softfall.errors import UnavailableError
from softfall.options.confirm import wire
from softfall.wire import MalformedMessage

ROUND_SECONDS = 5.0
RETRY_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0

_STOCKS = {"provider": wire.STOCK_PROVIDER, "custodian": wire.STOCK_CUSTODIAN}

Batch = Sequence[tuple[int, bytes]]


class DealerUnavailable(UnavailableError):
    """The dealer can't be reached, hands out nothing just now, or answered in another form."""

    remedy = "Check that `softfall serve dealer` runs where dealer_url says; asking goes on."


class Shelf(Protocol):
    """Where one party keeps its halves."""

    def count(self) -> int:
        """How many serials are there to be used."""

    def put(self, batch: Batch) -> None:
        """Keep (serial, material), in the dealer's order."""


class DealerClient:
    """One party's way to the dealer, with the party's own certificate and token."""

    def __init__(self, url: str, tls_dir: Path, party: DealerParty) -> None:
        """Raises TlsFilesUnusable, DealerTokenUnusable."""
        self._form = _STOCKS[party]
        self._http = httpx.Client(
            base_url=url,
            verify=client_context(tls_dir, party),
            headers={"authorization": f"Bearer {read_token(tls_dir, party)}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def fetch(self, count: int) -> Batch:
        """The next serials of this party; fewer where the dealer has fewer.

        Raises DealerUnavailable.
        """
        try:
            reply = self._http.post("/v1/stock", json={"count": min(count, wire.MAX_BATCH)})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DealerUnavailable(f"the dealer gave no answer: {type(error).__name__}") from None
        if reply.status_code != httpx.codes.OK:
            raise DealerUnavailable(f"the dealer answers no more: {reply.status_code}")
        try:
            return wire.decode_stock(self._form, reply.content)
        except MalformedMessage:
            raise DealerUnavailable("the dealer answered in another form") from None

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


class StockKeeper:
    """Fetches whenever fewer than `low` serials are left, up to twice as many. One thread.

    fetch: as `DealerClient.fetch`. turn: is it this process's turn to, while the block lasts?
    Processes that share a stock fetch one after the other, so that it stays in the dealer's order.
    """

    def __init__(
        self,
        shelf: Shelf,
        fetch: Callable[[int], Batch],
        low: int,
        log: Logger,
        turn: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
    ) -> None:
        self._shelf = shelf
        self._fetch = fetch
        self._low = low
        self._turn = turn
        self._log = log
        self._wanted = threading.Event()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._trouble = ""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; also again, after `stop`."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="stock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End with the round."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """The stock has shrunk: look at it now, not with the next round. From any thread."""
        self._woken.set()

    def want_more(self) -> None:
        """Fetch once in any case: what was asked for is not among what is here."""
        self._wanted.set()
        self._woken.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._turn() as mine:
                    if mine:
                        self._round()
                self._trouble = ""
            except Exception as error:  # the dealer may be down, or the disk full
                if self._trouble != type(error).__name__:
                    self._trouble = type(error).__name__
                    self._log.warning("no dealt material", **failure(error))
                self._stopping.wait(RETRY_SECONDS)
                continue
            self._woken.wait(ROUND_SECONDS)
            self._woken.clear()

    def _round(self) -> None:
        """Fetch until there is enough, or the dealer hands out nothing more."""
        while not self._stopping.is_set():
            wanted = self._wanted.is_set()
            missing = 2 * self._low - self._shelf.count()
            if missing <= self._low and not wanted:
                return
            batch = self._fetch(max(missing, self._low))
            self._wanted.clear()
            if not batch:
                raise DealerUnavailable("the dealer has nothing to hand out")
            self._shelf.put(batch)
