"""One running keyholder: its keys, its lists, its stock, and what is under way.

Guarantees: all keys are readable and the store opens before anything listens. The stock is kept
filled for what the newest lists need; a question waits for a serial that is yet to come, for a
bounded time. What ended is deleted within the next tidying: epochs and their counts, hints,
material that no list needs, runs that nobody finished, and the keys that only ended epochs named.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final

import anyio.to_thread

from softfall.config import KeyholderSettings
from softfall.edge.custodian_key import read_custodian_key
from softfall.edge.dealt_fetching import HomomorphicDealerClient
from softfall.edge.logs import Logger
from softfall.edge.stock_keeping import Batch
from softfall.keyholder.figures import Figures
from softfall.keyholder.filling import Fetch, Filling
from softfall.keyholder.hints import HintFiles
from softfall.keyholder.keys import KeyRing
from softfall.keyholder.lists import ListBook
from softfall.keyholder.runs import Runs
from softfall.keyholder.stock import Kind, Stock
from softfall.keyholder.store import HINTS_FOLDER, STOCK_FOLDER, open_database
from softfall.keyholder.warming import warm_up
from softfall.options.homomorphic.keyholder import Begin, HintList
from softfall.store.database import empty_the_log

LOOK_SECONDS: Final = 0.02

Clock = Callable[[], int]


class Room:
    """Everything of one running keyholder.

    now_ms: milliseconds since 1970; steady_ms: milliseconds that never run back. random_bytes: the
    system's. fetch: hands out dealt material; the dealer of the settings unless given.
    Raises SealingKeyUnusable, CustodianKeyUnusable, StoreUnusable, TlsFilesUnusable,
    DealerTokenUnusable.
    """

    def __init__(
        self,
        settings: KeyholderSettings,
        now_ms: Clock,
        steady_ms: Clock,
        random_bytes: Callable[[int], bytes],
        log: Logger,
        fetch: Fetch | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._keys = KeyRing(settings.data_dir)
        custodian_key = read_custodian_key(settings.custodian_key_file)
        self._engine = open_database(settings.data_dir)
        hints = HintFiles(settings.data_dir / HINTS_FOLDER)
        self.book = ListBook(self._engine, hints, custodian_key, self._keys.all, now_ms)
        stock_folder = settings.data_dir / STOCK_FOLDER
        self._stock = Stock(
            self._engine,
            stock_folder,
            settings.stragglers,
            settings.stock,
            now_ms,
            random_bytes,
        )
        self._dealer: HomomorphicDealerClient | None = None
        if fetch is None:
            self._dealer = HomomorphicDealerClient(
                settings.dealer_url, settings.tls_dir, "keyholder"
            )
            fetch = self._fetch
        self._filling = Filling(settings, self._stock, self.book, log, fetch)
        self.runs = Runs(settings, self._engine, self.book, self._stock, self._keys.all, steady_ms)
        self.figures = Figures(
            self._stock.counts,
            self.runs.waiting,
            lambda: len(self.book.held()),
            lambda: sum(len(held.missing) for held in self.book.held()),
        )

    def start(self) -> None:
        """Compile what is compiled, and begin to fill the stock."""
        warm_up()
        self._filling.start()

    def stop(self) -> None:
        """End the filling, and let go of everything."""
        self._filling.stop()
        self.close()

    def close(self) -> None:
        """Let go of the store and the dealer, of a room that was not started or is stopped."""
        if self._dealer is not None:
            self._dealer.close()
        self._engine.dispose()

    def key_digests(self) -> list[bytes]:
        """SHA-256 of each public key, the newest last."""
        return [hashlib.sha256(key.public).digest() for key in self._keys.all()]

    def look_at_stock(self) -> None:
        """The stock has shrunk, or other material is needed: look at it now."""
        self._filling.look()

    async def wait_for_material(self, asked: Begin, hints: HintList) -> None:
        """Until the serials that a question names are here, or can't come in time any more."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.stock_wait_seconds
        while await anyio.to_thread.run_sync(self.runs.awaits_material, asked, hints):
            if loop.time() >= deadline:
                return
            newest = max(run.serial for run in asked.runs)
            kind = hints.parameters.mode, hints.rows
            if not await anyio.to_thread.run_sync(self._filling.expect, newest, *kind):
                return
            await asyncio.sleep(LOOK_SECONDS)

    def tidy(self) -> list[int]:
        """Delete what ended; returns the epochs that did."""
        for number in self._keys.forget(self.book.ended_keys()):
            self._log.info("key destroyed", number=number)
        ended = self.book.tidy()
        self._stock.tidy(self._filling.needed())
        self.runs.tidy()
        empty_the_log(self._engine)
        return ended

    def _fetch(self, kind: Kind, count: int) -> Batch:
        assert self._dealer is not None
        return self._dealer.fetch(kind.mode, kind.capacity_rows, count)
