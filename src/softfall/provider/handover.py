"""Handing over to casework what the outbox holds, for ever, until casework has it.

Guarantees: each row is sent as the console's service takes it (casework/incoming.py), its pictures
after it; sent again after any failure, and harmless to be sent twice, since each has its own
reference. A console that is down is tried again after a growing pause; a row that it refuses steps
aside, is logged and counted, and is tried again every hour, so that it holds up nobody.
The list's word for a match is asked of the custodian on the way; where that stays away for
`FACTS_PATIENCE_MS`, the case goes without.
Refuses: to begin without the token of `console-provider.token`.
"""

import json
import threading
from collections.abc import Sequence
from typing import Final, Protocol

import httpx
from pydantic import ValidationError

from softfall.casework.incoming import Incoming, TakenIn
from softfall.config import ProviderSettings
from softfall.edge.console_tokens import read_console_token
from softfall.edge.logs import Logger, failure
from softfall.edge.tls import client_context
from softfall.errors import PeerError, UnavailableError
from softfall.lists.facts import EntryFacts
from softfall.provider.clock import Clock
from softfall.provider.figures import Figures
from softfall.provider.outbox import Due, Kind, Outbox
from softfall.provider.relay import CustodianUnavailable
from softfall.provider.reports import ReportDesk
from softfall.store.transactions import Database

LOOK_SECONDS: Final = 0.5
PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TIMEOUT_SECONDS: Final = 15.0
STOP_SECONDS: Final = 3.0  # a console that hangs must not keep the service from ending
REFUSED_MS: Final = 3_600_000
FACTS_PATIENCE_MS: Final = 600_000
FACTS_AGAIN_MS: Final = 5_000

_PATHS: Final = {
    Kind.CASE: "/v1/intake",
    Kind.MOVED: "/v1/intake/holds/moved",
    Kind.APPEAL: "/v1/intake/appeals",
}
# What the console says of the row itself; anything else is its own trouble, and passes.
_REFUSALS: Final = frozenset({400, 404, 409, 410, 413, 422})


class ConsoleUnreachable(UnavailableError):
    """The console's service gave no answer, or can't take anything in just now."""

    remedy = "Check provider.console_url and that `softfall serve console` runs; nothing is lost."


class HandoverRefused(PeerError):
    """The console's service does not take in what it was handed."""

    remedy = "Compare the versions of provider and console; it is tried again every hour."


class FactsWay(Protocol):
    """What is known of a list's entry."""

    def of(self, option: str, epoch: int, entry: int) -> EntryFacts | None:
        """None: no such entry. Raises CustodianUnavailable."""


class Console:
    """The way to the console's intake. Raises ConsoleUnreachable, HandoverRefused."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    def of(cls, settings: ProviderSettings) -> "Console":
        """From the configuration. Raises ConsoleTokenUnusable, TlsFilesUnusable."""
        token = read_console_token(settings.tls_dir)
        client = httpx.Client(
            base_url=settings.console_url,
            verify=client_context(settings.tls_dir),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            headers={"authorization": f"Bearer {token}", "user-agent": "softfall-provider"},
        )
        return cls(client)

    def post(self, path: str, body: str) -> bytes:
        """The answer's body."""
        headers = {"content-type": "application/json"}
        return self._call("POST", path, content=body.encode(), headers=headers)

    def put_picture(self, sha256: str, reference: str, body: bytes) -> None:
        """A picture of something that was taken in."""
        headers = {"content-type": "application/octet-stream"}
        path, query = f"/v1/intake/pictures/{sha256}", {"reference": reference}
        self._call("PUT", path, content=body, headers=headers, params=query)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _call(self, method: str, path: str, **request: object) -> bytes:
        try:
            answer = self._client.request(method, path, **request)  # type: ignore[arg-type]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ConsoleUnreachable(f"no answer: {type(error).__name__}") from None
        if answer.is_success:
            return answer.content
        name = _error_name(answer)
        if answer.status_code in _REFUSALS and name != "RouteUnknown":
            raise HandoverRefused(name)
        raise ConsoleUnreachable(f"the console answered {answer.status_code}")


class Pictures:
    """What is handed over as bytes: reported pictures, and those of other cases."""

    def __init__(self, db: Database, outbox: Outbox, reports: ReportDesk) -> None:
        self._db = db
        self._outbox = outbox
        self._reports = reports

    def read(self, sha256: bytes) -> bytes | None:
        """A picture's bytes; None where there are none."""
        for files in (self._reports.pictures, self._outbox.pictures):
            if files.has(sha256):
                return files.read(sha256)
        return None

    def drop(self, freed: Sequence[bytes]) -> None:
        """Delete those that nothing names any more."""
        self._reports.drop_unnamed(freed)
        with self._db.write() as tx:  # so that none is being named meanwhile
            for sha256 in self._outbox.unneeded(tx, freed):
                self._outbox.pictures.delete(sha256)


