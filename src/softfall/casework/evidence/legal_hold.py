"""Legal holds: who keeps a case's evidence from being deleted, and why; all on record.

Guarantees: only people whom `casework.legal_hold_setters` names set and lift one; each step has a
reason and a line of the audit log; while any hold of a case is active its evidence is not deleted
(`retention`), and only a hold that says so withholds telling the account about a decision.
Refuses: anybody else, by name; no reason; evidence that is gone already.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from softfall.audit import trail
from softfall.audit.chain import Detail
from softfall.casework.evidence.tables import evidence_keys, legal_holds
from softfall.casework.evidence.vault import EvidenceGone
from softfall.casework.tables import cases
from softfall.config import CaseworkSettings
from softfall.errors import InputError, RefusedError

MIN_REASON: Final = 3
MAX_REASON: Final = 1_000


class NotALegalHoldSetter(RefusedError):
    """This person may not set or lift legal holds."""

    remedy = "Ask somebody whom casework.legal_hold_setters names."


class LegalHoldReasonMissing(InputError):
    """A legal hold without a reason, or with one that is too long."""

    remedy = f"Say why, in {MIN_REASON} to {MAX_REASON} characters: the order, and who made it."


class LegalHoldUnknown(InputError):
    """The case has no such legal hold, or it was lifted before."""

    remedy = "Look the case's legal holds up again."


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold as it was set. withholds_telling: the account is not told about decisions."""

    hold_id: int
    set_by: str
    set_at_ms: int
    reason: str
    withholds_telling: bool


def may_set(name: str, settings: CaseworkSettings) -> bool:
    """Whether the configuration names this member of staff."""
    return name in {each.strip() for each in settings.legal_hold_setters.split(",")} - {""}


def place(
    tx: Connection,
    case_row: int,
    by: str,
    reason: str,
    withholds_telling: bool,
    settings: CaseworkSettings,
    now_ms: int,
) -> LegalHold:
    """Keep a case's evidence until this hold is lifted. by: a member of staff's name.

    Raises NotALegalHoldSetter, LegalHoldReasonMissing, EvidenceGone.
    """
    reason = _checked(by, reason, settings)
    kept = select(evidence_keys.c.case_row).where(evidence_keys.c.case_row == case_row)
    if tx.execute(kept).first() is None:
        raise EvidenceGone("there is no evidence left that a legal hold could keep")
    hold_id: int = tx.execute(
        insert(legal_holds)
        .values(
            case_row=case_row,
            set_by=by,
            set_at_ms=now_ms,
            reason=reason,
            withholds_telling=withholds_telling,
        )
        .returning(legal_holds.c.row)
    ).scalar_one()
    _write_line(tx, now_ms, by, "legal_hold.set", case_row, hold_id, reason, withholds_telling)
    return LegalHold(hold_id, by, now_ms, reason, withholds_telling)


def lift(
    tx: Connection,
    case_row: int,
    hold_id: int,
    by: str,
    reason: str,
    settings: CaseworkSettings,
    now_ms: int,
) -> None:
    """End a hold; the evidence goes when its time is over, which may be now.

    Raises NotALegalHoldSetter, LegalHoldReasonMissing, LegalHoldUnknown.
    """
    reason = _checked(by, reason, settings)
    this = (
        legal_holds.c.row == hold_id,
        legal_holds.c.case_row == case_row,
        legal_holds.c.lifted_at_ms.is_(None),
    )
    found = tx.execute(select(legal_holds).where(*this)).one_or_none()
    if found is None:
        raise LegalHoldUnknown("the case has no such legal hold")
    lifted = {"lifted_by": by, "lifted_at_ms": now_ms, "lift_reason": reason}
    tx.execute(update(legal_holds).where(*this).values(lifted))
    withheld = found.withholds_telling
    _write_line(tx, now_ms, by, "legal_hold.lifted", case_row, hold_id, reason, withheld)


def active(tx: Connection, case_row: int) -> tuple[LegalHold, ...]:
    """A case's holds that are not lifted, oldest first; empty if there is none."""
    wanted = (
        select(legal_holds)
        .where(legal_holds.c.case_row == case_row, legal_holds.c.lifted_at_ms.is_(None))
        .order_by(legal_holds.c.row)
    )
    return tuple(map(_hold, tx.execute(wanted)))


def everywhere(tx: Connection) -> tuple[tuple[str, LegalHold], ...]:
    """Every hold that is not lifted, oldest first, each with its case's id."""
    wanted = (
        select(legal_holds, cases.c.case_id)
        .join(cases, cases.c.row == legal_holds.c.case_row)
        .where(legal_holds.c.lifted_at_ms.is_(None))
        .order_by(legal_holds.c.row)
    )
    return tuple((row.case_id, _hold(row)) for row in tx.execute(wanted))


def withholds_telling(tx: Connection, case_row: int) -> bool:
    """Whether an active hold says that the account is not to be told."""
    return any(hold.withholds_telling for hold in active(tx, case_row))


def _checked(by: str, reason: str, settings: CaseworkSettings) -> str:
    if not may_set(by, settings):
        raise NotALegalHoldSetter(f"{by} may not set or lift legal holds")
    reason = " ".join(reason.split())
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        raise LegalHoldReasonMissing("a legal hold needs a reason")
    return reason


def _write_line(
    tx: Connection,
    now_ms: int,
    by: str,
    action: str,
    case_row: int,
    hold_id: int,
    reason: str,
    withheld: bool,
) -> None:
    case_id = tx.execute(select(cases.c.case_id).where(cases.c.row == case_row)).scalar_one()
    details: dict[str, Detail] = {"hold": hold_id, "reason": reason, "withholds_telling": withheld}
    trail.append(tx, now_ms, by, action, case_id, details)


def _hold(row: Row[Any]) -> LegalHold:
    return LegalHold(row.row, row.set_by, row.set_at_ms, row.reason, row.withholds_telling)
