"""Notices: telling accounts what a person has decided, and taking their appeals.

Guarantees: a notice is written in the transaction of the decision that it tells of; nothing is told
before. It holds kinds and values alone: no reason that staff wrote, nobody's name but that of whose
messages it is about. A decision is appealed in time, once, by the account that it was about; the
same appeal again is the same answer.
Refuses: each by name, and with nothing changed.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from softfall.casework.incoming import AppealMade
from softfall.errors import InputError, RefusedError
from softfall.messaging.notices import (
    MAX_NOTICES,
    NOTICE,
    NOTICE_ID_BYTES,
    NOTICES,
    NoticeKind,
    Told,
)
from softfall.provider.accounts import Account
from softfall.provider.casework_tables import enactments, notices
from softfall.provider.outbox import Outbox
from softfall.store.transactions import Database
from softfall.wire import Value


class NoticeUnknown(InputError):
    """This account has no such notice."""

    remedy = "Appeal by the notice_id of a notice that GET /v1/notices gave this account."


class NotAppealable(RefusedError):
    """What this notice tells can't be appealed."""

    remedy = "Appeal by the notice of the decision itself; it says until when that may be."


class AppealTimeOver(RefusedError):
    """The time to appeal this decision is over."""

    remedy = "Write to the service's operator; this way is closed."


class AppealedAlready(RefusedError):
    """This decision was appealed before."""

    remedy = "Wait for the answer: it comes as a notice."


@dataclass(frozen=True, slots=True)
class News:
    """What one account is to be told."""

    account: int
    kind: NoticeKind
    outcome: Told
    values: Mapping[str, Value] = field(default_factory=dict)
    appeal_until_ms: int | None = None


def tell(tx: Connection, news: News, enactment_id: str, now_ms: int) -> None:
    """Write one notice, in the transaction of its decision."""
    newest = select(func.max(notices.c.sequence)).where(notices.c.account == news.account)
    sequence = 1 + (tx.execute(newest).scalar() or 0)
    notice_id = secrets.token_bytes(NOTICE_ID_BYTES)
    values: dict[str, Value] = {
        "notice_id": notice_id,
        "sequence": sequence,
        "kind": news.kind,
        "told_at_ms": now_ms,
        "outcome": news.outcome,
        "envelopes": [],
        "appeal_until_ms": news.appeal_until_ms,
        **news.values,
    }
    tx.execute(
        insert(notices).values(
            notice_id=notice_id,
            account=news.account,
            sequence=sequence,
            enactment_id=enactment_id,
            body=NOTICE.encode(values),
            told_at_ms=now_ms,
            appeal_until_ms=news.appeal_until_ms,
        )
    )


def count(tx: Connection, account: int) -> int:
    """How many notices wait for an account."""
    mine = and_(notices.c.account == account, notices.c.acked_at_ms.is_(None))
    return int(tx.execute(select(func.count()).select_from(notices).where(mine)).scalar_one())


def read(db: Database, account: Account) -> bytes:
    """A `notices` message with the oldest that are not acknowledged."""
    mine = and_(notices.c.account == account.row, notices.c.acked_at_ms.is_(None))
    oldest = select(notices.c.body).where(mine).order_by(notices.c.sequence).limit(MAX_NOTICES)
    with db.read() as tx:
        bodies = tx.execute(oldest).scalars().all()
    return NOTICES.encode({"notices": [NOTICE.decode(body) for body in bodies]})


def acknowledge(db: Database, account: Account, through: int, now_ms: int) -> None:
    """The account's device has its notices up to this one for good."""
    mine = and_(
        notices.c.account == account.row,
        notices.c.sequence <= through,
        notices.c.acked_at_ms.is_(None),
    )
    with db.write() as tx:
        tx.execute(update(notices).where(mine).values(acked_at_ms=now_ms))


def appeal(
    db: Database, outbox: Outbox, account: Account, notice_id: bytes, text: str, now_ms: int
) -> None:
    """Hand one appeal over to casework.

    Raises NoticeUnknown, NotAppealable, AppealTimeOver, AppealedAlready.
    """
    digest = hashlib.sha256(text.encode()).digest()
    with db.write() as tx:
        decision = _appealable(tx, account, notice_id)
        if decision.appealed_at_ms is not None:
            if decision.appeal_sha256 == digest:
                return  # its answer was lost on the way
            raise AppealedAlready("this decision was appealed before")
        if now_ms > decision.appeal_until_ms:
            raise AppealTimeOver("the time to appeal this decision is over")
        mine = enactments.c.enactment_id == decision.enactment_id
        made = {"appealed_at_ms": now_ms, "appeal_sha256": digest}
        tx.execute(update(enactments).where(mine).values(made))
        outbox.appealed(
            tx,
            AppealMade(
                reference=f"appeal:{decision.enactment_id}",
                case_id=decision.case_id,
                account=account.name,
                text=text,
                at_ms=now_ms,
            ),
        )


def forget(tx: Connection, now_ms: int, before_ms: int) -> None:
    """Delete old notices that are acknowledged and can't be appealed any more."""
    over = or_(notices.c.appeal_until_ms.is_(None), notices.c.appeal_until_ms < now_ms)
    tx.execute(delete(notices).where(notices.c.acked_at_ms < before_ms, over))


def _appealable(tx: Connection, account: Account, notice_id: bytes) -> Row[Any]:
    found = tx.execute(
        select(enactments, notices.c.appeal_until_ms)
        .join(notices, notices.c.enactment_id == enactments.c.enactment_id)
        .where(notices.c.notice_id == notice_id, notices.c.account == account.row)
    ).first()
    if found is None:
        raise NoticeUnknown("this account has no such notice")
    if found.appeal_until_ms is None:
        raise NotAppealable("what this notice tells can't be appealed")
    return found
