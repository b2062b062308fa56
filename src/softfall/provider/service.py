"""The provider put together: every part made once, started and stopped in the right order.

Guarantees: what is on disk decides what happens at a start; nothing is judged before the kept
epochs are loaded, and the judge stops between two envelopes.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from sqlalchemy.exc import SQLAlchemyError

from softfall.config import ProviderSettings
from softfall.edge.hashing import Hasher
from softfall.edge.limits import AmountLimit, RateLimit
from softfall.edge.logs import Logger
from softfall.edge.metrics import Metrics
from softfall.errors import SoftfallError
from softfall.lists.distribution import OPTION as ON_DEVICE
from softfall.options.frames.opening import evidence as of_videos
from softfall.provider import vouchers
from softfall.provider.accounts import Account
from softfall.provider.attachments import AttachmentStore
from softfall.provider.bell import Bell
from softfall.provider.callers import Tokens
from softfall.provider.clearances import ClearanceDesk
from softfall.provider.clock import Clock, days_ms, seconds_ms
from softfall.provider.company import Company
from softfall.provider.confirm_desk import ConfirmDesk, Fetch
from softfall.provider.database import main_url, open_main
from softfall.provider.enclave import EnclaveWay, ListCarrier
from softfall.provider.entry_facts import EntryFactsWay
from softfall.provider.epochs import Epochs
from softfall.provider.figures import Figures
from softfall.provider.files import Files
from softfall.provider.handover import Console, FactsWay, Handover, Pictures
from softfall.provider.intake import FrontDesk, Rules
from softfall.provider.judge import Bench, Judge
from softfall.provider.keepers import Keepers
from softfall.provider.lies import Examiner
from softfall.provider.link import Link
from softfall.provider.mirror import Mirror, MirrorKeeper
from softfall.provider.options import OfferedOption
from softfall.provider.outbox import Outbox
from softfall.provider.poller import Poller
from softfall.provider.relay import CustodianUnavailable, Relay
from softfall.provider.reports import ReportDesk
from softfall.provider.service_keys import service_key
from softfall.provider.surfaces import SurfaceDesk, Words
from softfall.provider.token_counts import TokenCounts
from softfall.provider.upkeep import Limits, Upkeep
from softfall.store.presence import turn
from softfall.store.transactions import alive
from softfall.wire import Party

if TYPE_CHECKING:  # loaded only where the option is offered
    from softfall.provider.homomorphic.desk import HomomorphicDesk
    from softfall.provider.homomorphic.lists import ListKeeper
    from softfall.provider.homomorphic.stock import Deal

REGISTRATIONS_PER_MINUTE = 60
CLAIMS_PER_MINUTE = 240
REPORTS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service is given from outside: time, chance, the way out, and where to tell."""

    clock: Clock
    randomness: random.Random
    custodian: httpx.AsyncClient | None
    enclave: httpx.AsyncClient | None
    option: OfferedOption | None
    hasher: Hasher
    fetch_dealt: Fetch | None
    log: Logger
    metrics: Metrics
    console: Console | None = None
    keyholder: httpx.AsyncClient | None = None
    deal_homomorphic: "Deal | None" = None


class Ports:
    """What a judge may reach, from its own thread."""

    def __init__(
        self,
        relay: Relay | None,
        loop: asyncio.AbstractEventLoop,
        enclave: EnclaveWay | None = None,
    ) -> None:
        self._ways: dict[Party, Callable[[bytes], Coroutine[None, None, bytes]]] = {}
        if relay is not None:
            self._ways[Party.CUSTODIAN] = relay.ask
        if enclave is not None:
            self._ways[Party.ENCLAVE] = enclave.judge
        self._loop = loop

    def ask(self, receiver: Party, body: bytes) -> bytes:
        """One round trip. Raises CustodianUnavailable, QuestionRefused, EnclaveUnavailable."""
        if receiver not in self._ways:
            raise CustodianUnavailable(f"there is no way to the {receiver.value}")
        asking = self._ways[receiver](body)
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()


