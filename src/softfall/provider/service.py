"""The provider put together: every part made once, started and stopped in the right order.

Guarantees: what is on disk decides what happens at a start; nothing is judged before the kept
epochs are loaded, and the judge stops between two envelopes.
"""

import asyncio
import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from softfall.config import ProviderSettings
from softfall.edge.limits import RateLimit, key_of_address
from softfall.edge.logs import Logger
from softfall.edge.metrics import Metrics
from softfall.errors import SoftfallError
from softfall.provider import accounts, vouchers
from softfall.provider.accounts import Account, NotAuthenticated
from softfall.provider.attachments import AttachmentStore
from softfall.provider.bell import Bell
from softfall.provider.clearances import ClearanceDesk
from softfall.provider.clock import Clock, days_ms, seconds_ms
from softfall.provider.database import Database, alive
from softfall.provider.epochs import Epochs
from softfall.provider.figures import Figures
from softfall.provider.intake import FrontDesk, Rules
from softfall.provider.judge import Bench, Judge
from softfall.provider.options import OfferedOption
from softfall.provider.poller import Poller
from softfall.provider.relay import CustodianUnavailable, Relay
from softfall.provider.reports import ReportDesk
from softfall.provider.service_keys import service_key
from softfall.provider.upkeep import Limits, Upkeep
from softfall.store.database import sqlite_url
from softfall.wire import Party

REGISTRATIONS_PER_MINUTE = 60
CLAIMS_PER_MINUTE = 240
REPORTS_PER_MINUTE = 60
TOKENS_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service is given from outside: time, chance, the way out, and where to tell."""

    clock: Clock
    randomness: random.Random
    custodian: httpx.AsyncClient | None
    option: OfferedOption | None
    log: Logger
    metrics: Metrics


class Tokens:
    """Tokens seen to be good, so that most requests need no look at the database.

    Also the key for rate limits: an account where the token is known, else the address; made-up
    tokens get nobody a limit of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Account] = OrderedDict()

    def account(self, db: Database, token: str) -> Account:
        """Whose token this is. Raises NotAuthenticated."""
        digest = accounts.token_digest(token)
        with self._lock:
            known = self._known.get(digest)
        if known is not None:
            return known
        account = accounts.authenticate(db, token)
        with self._lock:
            self._known[digest] = account
            if len(self._known) > TOKENS_REMEMBERED:
                self._known.popitem(last=False)
        return account

    def key_of_request(self, request: HTTPConnection) -> str:
        """Who is counted for a request."""
        with suppress(NotAuthenticated):
            digest = accounts.token_digest(bearer(request))
            with self._lock:
                known = self._known.get(digest)
            if known is not None:
                return f"account {known.row}"
        return f"address {key_of_address(request)}"