class Handover:
    """One worker, in a thread of its own; several processes may each have one."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        console: Console,
        facts: FactsWay | None,
        pictures: Pictures,
        clock: Clock,
        figures: Figures,
        log: Logger,
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._console = console
        self._facts = facts
        self._pictures = pictures
        self._clock = clock
        self._figures = figures
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="handover", daemon=True)

    def start(self) -> None:
        """Tell of what waits already, and begin."""
        with self._db.write() as tx:
            self._outbox.catch_up(tx, self._clock())
        self._thread.start()

    def stop(self) -> None:
        """Finish the row at hand, if the console answers soon; otherwise the next start does."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self._console.close()

    def round(self) -> None:
        """Hand over all that is due. Raises ConsoleUnreachable, StorageFull, StoreBusy."""
        while not self._stopping.is_set():
            with self._db.read() as tx:
                if not self._outbox.is_due(tx, self._clock()):
                    return
            with self._db.write() as tx:
                due = self._outbox.claim(tx, self._clock())
            if due is not None:
                self._hand_over(due)

    def _run(self) -> None:
        failed = 0
        while not self._stopping.wait(_pause_seconds(failed)):
            try:
                self.round()
                failed = 0
            except Exception as error:  # whatever it is: nothing is lost, and it is tried again
                failed += 1
                if failed == 1:
                    self._log.warning("handing over failed", **failure(error))
            self._count()

    def _hand_over(self, due: Due) -> None:
        try:
            self._send(due)
        except ConsoleUnreachable:
            self._later(due, 0)
            raise
        except CustodianUnavailable:
            self._later(due, FACTS_AGAIN_MS)
        except UnavailableError:
            raise  # of our own store: it was claimed, and comes up again by itself
        except Exception as error:  # of this row alone, whatever it is
            told = error.what if isinstance(error, HandoverRefused) else type(error).__name__
            self._log.error("a handover stays here", kind=due.kind, why=told)
            self._later(due, REFUSED_MS, told[:64])

    def _later(self, due: Due, wait_ms: int, refused: str | None = None) -> None:
        with self._db.write() as tx:
            self._outbox.later(tx, due, self._clock() + wait_ms, refused)

    def _send(self, due: Due) -> None:
        with self._db.read() as tx:
            body = self._outbox.body_of(tx, due)
        if due.kind is Kind.CASE:
            self._send_case(due, Incoming.model_validate_json(body))
        else:
            self._console.post(_PATHS[due.kind], body)
        with self._db.write() as tx:
            freed = self._outbox.done(tx, due, self._clock())
        self._pictures.drop(freed)

    def _send_case(self, due: Due, incoming: Incoming) -> None:
        told = self._with_facts(incoming)
        answer = self._console.post(_PATHS[Kind.CASE], told.model_dump_json())
        try:
            taken = TakenIn.model_validate_json(answer)
        except ValidationError:
            raise ConsoleUnreachable("the console's answer is not of its form") from None
        for sha256 in taken.wanted:
            picture = self._pictures.read(bytes.fromhex(sha256))
            if picture is None:
                self._log.error("casework wants a picture that is not here")
                continue
            with self._db.write() as tx:
                self._outbox.renew(tx, due, self._clock())
            self._console.put_picture(sha256, incoming.reference, picture)

    def _with_facts(self, incoming: Incoming) -> Incoming:
        facts = incoming.facts
        if self._facts is None or facts is None or facts.entry is None or not facts.epoch:
            return incoming
        try:
            known = self._facts.of(facts.option, facts.epoch, facts.entry)
        except CustodianUnavailable:
            if self._clock() - incoming.arrived_at_ms < FACTS_PATIENCE_MS:
                raise
            known = None
        if known is None:
            return incoming
        more = {
            "label": known.label[:200],
            "sources": known.sources,
            "certifiers": known.certifiers,
            "view": known.view,
            "whole": known.whole,
        }
        return incoming.model_copy(update={"facts": facts.model_copy(update=more)})

    def _count(self) -> None:
        try:
            with self._db.read() as tx:
                waiting, refused = self._outbox.waiting(tx)
        except UnavailableError:
            return
        self._figures.handovers.labels("waiting").set(waiting - refused)
        self._figures.handovers.labels("refused").set(refused)


def _pause_seconds(failed: int) -> float:
    return LOOK_SECONDS if not failed else PAUSES_SECONDS[min(failed, len(PAUSES_SECONDS)) - 1]


def _error_name(answer: httpx.Response) -> str:
    try:
        name = str(json.loads(answer.content)["error"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
    return name if name.isalpha() and len(name) <= 64 else str(answer.status_code)
