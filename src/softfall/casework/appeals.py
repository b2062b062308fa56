"""Appeals: an account asks for another look at what was decided about it, once, in time.

Guarantees: whoever proposed, decided or second-read anything about the case can't decide its
appeal; a reversal undoes what was done: held messages that were blocked are let go, a restriction
is lifted, a referral that is not finished is taken back; the account is told how it ended unless
a recorded legal hold says otherwise. The
appeal's words lie in the vault.
Refuses, by name: an appeal by another account, after its time, a second one, or of nothing.
Limit: a referral that the authority has can't be taken back by an appeal; a person has to write.
"""

import secrets
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from softfall.casework import cases as case_rows
from softfall.casework import enacting, rights
from softfall.casework.cases import PROVIDER, Doer
from softfall.casework.decisions import Bench, check_not_decider
from softfall.casework.evidence.legal_hold import withholds_telling
from softfall.casework.incoming import AppealMade, Enactment
from softfall.casework.intake import EvidenceStore, NotYoursToTell, ReferenceTaken, is_emptied
from softfall.casework.life import Actor
from softfall.casework.model import CaseState, EvidenceKind, Outcome
from softfall.casework.reasons import check_reason
from softfall.casework.rights import Deed, StaffRef
from softfall.casework.tables import appeals, cases, decisions, enactments
from softfall.errors import InputError, RefusedError, SoftfallError

APPELLANT = "subject"  # on records: who appealed, without a name

_SUBJECT = Doer(APPELLANT, Actor.SUBJECT)


class NothingToAppeal(RefusedError):
    """Nothing was decided about this account that could be appealed."""

    remedy = "Appeal with the account that was told of a decision, from that notice."


class AppealTooLate(RefusedError):
    """The time to appeal is over."""

    remedy = "The notice of the decision says until when; write to the service instead."


class AppealedBefore(RefusedError):
    """This account has appealed this decision before."""

    remedy = "Nothing is left to do: the first appeal is looked at, or was."


class AppealUnknown(InputError):
    """There is no such appeal, or it was decided."""

    remedy = "Look at the list of appeals again: somebody may have decided it."


def made(tx: Connection, vault: EvidenceStore, origin: str, told: AppealMade, now_ms: int) -> str:
    """Take an appeal in; its id, the same one where it is handed in again.

    Raises NotYoursToTell, CaseUnknown, NothingToAppeal, AppealTooLate, AppealedBefore,
    ReferenceTaken.
    """
    if origin != PROVIDER:
        raise NotYoursToTell("only the provider knows who appeals")
    known = _known(tx, origin, told)
    if known is not None:
        return known
    case = case_rows.find(tx, told.case_id)
    decision = _appealable(tx, case, told)
    appeal_id = secrets.token_hex(16)
    evidence = _keep_words(tx, vault, case, told, now_ms)
    tx.execute(
        insert(appeals).values(
            appeal_id=appeal_id, case=case.row, decision=decision.row, origin=origin,
            reference=told.reference, account=told.account, made_at_ms=told.at_ms,
            evidence=evidence,
        )
    )  # fmt: skip
    if case.state == CaseState.APPEALED:
        case_rows.note(tx, case.row, _SUBJECT, "appealed", "another account appealed", now_ms)
    else:
        words = "an account that the decision is about appealed"
        case_rows.move(tx, case, CaseState.APPEALED, _SUBJECT, words, now_ms)
    case_rows.audit(
        tx, APPELLANT, "case.appealed", case.case_id, now_ms, appeal=appeal_id,
        decision=decision.decision_id,
    )  # fmt: skip
    return appeal_id


def decide(
    tx: Connection, bench: Bench, appeal_id: str, staff: StaffRef, upholds: bool, reason: str,
    now_ms: int,
) -> None:  # fmt: skip
    """End an appeal. upholds: the decision stands; else it is undone.

    Raises NotYourRole, AppealUnknown, SameReader, ReasonMissing.
    """
    rights.check(staff, Deed.DECIDE_APPEAL)
    mine = (appeals.c.appeal_id == appeal_id) & appeals.c.decided_at_ms.is_(None)
    appeal = tx.execute(select(appeals).where(mine)).one_or_none()
    if appeal is None:
        raise AppealUnknown("no appeal of this id waits")
    case = tx.execute(select(cases).where(cases.c.row == appeal.case)).one()
    check_not_decider(tx, case, staff)
    check_reason(reason)
    decision = tx.execute(select(decisions).where(decisions.c.row == appeal.decision)).one()
    tx.execute(
        update(appeals)
        .where(mine)
        .values(decided_by=staff.name, decided_at_ms=now_ms, upheld=upholds, reason=reason)
    )
    if not upholds and _wholly_reversed(tx, decision):
        tx.execute(
            update(decisions).where(decisions.c.row == decision.row).values(state="reversed")
        )
        _take_back(tx, bench, case, decision, staff, now_ms)
    enacting.add_appeal(
        tx, case, decision, appeal, staff.name, reason, now_ms, upheld=upholds,
        telling=not withholds_telling(tx, case.row),
    )  # fmt: skip
    _move_on(tx, case, decision, staff, "upheld" if upholds else "reversed", reason, now_ms)
    case_rows.audit(
        tx, staff.name, "case.appeal_decided", case.case_id, now_ms, appeal=appeal_id,
        upheld=upholds, reason=reason,
    )  # fmt: skip