def bearer(request: HTTPConnection) -> str:
    """The token of `Authorization: Bearer TOKEN`. Raises NotAuthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("the request carries no bearer token")
    return token


class Ports:
    """What a judge may reach, from its own thread."""

    def __init__(self, relay: Relay | None, loop: asyncio.AbstractEventLoop) -> None:
        self._relay = relay
        self._loop = loop

    def ask(self, receiver: Party, body: bytes) -> bytes:
        """One round trip to the custodian. Raises CustodianUnavailable, QuestionRefused."""
        if self._relay is None or receiver is not Party.CUSTODIAN:
            raise CustodianUnavailable(f"there is no way to the {receiver.value}")
        asking = self._relay.ask(body)
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()


class Service:
    """Every part of one running provider. Made inside its event loop."""

    def __init__(self, settings: ProviderSettings, around: Surroundings, tokens: Tokens) -> None:
        self.settings = settings
        self.clock = around.clock
        self.tokens = tokens
        limits = Limits.of(settings)
        self.db = Database(sqlite_url(settings.data_dir / "provider.db"))
        with self.db.write() as tx:
            self._voucher_key = service_key(tx, "vouchers")
        self.bell = Bell()
        self.figures = Figures(around.metrics.registry)
        self.attachments = AttachmentStore(self.db, settings.data_dir / "attachments")
        self.reports = ReportDesk(self.db, settings.data_dir / "reports", limits.report_window_ms)
        self.option = around.option
        self.epochs: Epochs | None = None
        self.relay: Relay | None = None
        self._poller: Poller | None = None
        if around.option is not None and around.custodian is not None:
            self._reach_custodian(around.option, around.custodian, around.log)
        self.ask_rate = RateLimit("questions", settings.media_per_minute)
        self.upload_rate = RateLimit("uploads", settings.media_per_minute)
        self._media_rate = RateLimit("media", settings.media_per_minute)
        self.registration_rate = RateLimit("registrations", REGISTRATIONS_PER_MINUTE)
        self.report_rate = RateLimit("reports", REPORTS_PER_MINUTE)
        self.claim_rate = RateLimit("key claims", CLAIMS_PER_MINUTE)
        self.clearances: ClearanceDesk | None = None
        self.judge = self._make_judge(around)
        self.desk = self._make_desk()
        self.upkeep = Upkeep(
            self.db,
            self.attachments,
            self.bell,
            self.clock,
            limits,
            self.figures,
            around.log,
        )

    def voucher(self, account: Account) -> bytes:
        """Proof for one account that the custodian could not be reached just now."""
        nonce = secrets.token_bytes(vouchers.NONCE_BYTES)
        return vouchers.issue(self._voucher_key, account.name, nonce, self.clock())

    def health(self) -> dict[str, str | int | bool]:
        """The option, and the epoch in use (0: none). Raises what a read raises."""
        alive(self.db)
        current = self.epochs.current if self.epochs else None
        return {"option": self.settings.option, "epoch": current.epoch if current else 0}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Judging, upkeep and the look-out for epochs, from here to the end of the block."""
        await asyncio.to_thread(self.judge.start)
        self.upkeep.start()
        polling = asyncio.create_task(self._poller.run()) if self._poller else None
        try:
            yield
        finally:
            if polling is not None:
                polling.cancel()
                with suppress(asyncio.CancelledError):
                    await polling
            await asyncio.to_thread(self.judge.stop)
            await asyncio.to_thread(self.upkeep.stop)
            with suppress(SoftfallError, SQLAlchemyError):  # a full disk is no reason not to end
                self.db.truncate_log()
            self.db.close()

    def _reach_custodian(
        self, option: OfferedOption, client: httpx.AsyncClient, log: Logger
    ) -> None:
        self.epochs = Epochs(self.db, self.settings.data_dir / "epochs", option, self.clock)
        timeout_seconds = self.settings.custodian_timeout_seconds
        self.relay = Relay(client, option.name, option.reply, timeout_seconds)
        self._poller = Poller(self.epochs, self.relay, self.figures, log)

    def _make_judge(self, around: Surroundings) -> Judge:
        epochs = self.epochs
        bench = Bench(
            half=lambda epoch: epochs.half(epoch) if epochs else None,
            ports=Ports(self.relay, asyncio.get_running_loop()),
            outage_rule=self.settings.custodian_outage_rule,
        )
        return Judge(
            self.db,
            bench,
            self.bell,
            self.clock,
            self.figures,
            around.log,
            self.settings.delivery_jitter_ms,
            around.randomness,
        )

    def _make_desk(self) -> FrontDesk:
        rules = Rules(
            option=self.settings.option,
            clock_skew_ms=seconds_ms(self.settings.clock_skew_seconds),
            receipt_key_ms=days_ms(self.settings.receipt_key_days),
        )
        return FrontDesk(
            self.db,
            self.attachments,
            self.judge,
            self.clock,
            rules,
            self.epochs,
            self._voucher_key,
            self._media_rate,
        )
