"""`confirm` put together at the provider: its stock kept filled, its verdicts remembered.

Guarantees: verdicts are asked for once a candidate (verdicts.py) and come from the custodian alone
(confirming.py); the stock is fetched in advance, so that nothing waits for the dealer while it has
any left.
Refuses to start an option that confirms without a dealer (DealerMissing).
"""

import asyncio
import threading
from collections.abc import Callable

import httpx
from prometheus_client import CollectorRegistry, Gauge

from softfall.config import ProviderSettings
from softfall.edge.logs import Logger, failure
from softfall.edge.stock_keeping import Batch, DealerClient, StockKeeper
from softfall.errors import OperatorError, UnavailableError
from softfall.options.contract import Candidate, Verdict
from softfall.options.frames.provider import worst
from softfall.provider.clock import Clock
from softfall.provider.confirming import Confirmer, ConfirmLink
from softfall.provider.database import open_confirm
from softfall.provider.stock import ConfirmStock
from softfall.provider.verdicts import RememberedVerdicts
from softfall.store.presence import turn
from softfall.store.transactions import Database

TIDY_SECONDS = 5.0

Fetch = Callable[[int], Batch]


class DealerMissing(OperatorError):
    """The option confirms its candidates, and no dealer is configured to deal what that takes."""

    remedy = "Set provider.dealer_url to where `softfall serve dealer` listens."


def require_dealer(settings: ProviderSettings) -> None:
    """Raises DealerMissing where the settings name no dealer."""
    if not settings.dealer_url:
        raise DealerMissing(f"option {settings.option!r} needs a dealer")


class ConfirmDesk:
    """Everything of `confirm` at one running provider. Made inside its event loop."""

    def __init__(
        self,
        settings: ProviderSettings,
        db: Database,
        clock: Clock,
        custodian: httpx.AsyncClient,
        registry: CollectorRegistry,
        log: Logger,
        fetch: Fetch | None = None,
    ) -> None:
        """db: where verdicts are kept. fetch: hands out dealt material; the dealer's own service
        unless given.

        Raises DealerMissing, StoreUnusable, TlsFilesUnusable, DealerTokenUnusable.
        """
        self._log = log
        self._dealer: DealerClient | None = None
        if fetch is None:
            require_dealer(settings)
            self._dealer = DealerClient(settings.dealer_url, settings.tls_dir, "provider")
            fetch = self._dealer.fetch
        self._db = open_confirm(settings)
        self._stock = ConfirmStock(self._db, clock)
        self._keeper = StockKeeper(
            self._stock,
            fetch,
            settings.confirm_stock,
            log,
            turn=lambda: turn(self._db, "fetching dealt material"),
        )
        link = ConfirmLink.to(
            custodian, asyncio.get_running_loop(), settings.custodian_timeout_seconds
        )
        confirmer = Confirmer(self._stock, link.ask, self._keeper.look)
        self._remembered = RememberedVerdicts(confirmer, db, clock)
        self._stopping = threading.Event()
        self._tidier = threading.Thread(target=self._tidy, name="confirm upkeep", daemon=True)
        left = Gauge("softfall_confirm_stock", "Dealt serials left to use.", registry=registry)
        left.set_function(self._stock.count)

    def decide(self, option: str, epoch: int, candidate: Candidate) -> Verdict:
        """The verdict about a candidate, the same whenever it is asked for; in any thread.

        Of a video's candidates, every one of which is asked about, the worst verdict counts.
        Raises ConfirmUnavailable, StorageFull, StoreBusy.
        """
        return worst(
            [self._decide_one(option, epoch, each) for each in (candidate, *candidate.others)]
        )

    def _decide_one(
        self, option: str, epoch: int, candidate: Candidate
    ) -> Verdict | UnavailableError:
        try:
            return self._remembered.decide(option, epoch, candidate)
        except UnavailableError as error:  # another frame may still be confirmed
            return error

    def start(self) -> None:
        """Begin to keep the stock filled."""
        self._keeper.start()
        self._tidier.start()

    def stop(self) -> None:
        """End in good order; nothing may be decided afterwards."""
        self._stopping.set()
        self._keeper.stop()
        if self._tidier.is_alive():
            self._tidier.join()
        if self._dealer:
            self._dealer.close()
        self._db.close()

    def _tidy(self) -> None:
        while not self._stopping.wait(TIDY_SECONDS):
            try:
                self._stock.tidy()
            except Exception as error:  # a full disk, say: the next round tries again
                self._log.error("confirm upkeep failed", **failure(error))