class Service:
    """Every part of one running provider. Made inside its event loop."""

    def __init__(self, settings: ProviderSettings, around: Surroundings, tokens: Tokens) -> None:
        self.settings = settings
        self.clock = around.clock
        self.tokens = tokens
        limits = Limits.of(settings)
        self.db = open_main(main_url(settings))
        with self.db.write() as tx:
            self._voucher_key = service_key(tx, "vouchers")
            conversations = service_key(tx, "conversations")
        waiting = Files(settings.data_dir / "handover")
        self.outbox = Outbox(bool(settings.console_url), waiting, conversations)
        self.bell = Bell()
        self.figures = Figures(around.metrics.registry)
        self.attachments = AttachmentStore(self.db, settings.data_dir / "attachments")
        self.option = around.option
        self.epochs: Epochs | None = None
        self.relay: Relay | None = None
        self._poller: Poller | None = None
        self.enclave: EnclaveWay | None = None
        self._carrier: ListCarrier | None = None
        self.confirm: ConfirmDesk | None = None
        self.mirror: Mirror | None = None
        self._mirror_keeper: MirrorKeeper | None = None
        self.homomorphic: HomomorphicDesk | None = None
        if around.option is not None and around.custodian is not None:
            option = self._reach_keyholder(around, around.option, around.custodian)
            self._reach_custodian(option, around.custodian, around.log)
            self._reach_enclave(around)
            self.confirm = self._make_confirm_desk(around, around.option, around.custodian)
        self.reports = self._make_report_desk(around.hasher, limits.report_window_ms)
        self.token_counts = TokenCounts(self.db, settings.tokens_per_account_per_day, self.clock)
        self.ask_rate = RateLimit("questions", settings.media_per_minute)
        self.list_rate = AmountLimit("KiB of list", settings.list_mib_per_hour * 1024)
        self.upload_rate = RateLimit("uploads", settings.media_per_minute)
        self._media_rate = RateLimit("media", settings.media_per_minute)
        self.registration_rate = RateLimit("registrations", REGISTRATIONS_PER_MINUTE)
        self.report_rate = RateLimit("reports", REPORTS_PER_MINUTE)
        self.claim_rate = RateLimit("key claims", CLAIMS_PER_MINUTE)
        ports = Ports(self.relay, asyncio.get_running_loop(), self.enclave)
        self.clearances = self._make_clearance_desk(ports)
        self.judge = self._make_judge(around, ports)
        self._company = Company(self.db, self.judge, self.bell, around.log)
        self.desk = self._make_desk()
        self.upkeep = Upkeep(
            self.db,
            self.attachments,
            self.bell,
            self.clock,
            limits,
            self.figures,
            around.log,
            self.outbox,
        )
        facts = self._make_facts(around)
        self.handover = self._make_handover(around, facts)
        self.surfaces = self._make_surfaces(around.hasher, facts)

    def voucher(self, account: Account) -> bytes:
        """Proof for one account that the custodian could not be reached just now."""
        nonce = secrets.token_bytes(vouchers.NONCE_BYTES)
        return vouchers.issue(self._voucher_key, account.name, nonce, self.clock())

    def health(self) -> dict[str, str | int | bool]:
        """The option, the epoch in use (0: none), and how ready the option is.

        Raises what a read raises.
        """
        alive(self.db)
        current = self.epochs.current if self.epochs else None
        more = self.homomorphic.health() if self.homomorphic else {}
        epoch = current.epoch if current else 0
        return {"option": self.settings.option, "epoch": epoch, **more}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Judging, upkeep and the look-out for epochs, from here to the end of the block."""
        for desk in self._desks():
            desk.start()
        await asyncio.to_thread(self.judge.start)
        if self.db.is_shared:
            self._company.start()
        self.upkeep.start()
        if self.handover:
            await asyncio.to_thread(self.handover.start)
        lookouts = [work for work in self._lookouts() if work is not None]
        looking = [asyncio.create_task(work.run()) for work in lookouts]
        try:
            yield
        finally:
            for task in looking:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await asyncio.to_thread(self._company.stop)
            await asyncio.to_thread(self.judge.stop)
            for desk in self._desks():
                await asyncio.to_thread(desk.stop)
            await asyncio.to_thread(self.upkeep.stop)
            if self.handover:
                await asyncio.to_thread(self.handover.stop)
            with suppress(SoftfallError, SQLAlchemyError):  # a full disk is no reason not to end
                self.db.truncate_log()
            self.db.close()

    def _reach_custodian(
        self, option: OfferedOption, client: httpx.AsyncClient, log: Logger
    ) -> None:
        self.epochs = Epochs(self.db, self.settings.data_dir / "epochs", option, self.clock)
        timeout_seconds = self.settings.custodian_timeout_seconds
        self.relay = Relay(client, option.name, option.reply, timeout_seconds)
        self._poller = Poller(self.epochs, self.relay, self.figures, log, self.db.is_shared)
        if option.name == ON_DEVICE:
            self.mirror = Mirror(self.settings.data_dir / "lists", client)
            self._mirror_keeper = MirrorKeeper(
                self.mirror, log, lambda: turn(self.db, "copying the list")
            )

    def _make_confirm_desk(
        self, around: Surroundings, option: OfferedOption, custodian: httpx.AsyncClient
    ) -> ConfirmDesk | None:
        """What decides about candidates, where the option has any."""
        if not option.confirms:
            return None
        return ConfirmDesk(
            self.settings,
            self.db,
            self.clock,
            custodian,
            around.metrics.registry,
            around.log,
            around.fetch_dealt,
        )

    def _lookouts(self) -> tuple["Poller | MirrorKeeper | ListCarrier | ListKeeper | None", ...]:
        lists = self.homomorphic.keeper if self.homomorphic else None
        return (self._poller, self._mirror_keeper, self._carrier, lists)

    def _desks(self) -> list["ConfirmDesk | HomomorphicDesk"]:
        """What decides with dealt material, where the option does."""
        return [desk for desk in (self.confirm, self.homomorphic) if desk is not None]

    def _reach_keyholder(
        self, around: Surroundings, option: OfferedOption, custodian: httpx.AsyncClient
    ) -> OfferedOption:
        """The option, able to match where it takes a keyholder for that."""
        if around.keyholder is None or not option.needs_keyholder:
            return option
        from softfall.provider.homomorphic.desk import HomomorphicDesk  # only where it is used

        self.homomorphic = HomomorphicDesk(
            self.settings,
            custodian,
            around.keyholder,
            around.metrics.registry,
            around.log,
            around.deal_homomorphic,
            lambda: self.epochs.manifests_in_use() if self.epochs else [],
        )
        return option.matching(self.homomorphic.match)

    def _reach_enclave(self, around: Surroundings) -> None:
        if around.enclave is None or around.custodian is None or self.epochs is None:
            return
        settings = self.settings
        self.enclave = EnclaveWay(around.enclave, settings.enclave_timeout_seconds)
        custodian = Link(around.custodian, "custodian", CustodianUnavailable)
        seconds = settings.custodian_timeout_seconds
        self._carrier = ListCarrier(self.enclave, custodian, seconds, self.epochs, around.log)

    def _make_report_desk(self, hasher: Hasher, window_ms: int) -> ReportDesk:
        option, settings = self.option, self.settings
        evidence = {option.name: option.evidence} if option and option.evidence else {}
        if self.mirror is not None:
            from softfall.provider.list_evidence import with_maps  # only where there is a list

            evidence[ON_DEVICE] = with_maps(self.mirror)
        evidence = {name: of_videos(checks) for name, checks in evidence.items()}
        examiner = Examiner(evidence, hasher, settings.report_compare_seconds)
        folder = settings.data_dir / "reports"
        return ReportDesk(self.db, folder, window_ms, examiner, self.outbox)

    def _make_clearance_desk(self, ports: Ports) -> ClearanceDesk | None:
        """What answers before a message is sent, where the option's devices ask first."""
        if not (self.option and self.option.clears and self.epochs and self.confirm):
            return None
        per_day = self.settings.clearances_per_day
        return ClearanceDesk(
            self.db, self.epochs, self.confirm, ports, self.clock, per_day, self.outbox
        )

    def _make_judge(self, around: Surroundings, ports: Ports) -> Judge:
        epochs = self.epochs
        bench = Bench(
            half=lambda epoch: epochs.half(epoch) if epochs else None,
            ports=ports,
            outage_rule=self.settings.custodian_outage_rule,
            confirm=self.confirm.decide if self.confirm else None,
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
            self.outbox,
            Keepers(self.db, secrets.randbelow(2**31 - 1) + 1),
        )

    def _make_desk(self) -> FrontDesk:
        rules = Rules(
            option=self.settings.option,
            clock_skew_ms=seconds_ms(self.settings.clock_skew_seconds),
            receipt_key_ms=days_ms(self.settings.receipt_key_days),
            restricted_may_not_send=self.settings.restricted_may_not_send,
            media_per_day=self.settings.media_per_day,
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
            self.enclave,
        )

    def _make_facts(self, around: Surroundings) -> EntryFactsWay | None:
        """The way to what the custodian says of its entries."""
        if around.custodian is None:
            return None
        link = Link(around.custodian, "custodian", CustodianUnavailable)
        seconds = self.settings.custodian_timeout_seconds
        return EntryFactsWay(link, asyncio.get_running_loop(), seconds)

    def _make_surfaces(self, hasher: Hasher, facts: EntryFactsWay | None) -> SurfaceDesk | None:
        """What checks what is public, where a match can open a case."""
        if not (self.settings.surface_token and self.outbox.enabled and facts):
            return None
        words = Words.read(self.settings.surface_words_file)
        return SurfaceDesk(self.db, hasher, facts, words, self.outbox.hand_over, self.clock)

    def _make_handover(self, around: Surroundings, facts: FactsWay | None) -> Handover | None:
        """What hands over to casework, where there is one."""
        if not self.settings.console_url:
            return None
        return Handover(
            self.db,
            self.outbox,
            around.console or Console.of(self.settings),
            facts,
            Pictures(self.db, self.outbox, self.reports),
            self.clock,
            self.figures,
            around.log,
        )
