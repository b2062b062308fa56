"""Moving a referral along its life inside the caller's transaction, each move written down.

Guarantees: a move, its row of `referral_steps` and its line of the audit log are there together or
not at all; a move that `life` does not know changes nothing.
"""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from softfall.audit import trail
from softfall.audit.chain import Detail
from softfall.casework.referral import life
from softfall.casework.referral.life import Event, State
from softfall.casework.referral.replies import Reply
from softfall.casework.referral.tables import referral_files, referral_steps, referrals
from softfall.errors import InputError

SENDER = "sender"

_AUDITED = {
    State.QUEUED: "referral.queued",
    State.FINISHED: "referral.sent",
    State.STOPPED: "referral.stopped",
    State.WITHDRAWN: "referral.withdrawn",
    State.DRAFT: "referral.reopened",
}


_TOLD = frozenset({Event.FILES_DIFFER, Event.VIEWED_SINCE})


class ReferralUnknown(InputError):
    """Nobody has drafted a referral of this case."""

    remedy = "Open the case's referral draft first."


def find(tx: Connection, case_id: str) -> Row[Any]:
    """A case's referral. Raises ReferralUnknown."""
    row = tx.execute(select(referrals).where(referrals.c.case_id == case_id)).one_or_none()
    if row is None:
        raise ReferralUnknown("this case has no referral yet")
    return row


def found(tx: Connection, row: int) -> Row[Any]:
    """A referral by its number, as it is now."""
    return tx.execute(select(referrals).where(referrals.c.row == row)).one()


def files(tx: Connection, row: int) -> list[Row[Any]]:
    """Its files, in the order in which they are sent."""
    wanted = referral_files.c.referral == row
    return list(
        tx.execute(select(referral_files).where(wanted).order_by(referral_files.c.position))
    )


def apply(
    tx: Connection,
    row: Row[Any],
    event: Event,
    who: str,
    now_ms: int,
    told: str,
    reply: Reply | None = None,
    **changes: Any,
) -> State:
    """Move it, and write down who, what, when and what was answered; the state that it is in now.

    told: one sentence, without content. Raises UnknownReferralMove.
    """
    start = State(row.state)
    end = life.move(start, event).end
    report_id = changes.get("report_id", row.report_id)
    values = {"state": end, "state_since_ms": now_ms, "note": _note(end, event), **changes}
    tx.execute(update(referrals).where(referrals.c.row == row.row).values(values))
    tx.execute(
        insert(referral_steps).values(
            referral=row.row,
            at_ms=now_ms,
            who=who,
            start=start,
            event=event,
            end=end,
            report_id=report_id,
            http_status=None if reply is None else reply.http_status,
            code=None if reply is None else reply.code,
            request_id=None if reply is None else reply.request_id or None,
            told=told,
        )
    )
    if end in _AUDITED and end is not start:
        details: dict[str, Detail] = {"event": str(event), "told": told[:200]}
        details["report_id"] = report_id
        trail.append(tx, now_ms, who, _AUDITED[end], row.case_id, details)
    return end


def take_back(tx: Connection, row: Row[Any], who: str, why: str, now_ms: int) -> State | None:
    """Withdraw it now, or as soon as the question in flight is answered; None where it is too late.

    Also what a flag left by an earlier withdrawal comes to.
    """
    state = State(row.state)
    if life.is_known(state, Event.WITHDRAW):
        return apply(tx, row, Event.WITHDRAW, who, now_ms, why, withdraw_by=None, due_ms=now_ms)
    if state in {State.OPENING, State.UPLOADING, State.DESCRIBING}:
        tx.execute(update(referrals).where(referrals.c.row == row.row).values(withdraw_by=who))
        return state
    return None


def _note(end: State, event: Event) -> str | None:
    """What a person is shown beside the state."""
    if end is State.STOPPED or event in _TOLD:
        return event
    return None
