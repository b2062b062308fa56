"""What the clock does: holds that nobody decided, retention, and what is no longer needed.

Guarantees: each step is one transaction, safe to repeat and to be killed in; a confirmed hold is
never released here, only shown to a lead. Every time limit is a setting or a constant named here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update

from softfall.config import ProviderSettings
from softfall.edge.logs import Logger, failure
from softfall.errors import OperatorError
from softfall.provider import clearances, notices, service_keys, surfaces, verdicts, vouchers
from softfall.provider.attachments import AttachmentStore
from softfall.provider.bell import Bell
from softfall.provider.clock import Clock, days_ms, hours_ms
from softfall.provider.figures import Figures
from softfall.provider.life import EXPIRY_WHY, Actor, HoldKind, Overdue, State, overdue
from softfall.provider.mail import Decision, empty, move
from softfall.provider.outbox import Outbox
from softfall.provider.tables import envelopes, epochs
from softfall.store.transactions import Database

ROUND_SECONDS = 5.0


class RetentionTooShort(OperatorError):
    """Holds would be deleted before their time-out could release them."""

    remedy = "Set provider.held_retention_days to more than provider.hold_timeout_hours."


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that upkeep keeps, in milliseconds."""

    hold_timeout_ms: int
    held_retention_ms: int
    report_window_ms: int
    receipt_key_ms: int

    @classmethod
    def of(cls, settings: ProviderSettings) -> "Limits":
        """From the configuration. Raises RetentionTooShort."""
        limits = cls(
            hold_timeout_ms=hours_ms(settings.hold_timeout_hours),
            held_retention_ms=days_ms(settings.held_retention_days),
            report_window_ms=days_ms(settings.report_window_days),
            receipt_key_ms=days_ms(settings.receipt_key_days),
        )
        if limits.held_retention_ms <= limits.hold_timeout_ms:
            raise RetentionTooShort("a hold's retention ends before its time-out")
        return limits


class Upkeep:
    """One round after the other, in a thread of its own."""

    def __init__(
        self,
        db: Database,
        attachments: AttachmentStore,
        bell: Bell,
        clock: Clock,
        limits: Limits,
        figures: Figures,
        log: Logger,
        outbox: Outbox,
    ) -> None:
        self._db = db
        self._attachments = attachments
        self._bell = bell
        self._clock = clock
        self._limits = limits
        self._figures = figures
        self._log = log
        self._outbox = outbox
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """Everything that is due by now; one step's fault does not keep back the others."""
        steps: tuple[Callable[[int], None], ...] = (
            self._time_out_holds,
            self._expire_holds,
            self._empty_blocked,
            self._attachments.collect_orphans,
            self._forget,
            self._count_holds,
            lambda _: self._db.truncate_log(),
        )
        for step in steps:
            try:
                step(self._clock())
            except Exception as error:  # a full disk, say: the next round tries again
                self._figures.storage_faults.inc()
                self._log.error("upkeep failed", **failure(error))

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            self.round()

    def _held_before(self, before_ms: int) -> list[tuple[int, HoldKind]]:
        due = select(envelopes.c.row, envelopes.c.hold_kind).where(
            envelopes.c.state == State.HELD,
            envelopes.c.state_since_ms <= before_ms,
            envelopes.c.escalated_at_ms.is_(None),
        )
        with self._db.read() as tx:
            return [(row.row, HoldKind(row.hold_kind)) for row in tx.execute(due)]

    def _time_out_holds(self, now_ms: int) -> None:
        for envelope, kind in self._held_before(now_ms - self._limits.hold_timeout_ms):
            rule = overdue(kind)
            with self._db.write() as tx:
                here = (envelopes.c.row == envelope, envelopes.c.state == State.HELD)
                if tx.execute(select(envelopes.c.row).where(*here)).first() is None:
                    continue  # a moderator was faster
                if rule.then is Overdue.ESCALATE:
                    tx.execute(update(envelopes).where(*here).values(escalated_at_ms=now_ms))
                    self._outbox.moved(tx, envelope, None, now_ms)
                    continue
                decision = Decision(State.RELEASED, Actor.CLOCK, rule.why)
                grown = move(tx, envelope, decision, now_ms)
                self._outbox.moved(tx, envelope, State.RELEASED, now_ms)
            self._figures.moves.labels(State.RELEASED, Actor.CLOCK).inc()
            self._bell.ring(grown)

    def _expire_holds(self, now_ms: int) -> None:
        before_ms = now_ms - self._limits.held_retention_ms
        for envelope in self._in_state(State.HELD, before_ms):
            with self._db.write() as tx:
                here = (envelopes.c.row == envelope, envelopes.c.state == State.HELD)
                if tx.execute(select(envelopes.c.row).where(*here)).first() is None:
                    continue  # a moderator was faster
                move(tx, envelope, Decision(State.EXPIRED, Actor.CLOCK, EXPIRY_WHY), now_ms)
                self._outbox.moved(tx, envelope, State.EXPIRED, now_ms)
                file = empty(tx, envelope, now_ms)
            self._figures.moves.labels(State.EXPIRED, Actor.CLOCK).inc()
            self._attachments.drop_files([file] if file else [])

    def _empty_blocked(self, now_ms: int) -> None:
        before_ms = now_ms - self._limits.held_retention_ms
        for envelope in self._in_state(State.BLOCKED, before_ms):
            with self._db.write() as tx:
                file = empty(tx, envelope, now_ms)
            self._attachments.drop_files([file] if file else [])

    def _in_state(self, state: State, before_ms: int) -> list[int]:
        due = select(envelopes.c.row).where(
            envelopes.c.state == state,
            envelopes.c.state_since_ms <= before_ms,
            envelopes.c.emptied_at_ms.is_(None),
        )
        with self._db.read() as tx:
            return list(tx.execute(due).scalars())

    def _forget(self, now_ms: int) -> None:
        """Vouchers, receipt keys and envelopes that nothing can refer to any more."""
        window_ms = self._limits.report_window_ms
        with self._db.write() as tx:
            vouchers.forget(tx, now_ms)
            verdicts.forget(tx, now_ms)
            surfaces.forget(tx, now_ms)
            clearances.forget(tx, now_ms, self._limits.held_retention_ms)
            notices.forget(tx, now_ms, now_ms - window_ms)
            self._outbox.forget(tx, now_ms - window_ms - self._limits.held_retention_ms)
            oldest_ms = now_ms - window_ms - self._limits.receipt_key_ms
            service_keys.forget_receipt_keys(tx, oldest_ms)
            tx.execute(delete(envelopes).where(envelopes.c.emptied_at_ms < now_ms - window_ms))
            tx.execute(delete(epochs).where(epochs.c.expires_at_ms < now_ms - window_ms))

    def _count_holds(self, _: int) -> None:
        counting = (
            select(envelopes.c.hold_kind, func.count())
            .where(envelopes.c.state == State.HELD)
            .group_by(envelopes.c.hold_kind)
        )
        with self._db.read() as tx:
            counted = {row[0]: row[1] for row in tx.execute(counting)}
        for kind in HoldKind:
            self._figures.holds.labels(kind).set(counted.get(kind, 0))
