"""The console put together: every part made once, on one database.

Guarantees: what is on disk decides what happens at a start; nothing is opened before that. What
goes on by itself (decisions brought to the provider, referrals sent, the clock, retention,
checkpoints) goes on in each process, and is safe to go on in several.
"""

import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from softfall.audit.keeping import Keeper, keeper_of
from softfall.audit.keys import load_or_make_key
from softfall.casework.bundle import Signer
from softfall.casework.database import casework_url, open_casework
from softfall.casework.desk import CaseDesk
from softfall.casework.enactor import Enactor
from softfall.casework.evidence import master_key, retention
from softfall.casework.evidence.views import Views
from softfall.casework.hotline.outbox import BothWays, HotlineOutbox
from softfall.casework.hotline.sending import HotlineSender
from softfall.casework.referral.client import Client
from softfall.casework.referral.evidence_casefile import EvidenceCaseFile
from softfall.casework.referral.referrals import Referrals
from softfall.casework.referral.sending import Sender
from softfall.config import ConsoleSettings, Settings
from softfall.console.callers import Callers
from softfall.console.clock import Clock, system_clock
from softfall.console.login import FrontDoor
from softfall.console.oidc import OidcMisconfigured, OidcWay
from softfall.console.passwords import Passwords
from softfall.console.provider_health import ProviderHealth
from softfall.console.rounds import Round, Rounds
from softfall.console.sessions import Sessions
from softfall.console.staff import StaffOffice
from softfall.console.viewing import Viewing
from softfall.edge.confined import PictureLimits
from softfall.edge.console_tokens import read_console_token
from softfall.edge.logs import Logger, make_logger
from softfall.edge.rendering import RendererProcess
from softfall.edge.tls import client_context
from softfall.store.transactions import Database, alive

_MINUTE_MS = 60_000
_PROVIDER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Around:
    """What the console is given from outside.

    clock: Unix milliseconds. passwords: how they are hashed. provider: the way to the provider's
    service, oidc: to the OIDC provider; those of the settings unless given. rounds: whether work
    goes on by itself.
    """

    clock: Clock = system_clock
    passwords: Passwords = field(default_factory=Passwords)
    log: Logger = field(default_factory=lambda: make_logger("console"))
    provider: httpx.Client | None = None
    oidc: httpx.Client | None = None
    rounds: bool = True


class ConsoleService:
    """Everything that the routes use.

    db: casework's. door, sessions, office: staff. desk: cases. vault, views: evidence. viewing:
    opens it for people. referrals: drafts and their state. ways: by which referrals
    go out. keeper: checkpoints of the log.
    """

    def __init__(self, settings: Settings, around: Around) -> None:
        console, casework = settings.console, settings.casework
        self.settings = settings
        self.clock = around.clock
        self.log = around.log
        self.provider_token = read_console_token(console.tls_dir)
        self.provider = around.provider or _provider_client(settings)
        self.provider_health = ProviderHealth(self.provider, self.clock)
        self.callers = Callers()
        self.db: Database = open_casework(casework_url(console))
        self._make_door(around.passwords)
        self.oidc = self._make_oidc(around.oidc)
        self.vault = master_key.open_vault(self.db, console.data_dir / master_key.FILE)
        self.views = Views(self.vault, casework)
        limits = PictureLimits(casework.hasher_max_pixels, casework.hasher_memory_mib << 20)
        self.viewing = Viewing(self.db, self.clock, self.views, RendererProcess(limits))
        self._casefile = EvidenceCaseFile(self.vault, second_reader=casework.second_reader)
        self.referrals = Referrals(
            self.db, self.clock, settings.referral, self._casefile,
            second_reader=casework.second_reader,
        )  # fmt: skip
        key = load_or_make_key(console.data_dir)
        self._signer = Signer(key.public_key, key.sign)
        self.hotline = HotlineOutbox(
            self.db, self.clock, (settings.hotline, settings.referral), self._casefile,
            self.referrals,
        )  # fmt: skip
        self.ways = BothWays(self.referrals, self.hotline)
        self.desk = CaseDesk(self.db, self.clock, casework, self.vault, self.ways)
        self.keeper: Keeper = keeper_of(key, console.data_dir, settings.audit)
        self._rounds = Rounds(self._work() if around.rounds else [], self.log)

    def health(self) -> dict[str, str | int | bool]:
        """Raises what the database does."""
        alive(self.db)
        return {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs, so does what the console does by itself."""
        self._rounds.start()
        try:
            yield
        finally:
            self._rounds.stop()
            self.provider.close()
            self.db.close()

    def _make_door(self, passwords: Passwords) -> None:
        console = self.settings.console
        idle_ms = round(console.session_idle_minutes * _MINUTE_MS)
        longest_ms = round(console.session_hours * 60 * _MINUTE_MS)
        self.sessions = Sessions(self.db, self.clock, idle_ms, longest_ms)
        self.door = FrontDoor(self.db, self.clock, self.sessions, passwords)
        self.office = StaffOffice(self.db, self.clock, self.sessions, passwords)

    def _make_oidc(self, client: httpx.Client | None) -> OidcWay | None:
        """The way to the OIDC provider, where one is set. Raises OidcMisconfigured."""
        console = self.settings.console
        if not console.oidc_issuer:
            return None
        return OidcWay(self.db, self.clock, console, client or _oidc_client(console))

    def _work(self) -> list[Round]:
        """What goes on by itself; a round that had something to do is followed by the next."""
        settings = self.settings
        enactor = Enactor(self.db, self.provider, self.clock, secrets.token_hex(8))
        authority = Client(settings.referral) if settings.referral.cybertipline_url else None
        sender = Sender(self.db, self.clock, authority, self._casefile)
        letters = HotlineSender(self.db, self.clock, settings.hotline, self._casefile, self._signer)
        return [
            Round("bring enactments", 1.0, enactor.run_once),
            Round("send referrals", 2.0, sender.run_once),
            Round("send referrals by e-mail", 2.0, letters.run_once),
            Round("casework clock", 30.0, self.desk.tick),
            Round("sign checkpoints", 60.0, self._checkpoint),
            Round("delete evidence", 600.0, self._delete_evidence),
            Round("tidy sessions", 600.0, self.door.forget_old),
        ]

    def _checkpoint(self) -> None:
        with self.db.write() as tx:
            self.keeper.take_if_due(tx, self.clock())

    def _delete_evidence(self) -> None:
        retention.run_once(self.db, self.settings.casework, self.clock)


def _oidc_client(console: ConsoleSettings) -> httpx.Client:
    """The way to the OIDC provider: public authorities, or those of the settings alone."""
    trusted: ssl.SSLContext | bool = True
    if console.oidc_ca_file:
        try:
            trusted = ssl.create_default_context(cafile=console.oidc_ca_file)
        except (OSError, ssl.SSLError):
            raise OidcMisconfigured(f"{console.oidc_ca_file} can't be used") from None
    return httpx.Client(verify=trusted, timeout=_PROVIDER_SECONDS, trust_env=False)


def _provider_client(settings: Settings) -> httpx.Client:
    """The way to the provider: its own authority alone, with the staff token."""
    console = settings.console
    trusted: ssl.SSLContext = client_context(console.tls_dir)
    shown = {"authorization": f"Bearer {console.staff_token}"} if console.staff_token else {}
    return httpx.Client(
        base_url=console.provider_url, verify=trusted, headers=shown, timeout=_PROVIDER_SECONDS,
        trust_env=False,
    )  # fmt: skip
