"""Enacting what casework decided: holds moved, an account warned or restricted, people told.

Guarantees: all of a decision in one transaction, or nothing; the same enactment again is the same
answer and changes nothing. Each hold's move is on record with who decided. A hold that had moved
before is answered as it is, and what else was decided still holds.
Told are: the sender of what was decided; recipients of what was blocked; who reported. Nobody is
told of a referral, of a reason in staff's words, of who reported, or of a decision that changes
nothing for them.
Refuses: an account, a hold or a report that is not here, by name; an enactment id used again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from softfall.casework.incoming import Enacted, Enactment, HeldMessage
from softfall.casework.model import Outcome
from softfall.errors import RefusedError
from softfall.messaging.notices import NoticeKind, Told
from softfall.provider import restrictions
from softfall.provider.accounts import Account, find
from softfall.provider.casework_tables import enactments
from softfall.provider.keys import UnknownAccount
from softfall.provider.life import Actor, State
from softfall.provider.mail import Decision, move
from softfall.provider.notices import News, tell
from softfall.provider.reported import ReportUnknown
from softfall.provider.staff import ENDS, EnvelopeUnknown
from softfall.provider.tables import accounts, envelopes, payloads, reports
from softfall.provider.telling import report_id_of
from softfall.store.transactions import Database

_MOVERS = {  # who moves what: (round, where it is, where it goes); nothing else moves
    ("decision", State.HELD, State.RELEASED): Actor.MODERATOR,
    ("decision", State.HELD, State.BLOCKED): Actor.MODERATOR,
    ("appeal", State.HELD, State.RELEASED): Actor.MODERATOR,
    ("appeal", State.HELD, State.BLOCKED): Actor.MODERATOR,
    ("appeal", State.BLOCKED, State.RELEASED): Actor.APPEAL,
}
_TOLD = {
    Outcome.RELEASE: Told.DELIVERED,
    Outcome.BLOCK: Told.BLOCKED,
    Outcome.REFER: Told.AGAINST_RULES,  # a referral is the authority's business, nobody else's
    Outcome.WARN: Told.WARNED,
    Outcome.RESTRICT: Told.RESTRICTED,
    Outcome.NO_ACTION: Told.NO_ACTION,
}
_NOTHING_DONE = frozenset({Outcome.NO_ACTION, Outcome.RELEASE})


class EnactmentReused(RefusedError):
    """Another decision was enacted under this id."""

    remedy = "Give each decision an id of its own; the same id only to repeat the same decision."


@dataclass(frozen=True, slots=True)
class Done:
    """The answer; whose mailboxes grew, who has news, and which moves to count."""

    enacted: Enacted
    woken: frozenset[int] = frozenset()
    moves: tuple[tuple[State, Actor], ...] = ()


@dataclass(slots=True)
class _Work:
    """One enactment on its way through its transaction."""

    tx: Connection
    asked: Enactment
    now_ms: int
    late: list[tuple[HeldMessage, str]] = field(default_factory=list)
    moved: list[tuple[Row[Any], State, Actor]] = field(default_factory=list)
    woken: set[int] = field(default_factory=set)
    news: list[News] = field(default_factory=list)


def enact(db: Database, asked: Enactment, now_ms: int) -> Done:
    """Do all that was decided.

    Raises EnactmentReused, UnknownAccount, EnvelopeUnknown, ReportUnknown.
    """
    digest = hashlib.sha256(asked.model_dump_json().encode()).digest()
    with db.write() as tx:
        known = tx.execute(
            select(enactments).where(enactments.c.enactment_id == asked.enactment_id)
        ).first()
        if known is not None:
            if known.body_sha256 != digest:
                raise EnactmentReused("another decision was enacted under this id")
            return Done(Enacted.model_validate_json(known.answer))
        work = _Work(tx, asked, now_ms)
        _move_holds(work)
        enacted = Enacted(enactment_id=asked.enactment_id, late=tuple(work.late))
        _record(work, enacted, digest)
        _act_on_account(work)
        _tell_recipients(work)
        _tell_reporters(work)
        for news in work.news:
            tell(tx, news, asked.enactment_id, now_ms)
    woken = work.woken | {news.account for news in work.news}
    return Done(enacted, frozenset(woken), tuple((end, who) for _, end, who in work.moved))


def _move_holds(work: _Work) -> None:
    asked = work.asked
    for position, hold in enumerate(asked.holds):
        row = _envelope(work.tx, hold.held)
        if row is None:
            raise EnvelopeUnknown(f"hold {position + 1} of {len(asked.holds)} is not one of ours")
        start, end = State(row.state), ENDS[hold.decision]
        who = _MOVERS.get((asked.round, start, end))
        if who is None or row.emptied_at_ms is not None:
            work.late.append((hold.held, start))
            continue
        decision = Decision(end, who, asked.reason or asked.outcome, decided_by=asked.decided_by)
        work.woken.update(move(work.tx, row.row, decision, work.now_ms))
        work.moved.append((row, end, who))


def _record(work: _Work, enacted: Enacted, digest: bytes) -> None:
    asked = work.asked
    work.tx.execute(
        insert(enactments).values(
            enactment_id=asked.enactment_id,
            body_sha256=digest,
            case_id=asked.case_id,
            decided_by=asked.decided_by,
            outcome=asked.outcome,
            answer=enacted.model_dump_json(),
            enacted_at_ms=work.now_ms,
        )
    )


def _act_on_account(work: _Work) -> None:
    """Warn, restrict or lift; and tell the account what became of it and of its messages."""
    asked, tx = work.asked, work.tx
    subject = find(tx, asked.subject)
    if subject is None:
        if asked.account_action != "none":
            raise UnknownAccount("the account that is to be acted on is not one of ours")
        return  # a case about something public need not be an account's
    news: list[News] = []
    if asked.account_action == "warn":
        news.append(_to(subject, work, NoticeKind.WARNED, Told.WARNED))
    elif asked.account_action == "restrict":
        until_ms = restrictions.restrict(
            tx, subject.row, asked.enactment_id, asked.restrict_days, work.now_ms
        )
        told = _to(subject, work, NoticeKind.RESTRICTED, Told.RESTRICTED, until_ms=until_ms)
        news.append(told)
    elif asked.account_action == "lift":
        restrictions.lift(tx, subject.row, work.now_ms)
        news.append(_to(subject, work, NoticeKind.LIFTED, Told.NO_ACTION))
    if asked.tell_subject:
        news = [*_about_messages(work, subject), *news]
        work.news += news or _about_nothing_else(work, subject)


def _about_messages(work: _Work, subject: Account) -> Iterable[News]:
    asked = work.asked
    if asked.round == "appeal":
        yield _to(subject, work, NoticeKind.APPEAL_DECIDED, _TOLD[asked.outcome])
        return
    for end, told in ((State.RELEASED, Told.DELIVERED), (State.BLOCKED, Told.BLOCKED)):
        ids = [
            row.envelope_id for row, to, _ in work.moved if to is end and row.sender == subject.row
        ]
        if ids:
            yield _to(subject, work, NoticeKind.DECIDED, told, envelopes=ids)


def _about_nothing_else(work: _Work, subject: Account) -> list[News]:
    """Where nothing moved and nothing was done, or it was done before and not told at the time."""
    asked, until_ms = work.asked, None
    if asked.outcome is Outcome.RESTRICT:
        until_ms = restrictions.until(work.tx, subject.row, work.now_ms)
    if until_ms is not None:
        return [_to(subject, work, NoticeKind.RESTRICTED, Told.RESTRICTED, until_ms=until_ms)]
    if asked.outcome is Outcome.WARN:
        return [_to(subject, work, NoticeKind.WARNED, Told.WARNED)]
    if asked.outcome not in _NOTHING_DONE:
        return [_to(subject, work, NoticeKind.DECIDED, Told.AGAINST_RULES)]
    # What the clock delivered before anybody decided is nobody's to notice.
    return [] if asked.holds else [_to(subject, work, NoticeKind.DECIDED, Told.NO_ACTION)]


def _tell_recipients(work: _Work) -> None:
    """Who was to have what is blocked: by its sender, and no word of what it was."""
    blocked: dict[tuple[int, int], list[bytes]] = {}
    for row, end, _ in work.moved:
        if end is State.BLOCKED:
            for recipient in _recipients(work.tx, row.row):
                blocked.setdefault((recipient, row.sender), []).append(row.envelope_id)
    for (recipient, sender), ids in blocked.items():
        name = work.tx.execute(select(accounts.c.name).where(accounts.c.row == sender)).scalar_one()
        values = {"account": name, "envelopes": list(ids)}
        work.news.append(News(recipient, NoticeKind.NOT_DELIVERED, Told.BLOCKED, values))


def _tell_reporters(work: _Work) -> None:
    asked = work.asked
    told = Told.NO_ACTION if asked.outcome in _NOTHING_DONE else Told.ACTED
    for reference in asked.reports:
        report_id = report_id_of(reference)
        row = work.tx.execute(
            select(reports.c.reporter).where(reports.c.report_id == report_id)
        ).first()
        if row is None:
            raise ReportUnknown("a report to be answered is not one of ours")
        values = {"account": asked.subject, "report_id": report_id}
        work.news.append(News(row.reporter, NoticeKind.REPORT_DECIDED, told, values))


def _to(subject: Account, work: _Work, kind: NoticeKind, told: Told, **values: Any) -> News:
    """News for the account that the decision is about, which may appeal."""
    appealable = kind in (NoticeKind.DECIDED, NoticeKind.WARNED, NoticeKind.RESTRICTED)
    until_ms = work.asked.appeal_until_ms if appealable else None
    return News(subject.row, kind, told, values, until_ms)


def _envelope(tx: Connection, held: HeldMessage) -> Row[Any] | None:
    return tx.execute(
        select(envelopes)
        .join(accounts, accounts.c.row == envelopes.c.sender)
        .where(
            accounts.c.name == held.sender,
            envelopes.c.envelope_id == bytes.fromhex(held.envelope_id),
        )
    ).first()


def _recipients(tx: Connection, envelope: int) -> Sequence[int]:
    named = select(payloads.c.account).where(payloads.c.envelope == envelope)
    return tx.execute(named.order_by(payloads.c.position)).scalars().all()
