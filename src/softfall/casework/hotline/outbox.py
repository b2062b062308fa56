"""Referrals by e-mail as people meet them: queued with the decision, taken back, looked up.

Guarantees: one is queued only in the transaction that makes a decision to refer final, with its
second reader where one is due, and only with words that a person approved; its words are fixed then
(whether a picture was viewed, too: as of that time, which it says). Nothing here talks to a mail
server: that is `sending`.
Refuses by name: what was not decided, or not approved; taking back what was sent. When made,
settings that could not send (`HotlineMisconfigured`).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from softfall.audit import trail
from softfall.casework import cases as case_rows
from softfall.casework.hotline import life
from softfall.casework.hotline.document import Decision, referral_document, to_json
from softfall.casework.hotline.life import MailEvent, MailState
from softfall.casework.hotline.mail import domain_of
from softfall.casework.hotline.tables import hotline_mails, hotline_steps
from softfall.casework.model import Outcome
from softfall.casework.referral.casefile import CaseFile
from softfall.casework.referral.referrals import ReferralNotDecided, Referrals
from softfall.casework.tables import decisions
from softfall.config import HotlineSettings, ReferralSettings
from softfall.errors import InputError
from softfall.store.transactions import Database

DOCUMENT: Final = "hotline referral"
_MAX_TOLD: Final = 400
_AUDITED = {
    MailEvent.QUEUE: "referral.mail_queued",
    MailEvent.ACCEPTED: "referral.mail_sent",
    MailEvent.REFUSED: "referral.mail_stopped",
    MailEvent.BEGIN_AGAIN: "referral.mail_begun_again",
    MailEvent.WITHDRAW: "referral.mail_withdrawn",
}


class MailUnknown(InputError):
    """There is no referral of this case by e-mail."""

    remedy = "Decide the case as a referral first; [hotline] must be configured then."


@dataclass(frozen=True, slots=True)
class MailStep:
    """One thing that happened to it."""

    at_ms: int
    who: str
    event: MailEvent
    end: MailState
    told: str


@dataclass(frozen=True, slots=True)
class MailStanding:
    """Where a referral by e-mail is. unsure: tries that may have arrived unconfirmed."""

    case_id: str
    state: MailState
    since_ms: int
    message_id: str
    failures: int
    unsure: int
    due_ms: int
    steps: tuple[MailStep, ...]


class HotlineOutbox:
    """Every case's referral by e-mail. clock: Unix time in milliseconds.

    Raises HotlineMisconfigured, where an address is set that nothing could be sent to.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], int],
        settings: tuple[HotlineSettings, ReferralSettings],
        casefile: CaseFile,
        referrals: Referrals,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings, self._service = settings
        self._casefile = casefile
        self._referrals = referrals
        if self._settings.email_to:
            domain_of(self._settings)

    def queue_sending(self, tx: Connection, case_id: str) -> MailState | None:
        """Let the referral out, in the transaction in which the decision became final.

        None where no hotline is configured. Raises ReferralNotDecided, ReferralNotApproved,
        DraftMoved.
        """
        if not self._settings.email_to:
            return None
        kept = _find(tx, case_id)
        if kept is not None:
            return MailState(kept.state)  # asked twice
        if not self._casefile.is_decided(tx, case_id):
            raise ReferralNotDecided("this case is not decided as a referral")
        now_ms = self._clock()
        decided = _decision(tx, case_id)
        edits = self._referrals.approved_edits(tx, case_id)
        document = referral_document(
            self._casefile.facts(tx, case_id), edits, _told(decided), self._service, now_ms
        )
        by = decided.second_reader or decided.proposed_by
        message_id = f"<{secrets.token_hex(16)}@{domain_of(self._settings)}>"
        trail.append(tx, now_ms, by, _AUDITED[MailEvent.QUEUE], case_id, {"message_id": message_id})
        born = life.move(None, MailEvent.QUEUE)
        row = tx.execute(
            insert(hotline_mails)
            .values(
                case_id=case_id, state=born.end, state_since_ms=now_ms, queued_by=by,
                queued_at_ms=now_ms, message_id=message_id,
                sealed_document=self._casefile.seal(tx, case_id, DOCUMENT, to_json(document)),
                failures=0, unsure=0, due_ms=now_ms, lease_until_ms=0,
            )
            .returning(hotline_mails.c.row)
        ).scalar_one()  # fmt: skip
        _step(tx, row, now_ms, by, None, MailEvent.QUEUE, born.end, "decided, and approved")
        return born.end

    def withdraw(self, case_id: str, who: str, why: str) -> None:
        """Take it back before it is sent. Raises MailUnknown, UnknownMailMove."""
        with self._db.write() as tx:
            self.withdraw_in(tx, case_id, who, why)

    def withdraw_in(self, tx: Connection, case_id: str, who: str, why: str) -> None:
        """`withdraw`, in the caller's transaction; nothing to do where there is none."""
        row = _find(tx, case_id)
        if row is not None and row.state != MailState.WITHDRAWN:
            apply(tx, row, MailEvent.WITHDRAW, who, why, self._clock())

    def begin_again(self, case_id: str, who: str, why: str) -> None:
        """A person has mended what stopped it. Raises MailUnknown, UnknownMailMove."""
        now_ms = self._clock()
        with self._db.write() as tx:
            row = _find(tx, case_id)
            if row is None:
                raise MailUnknown("there is no referral of this case by e-mail")
            apply(tx, row, MailEvent.BEGIN_AGAIN, who, why, now_ms, due_ms=now_ms, failures=0)

    def status(self, case_id: str) -> MailStanding | None:
        """Where it is, and every step; None where there is none."""
        with self._db.read() as tx:
            row = _find(tx, case_id)
            return None if row is None else _standing(tx, row)

    def attention(self) -> list[MailStanding]:
        """Those that wait for a person, oldest first."""
        wanted = select(hotline_mails).where(hotline_mails.c.state == MailState.STOPPED)
        with self._db.read() as tx:
            rows = tx.execute(wanted.order_by(hotline_mails.c.state_since_ms)).all()
            return [_standing(tx, row) for row in rows]