def may_still_appeal(tx: Connection, decision: Row[Any], now_ms: int) -> bool:
    """Whether an account that was told of a decision has not appealed, and still may."""
    if decision.appeal_until_ms is None or now_ms > decision.appeal_until_ms:
        return False
    done = select(appeals.c.account).where(appeals.c.decision == decision.row)
    return bool(_told(tx, decision) - set(tx.execute(done).scalars()))


def _move_on(
    tx: Connection, case: Row[Any], decision: Row[Any], staff: StaffRef, end: str, reason: str,
    now_ms: int,
) -> None:  # fmt: skip
    """Where the case goes once an appeal is decided: it stays while another one waits."""
    words = f"the decision was {end} on appeal: {reason}"
    waiting = select(appeals.c.row).where(
        appeals.c.case == case.row, appeals.c.decided_at_ms.is_(None)
    )
    by = Doer.of(staff)
    if tx.execute(waiting).first() is not None:
        case_rows.note(tx, case.row, by, "appeal decided", words, now_ms)
    elif may_still_appeal(tx, decision, now_ms):
        case_rows.move(tx, case, CaseState.DECIDED, by, words, now_ms)
    else:
        case_rows.move(tx, case, CaseState.CLOSED, by, words, now_ms)
        case_rows.audit(tx, staff.name, "case.closed", case.case_id, now_ms, why=words)


def _wholly_reversed(tx: Connection, decision: Row[Any]) -> bool:
    """Whether a decision was undone for every account that was told of it."""
    undone = select(appeals.c.account).where(
        appeals.c.decision == decision.row, appeals.c.upheld.is_(False)
    )
    return _told(tx, decision) <= set(tx.execute(undone).scalars())


def _take_back(
    tx: Connection, bench: Bench, case: Row[Any], decision: Row[Any], staff: StaffRef, now_ms: int
) -> None:
    """Take a reversed referral back, if the authority doesn't have it; else say so on record."""
    if decision.outcome != Outcome.REFER or bench.referrals is None:
        return
    why = "the decision was reversed on appeal"
    try:
        bench.referrals.withdraw_in(tx, case.case_id, staff.name, why)
    except SoftfallError as error:
        words = f"the referral was not taken back: {error.what}"
        case_rows.note(tx, case.row, Doer.of(staff), "referral stands", words, now_ms)


def _known(tx: Connection, origin: str, told: AppealMade) -> str | None:
    row = tx.execute(
        select(appeals.c.appeal_id, appeals.c.account, cases.c.case_id)
        .join(cases, cases.c.row == appeals.c.case)
        .where(appeals.c.origin == origin, appeals.c.reference == told.reference)
    ).one_or_none()
    if row is None:
        return None
    if (row.account, row.case_id) != (told.account, told.case_id):
        raise ReferenceTaken("this reference was used for another appeal")
    return str(row.appeal_id)


def _appealable(tx: Connection, case: Row[Any], told: AppealMade) -> Row[Any]:
    """The decision that this account may appeal now. Raises what `made` says."""
    wanted = (
        select(decisions)
        .where(decisions.c.case == case.row, decisions.c.final_at_ms.is_not(None))
        .order_by(decisions.c.row.desc())
    )
    decision = tx.execute(wanted).first()
    if decision is None or told.account not in _told(tx, decision):
        raise NothingToAppeal("nothing about this account can be appealed here")
    before = select(appeals.c.row).where(
        appeals.c.decision == decision.row, appeals.c.account == told.account
    )
    if tx.execute(before).first() is not None:
        raise AppealedBefore("this account has appealed this decision")
    if decision.appeal_until_ms is None or told.at_ms > decision.appeal_until_ms:
        raise AppealTooLate("the time to appeal is over")
    return decision


def _told(tx: Connection, decision: Row[Any]) -> set[str]:
    """The accounts that were told of a decision that they may appeal."""
    rows = tx.execute(
        select(enactments.c.body).where(
            enactments.c.decision == decision.row, enactments.c.appeal.is_(None)
        )
    ).scalars()
    bodies = [Enactment.model_validate_json(body) for body in rows]
    return {body.subject for body in bodies if body.tell_subject and body.appeal_until_ms}


def _keep_words(
    tx: Connection, vault: EvidenceStore, case: Row[Any], told: AppealMade, now_ms: int
) -> int | None:
    """The appeal's words in the vault; none where there are none, or the case's key is gone."""
    if not told.text or is_emptied(tx, case.row):
        return None
    body = told.text.encode()
    return vault.put(tx, case.row, EvidenceKind.TEXT, body, None, now_ms, "the words of an appeal")
