"""Deleting evidence when its time is over, from the closing of its case; and what limits no longer
need.

Guarantees: evidence of a case that isn't closed is never deleted, nor under an active legal hold,
nor while a referral of the case is on its way. Deleting destroys the case's key and the ciphertext
in one transaction with a line of the audit log (evidence.deleted: how many pieces, which rule);
what remains is that there was a piece, of which kind, and when it went. Views and shifts go too,
once no limit needs them: the audit log alone remembers who looked.
Leaves to others: what the case's record says in words (`sources`, `decisions`), which stays.
Limit: see `vault`: back-ups made before, until the master key is rotated.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, exists, select

from softfall.audit import trail
from softfall.audit.chain import Detail
from softfall.casework.evidence.tables import (
    evidence_keys,
    legal_holds,
    shift_permits,
    shifts,
    views,
)
from softfall.casework.evidence.vault import forget_case
from softfall.casework.exposure import DAY_MS
from softfall.casework.model import CLOCK, CaseState, Outcome
from softfall.casework.referral.life import State as ReferralState
from softfall.casework.referral.tables import referrals
from softfall.casework.tables import cases, decisions
from softfall.config import CaseworkSettings
from softfall.store.transactions import Database
from softfall.store.wiping import wipe

AT_ONCE: Final = 100
VIEWS_KEPT_DAYS: Final = 2  # limits look back one day
SHIFTS_KEPT_DAYS: Final = 30
_STOOD: Final = ("final", "reversed")
_REFERRAL_RESTS: Final = (ReferralState.DRAFT, ReferralState.FINISHED, ReferralState.WITHDRAWN)


def retention_ms(outcomes: Iterable[Outcome], settings: CaseworkSettings) -> int:
    """How long evidence is kept after its case closed: the longest of its outcomes' times.

    A case that nobody decided (the clock released its hold) is kept as a released one.
    """
    kept_days = {
        Outcome.RELEASE: settings.retention_days_release,
        Outcome.NO_ACTION: settings.retention_days_no_action,
        Outcome.BLOCK: settings.retention_days_block,
        Outcome.WARN: settings.retention_days_warn,
        Outcome.RESTRICT: settings.retention_days_restrict,
        Outcome.REFER: settings.retention_days_refer,
    }
    return round(max(kept_days[each] for each in set(outcomes) or {Outcome.RELEASE}) * DAY_MS)


def run_once(db: Database, settings: CaseworkSettings, clock: Callable[[], int]) -> int:
    """Delete what is over now; the number of cases whose evidence went."""
    gone = 0
    with db.read() as tx:
        waiting = [row.row for row in _over(tx, settings, clock())]
    for case_row in waiting:
        with db.write() as tx:
            gone += _delete(tx, case_row, settings, clock())
    with db.write() as tx:
        _forget_views(tx, clock())
    if gone:
        wipe(db, evidence_keys.name)
    return gone


def _over(
    tx: Connection, settings: CaseworkSettings, now_ms: int, case_row: int | None = None
) -> list[Row[Any]]:
    """Cases whose evidence's time is over, oldest first."""
    held = exists().where(
        legal_holds.c.case_row == cases.c.row, legal_holds.c.lifted_at_ms.is_(None)
    )
    referred = exists().where(
        referrals.c.case_id == cases.c.case_id, referrals.c.state.not_in(_REFERRAL_RESTS)
    )
    shortest_ms = min(retention_ms([outcome], settings) for outcome in Outcome)
    wanted = (
        select(cases)
        .join(evidence_keys, evidence_keys.c.case_row == cases.c.row)
        .where(
            cases.c.state == CaseState.CLOSED,
            cases.c.closed_at_ms <= now_ms - shortest_ms,
            ~held,
            ~referred,
        )
        .order_by(cases.c.closed_at_ms, cases.c.row)
    )
    if case_row is not None:
        wanted = wanted.where(cases.c.row == case_row)
    over = list[Row[Any]]()
    for row in tx.execute(wanted):
        if row.closed_at_ms + retention_ms(_outcomes(tx, row.row), settings) <= now_ms:
            over.append(row)
        if len(over) == AT_ONCE:
            break
    return over


def _outcomes(tx: Connection, case_row: int) -> list[Outcome]:
    """What was decided and stood for a time; one that an appeal reversed counts as no action.

    A referral stays one: the authority has it.
    """
    stood = decisions.c.case == case_row, decisions.c.state.in_(_STOOD)
    rows = tx.execute(select(decisions.c.outcome, decisions.c.state).where(*stood))
    return [
        Outcome(row.outcome)
        if row.state == "final" or row.outcome == Outcome.REFER
        else Outcome.NO_ACTION
        for row in rows
    ]


def _delete(tx: Connection, case_row: int, settings: CaseworkSettings, now_ms: int) -> int:
    """Delete one case's evidence if it is still over; how many cases that were."""
    for row in _over(tx, settings, now_ms, case_row):
        outcomes = _outcomes(tx, row.row)
        pieces = forget_case(tx, row.row, now_ms)
        details: dict[str, Detail] = {
            "pieces": len(pieces),
            "outcomes": [str(outcome) for outcome in sorted(set(outcomes))],
            "kept_days": retention_ms(outcomes, settings) // DAY_MS,
        }
        trail.append(tx, now_ms, CLOCK, "evidence.deleted", row.case_id, details)
        return 1
    return 0


def _forget_views(tx: Connection, now_ms: int) -> None:
    tx.execute(delete(views).where(views.c.until_ms < now_ms - VIEWS_KEPT_DAYS * DAY_MS))
    long_ago_ms = now_ms - SHIFTS_KEPT_DAYS * DAY_MS
    tx.execute(delete(shifts).where(shifts.c.ends_at_ms < long_ago_ms))
    tx.execute(delete(shift_permits).where(shift_permits.c.given_at_ms < long_ago_ms))
