"""`homomorphic` put together at the provider: lists kept up to date, stock filled, pictures judged.

Guarantees: material is fetched in advance, for lists somewhat larger than those in use, so that
nothing waits for the dealer while any is left; the list's hashes lie in this room's folder alone.
Leaves to provider/main.py: refusing to start without a dealer or a keyholder.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Final

import httpx
from prometheus_client import CollectorRegistry

from softfall.config import ProviderSettings
from softfall.edge.dealt_fetching import HomomorphicDealerClient
from softfall.edge.logs import Logger, failure
from softfall.edge.stock_keeping import Batch, StockKeeper
from softfall.errors import UnavailableError
from softfall.lists.manifest import read
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.options.homomorphic.provider import Asked, Outcome
from softfall.provider.database import open_confirm
from softfall.provider.homomorphic.figures import HomomorphicFigures
from softfall.provider.homomorphic.judging import Matcher, Patience
from softfall.provider.homomorphic.keyholder_way import KeyholderWay, WaitingWay
from softfall.provider.homomorphic.lists import EpochInUse, ListKeeper, Lists
from softfall.provider.homomorphic.outcomes import KnownOutcomes
from softfall.provider.homomorphic.shelf import Shelf
from softfall.provider.homomorphic.source import ListSource
from softfall.provider.homomorphic.stock import Deal, HomomorphicStock, Kind
from softfall.provider.link import Link
from softfall.provider.relay import CustodianUnavailable
from softfall.store.presence import turn

TIDY_SECONDS: Final = 5.0
FOLDER: Final = "homomorphic"


class HomomorphicDesk:
    """Everything of `homomorphic` at one running provider. Made inside its event loop.

    deal: hands out dealt material; the dealer's own service unless given. epochs: those that
    submissions may be for, newest first, each with its manifest.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        custodian: httpx.AsyncClient,
        keyholder: httpx.AsyncClient,
        registry: CollectorRegistry,
        log: Logger,
        deal: Deal | None,
        epochs: Callable[[], Sequence[tuple[int, bytes]]],
    ) -> None:
        """Raises StoreUnusable, TlsFilesUnusable, DealerTokenUnusable."""
        self._log = log
        folder = settings.data_dir / FOLDER
        self._epochs = epochs
        self._dealer: HomomorphicDealerClient | None = None
        if deal is None:
            dealer = HomomorphicDealerClient(settings.dealer_url, settings.tls_dir, "provider")
            self._dealer = dealer

            def deal(kind: Kind, count: int) -> Batch:
                return dealer.fetch(kind.mode, kind.capacity_rows, count)

        self._db = open_confirm(settings)
        self._stock = HomomorphicStock(self._db, deal)
        self._known = KnownOutcomes(self._db)
        self._lists = Lists(folder, Shelf(folder, settings.homomorphic_threads))
        self._filler = StockKeeper(
            self._stock,
            self._stock.fetch,
            settings.homomorphic_stock,
            log,
            turn=lambda: turn(self._db, "fetching dealt material for homomorphic"),
        )
        way = KeyholderWay.to(keyholder, settings.keyholder_timeout_seconds)
        link = Link(custodian, "custodian", CustodianUnavailable)
        source = ListSource(link, settings.custodian_timeout_seconds)
        self.keeper = ListKeeper(
            self._lists, source, way, self._epochs_in_use, self._list_changed, log
        )
        figures = HomomorphicFigures(registry)
        figures.watch(self._stock.count, self.list_version)
        self._matcher = Matcher(
            self._lists,
            self._stock,
            WaitingWay(way, asyncio.get_running_loop()),
            figures,
            Patience(settings.homomorphic_wait_seconds),
            settings.homomorphic_threads,
            self._known,
            shrunk=self._filler.look,
        )
        self._stopping = threading.Event()
        self._tidier = threading.Thread(target=self._tidy, name="homomorphic upkeep", daemon=True)

    def match(self, epoch: int, asked: Sequence[Asked]) -> Sequence[Outcome | UnavailableError]:
        """As `Matcher.match`."""
        return self._matcher.match(epoch, asked)

    def list_version(self) -> int:
        """The newest epoch's, in use; -1 while there is none."""
        ready = self._lists.all()
        return ready[0].version.list_version if ready else -1

    def health(self) -> dict[str, int]:
        """Which list version is in use (-1: none), and how many dealt serials are left for it."""
        return {"list_version": self.list_version(), "dealt": self._stock.count()}

    def start(self) -> None:
        """Begin to keep the stock filled."""
        self._filler.start()
        self._tidier.start()

    def stop(self) -> None:
        """End in good order; nothing may be judged afterwards."""
        self._stopping.set()
        self._filler.stop()
        if self._tidier.is_alive():
            self._tidier.join()
        if self._dealer:
            self._dealer.close()
        self._db.close()

    def _epochs_in_use(self) -> list[EpochInUse]:
        """Oldest first: the keyholder takes none that is older than one it has."""
        return [
            EpochInUse(number, manifest, HomomorphicParameters.decode(read(manifest).parameters))
            for number, manifest in reversed(self._epochs())
        ]

    def _list_changed(self) -> None:
        kinds = [
            Kind(ready.listed.parameters.mode, capacity_of(ready.listed.rows))
            for ready in self._lists.all()
            if ready.listed.rows > 0
        ]
        self._stock.want(kinds)
        self._filler.look()

    def _tidy(self) -> None:
        while not self._stopping.wait(TIDY_SECONDS):
            try:
                if living := [number for number, _ in self._epochs()]:
                    self._known.forget_before(min(living))
                self._stock.tidy()
            except Exception as error:  # a full disk, say: the next round tries again
                self._log.error("homomorphic upkeep failed", **failure(error))