class BothWays:
    """A referral's ways out, for the desk: to the authority's interface, and by e-mail."""

    def __init__(self, authority: Referrals, hotline: HotlineOutbox) -> None:
        self._authority = authority
        self._hotline = hotline

    def approve_in(self, tx: Connection, case_id: str, who: str, digest: str) -> None:
        """`Referrals.approve_in`: one approval is for both."""
        self._authority.approve_in(tx, case_id, who, digest)

    def queue_sending(self, tx: Connection, case_id: str) -> object:
        """Let it out on each way that is configured."""
        self._hotline.queue_sending(tx, case_id)
        return self._authority.queue_sending(tx, case_id)

    def withdraw_in(self, tx: Connection, case_id: str, who: str, why: str) -> object:
        """Take it back on each way that still lets it."""
        try:
            return self._authority.withdraw_in(tx, case_id, who, why)
        finally:
            self._hotline.withdraw_in(tx, case_id, who, why)


def apply(
    tx: Connection,
    row: Row[Any],
    event: MailEvent,
    who: str,
    told: str,
    now_ms: int,
    **changes: Any,
) -> MailState:
    """Move it along its life, with its step and its line of the audit log. Raises UnknownMailMove.

    changes: columns of `hotline_mails`.
    """
    end = life.move(MailState(row.state), event).end
    tx.execute(
        update(hotline_mails)
        .where(hotline_mails.c.row == row.row)
        .values(state=end, state_since_ms=now_ms, **changes)
    )
    _step(tx, row.row, now_ms, who, row.state, event, end, told)
    if event in _AUDITED:
        trail.append(tx, now_ms, who, _AUDITED[event], row.case_id, {"told": told[:_MAX_TOLD]})
    return end


def _step(
    tx: Connection,
    mail: int,
    now_ms: int,
    who: str,
    start: str | None,
    event: MailEvent,
    end: MailState,
    told: str,
) -> None:
    tx.execute(
        insert(hotline_steps).values(
            mail=mail, at_ms=now_ms, who=who, start=start, event=event, end=end,
            told=told[:_MAX_TOLD],
        )
    )  # fmt: skip


def _find(tx: Connection, case_id: str) -> Row[Any] | None:
    return tx.execute(select(hotline_mails).where(hotline_mails.c.case_id == case_id)).one_or_none()


def _decision(tx: Connection, case_id: str) -> Row[Any]:
    """The final decision to refer, which `is_decided` has seen."""
    case = case_rows.find(tx, case_id)
    return tx.execute(
        select(decisions).where(
            decisions.c.case == case.row,
            decisions.c.outcome == Outcome.REFER,
            decisions.c.state == "final",
        )
    ).one()


def decision_of(tx: Connection, case_id: str) -> Decision:
    """What a referral says of the decision to refer, which is final."""
    return _told(_decision(tx, case_id))


def _told(decided: Row[Any]) -> Decision:
    second_reader = decided.second_reader is not None
    return Decision(decided.final_at_ms, decided.policy_ref, second_reader)


def _standing(tx: Connection, row: Row[Any]) -> MailStanding:
    wanted = select(hotline_steps).where(hotline_steps.c.mail == row.row)
    steps = tx.execute(wanted.order_by(hotline_steps.c.row))
    return MailStanding(
        row.case_id, MailState(row.state), row.state_since_ms, row.message_id, row.failures,
        row.unsure, row.due_ms,
        tuple(
            MailStep(s.at_ms, s.who, MailEvent(s.event), MailState(s.end), s.told) for s in steps
        ),
    )  # fmt: skip
