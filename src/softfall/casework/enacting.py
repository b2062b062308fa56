"""What the provider is to do about a decision: rows of an outbox, made in the deed's transaction.

Guarantees: an enactment exists if, and only if, a person decided, and says no more than was
decided; no enactment is about two accounts, so that nobody is told about another; a message that is
let go without its sender's knowledge goes in one of its own, which tells nobody. Each stays until
the provider did it or refused it by name; what had moved before is on the case's record.
Leaves to others: bringing it there (`enactor`).
"""

import json
import secrets
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from softfall.casework import cases as case_rows
from softfall.casework import effects
from softfall.casework.cases import PROVIDER, Doer
from softfall.casework.effects import CaseFacts, HoldState, SourceFacts
from softfall.casework.incoming import Enacted, Enactment, HeldMessage, HoldDecision
from softfall.casework.life import Actor
from softfall.casework.model import SYSTEM, Outcome, Source
from softfall.casework.reasons import check_reason
from softfall.casework.rights import Deed, StaffRef, check
from softfall.casework.tables import cases, enactments, sources
from softfall.errors import InputError

_SYSTEM = Doer(SYSTEM, Actor.CLOCK)


class EnactmentUnknown(InputError):
    """No enactment of this id has failed."""

    remedy = "Look at the case again: it may have been done meanwhile."


def add_decision(
    tx: Connection,
    case: Row[Any],
    known: CaseFacts,
    decision: Row[Any],
    now_ms: int,
    appeal_until_ms: int | None,
    *,
    telling: bool,
) -> bool:
    """Have a decision enacted. Whether all whom it is about are told, where anybody is to be.

    appeal_until_ms: for those who are told; telling: a legal hold doesn't withhold it.
    """
    outcome = Outcome(decision.outcome)
    rows = case_rows.sources_of(tx, case.row)
    accounts = json.loads(decision.accounts)
    acting = effects.on_subjects(known, outcome, accounts, decision.restrict_days)
    for effect in acting:
        own = [
            (row, one)
            for row, one in zip(rows, known.sources, strict=True)
            if one.subject == effect.subject and row.origin == PROVIDER
        ]
        holds, quiet = _holds(own, outcome)
        if outcome in effects.MEASURES or (effect.tells and telling):
            _add_quiet(tx, case, decision, effect.subject, quiet, now_ms)
        else:
            holds += quiet
        add(
            tx, case.row, decision, None, now_ms,
            Enactment(
                enactment_id=secrets.token_hex(16),
                case_id=case.case_id,
                decided_by=decision.proposed_by,
                round="decision",
                outcome=outcome,
                reason=decision.reason,
                holds=holds,
                subject=effect.subject,
                account_action=effect.account,
                restrict_days=decision.restrict_days if effect.account == "restrict" else 0,
                tell_subject=effect.tells and telling,
                reports=tuple(row.reference for row, _ in own if row.source == Source.REPORT),
                appeal_until_ms=appeal_until_ms if effect.tells and telling else None,
            ),
        )  # fmt: skip
    return telling or not any(effect.tells for effect in acting)


def _add_quiet(
    tx: Connection, case: Row[Any], decision: Row[Any], subject: str,
    holds: tuple[HoldDecision, ...], now_ms: int,
) -> None:  # fmt: skip
    """Have messages let go whose sender is told nothing of it."""
    add(
        tx, case.row, decision, None, now_ms,
        Enactment(
            enactment_id=secrets.token_hex(16),
            case_id=case.case_id,
            decided_by=decision.proposed_by,
            round="decision",
            outcome=Outcome.RELEASE,
            reason=decision.reason,
            holds=holds,
            subject=subject,
            tell_subject=False,
        ),
    )  # fmt: skip


def add_appeal(
    tx: Connection, case: Row[Any], decision: Row[Any], appeal: Row[Any], by: str, reason: str,
    now_ms: int, *, upheld: bool, telling: bool,
) -> None:  # fmt: skip
    """Have an appeal's end enacted: where it is reversed, what was done is undone."""
    done = [body for body in _bodies(tx, decision.row) if body.subject == appeal.account]
    blocked = [each.held for body in done for each in body.holds if each.decision == "block"]
    holds = () if upheld else tuple(_released(held) for held in blocked)
    lift = not upheld and any(body.account_action == "restrict" for body in done)
    told = Outcome(decision.outcome) if upheld else _reversed(bool(holds))
    add(
        tx, case.row, decision, appeal.row, now_ms,
        Enactment(
            enactment_id=secrets.token_hex(16),
            case_id=case.case_id,
            decided_by=by,
            round="appeal",
            outcome=told,
            reason=reason,
            holds=holds,
            subject=appeal.account,
            account_action="lift" if lift else "none",
            tell_subject=telling,
        ),
    )  # fmt: skip


def add_telling(
    tx: Connection, case: Row[Any], decision: Row[Any], now_ms: int, appeal_until_ms: int | None
) -> None:
    """Have those told whom a legal hold, now lifted, kept from knowing: nothing else is done."""
    known = case_rows.facts(tx, case, second_reader_always=True).before_anything_moved()
    outcome, accounts = Outcome(decision.outcome), json.loads(decision.accounts)
    for effect in effects.on_subjects(known, outcome, accounts, decision.restrict_days):
        if effect.tells:
            add(
                tx, case.row, decision, None, now_ms,
                Enactment(
                    enactment_id=secrets.token_hex(16),
                    case_id=case.case_id,
                    decided_by=decision.proposed_by,
                    round="decision",
                    outcome=outcome,
                    reason=decision.reason,
                    subject=effect.subject,
                    appeal_until_ms=appeal_until_ms,
                ),
            )  # fmt: skip


def add(
    tx: Connection,
    case_row: int,
    decision: Row[Any],
    appeal_row: int | None,
    now_ms: int,
    body: Enactment,
) -> None:
    """Write an enactment down; one that would do nothing isn't."""
    does = body.holds or body.reports or body.tell_subject or body.account_action != "none"
    if not does:
        return
    tx.execute(
        insert(enactments).values(
            enactment_id=body.enactment_id, case=case_row, decision=decision.row,
            appeal=appeal_row, body=body.model_dump_json(), state="waiting", made_at_ms=now_ms,
            tries=0, next_try_at_ms=now_ms,
        )
    )  # fmt: skip


def mark_done(tx: Connection, row: Row[Any], answer: Enacted, now_ms: int) -> None:
    """The provider did it: write down where each hold is now, and what had moved before."""
    body = Enactment.model_validate_json(row.body)
    late = {(held.sender, held.envelope_id): state for held, state in answer.late}
    ends = {"release": HoldState.RELEASED, "block": HoldState.BLOCKED}
    for each in body.holds:
        name = (each.held.sender, each.held.envelope_id)
        state = late.get(name, ends[each.decision])
        if state in set(HoldState):
            _set_hold(tx, row.case, each.held, HoldState(state))
    told = [[sender, envelope, state] for (sender, envelope), state in sorted(late.items())]
    tx.execute(
        update(enactments)
        .where(enactments.c.row == row.row)
        .values(
            state="done", done_at_ms=now_ms, leased_by=None, leased_until_ms=None, trouble=None,
            late=json.dumps(told),
        )
    )  # fmt: skip
    words = f"the provider did it: {body.outcome} ({body.round})"
    case_rows.note(tx, row.case, _SYSTEM, "enacted", words, now_ms)
    for _, state in sorted(late.items()):
        words = f"a hold had moved before the decision came: {state}"
        case_rows.note(tx, row.case, _SYSTEM, "late", words, now_ms)
    case_rows.audit(
        tx, SYSTEM, "decision.enacted", body.case_id, now_ms, enactment=body.enactment_id,
        late=len(late),
    )  # fmt: skip


def mark_failed(tx: Connection, row: Row[Any], trouble: str, now_ms: int) -> None:
    """The provider refused it by name: shown on the case, until a lead has it tried again."""
    tx.execute(
        update(enactments)
        .where(enactments.c.row == row.row)
        .values(state="failed", trouble=trouble, leased_by=None, leased_until_ms=None)
    )
    body = Enactment.model_validate_json(row.body)
    case_rows.note(tx, row.case, _SYSTEM, "not enacted", f"the provider refused: {trouble}", now_ms)
    case_rows.audit(
        tx, SYSTEM, "decision.refused", body.case_id, now_ms, enactment=body.enactment_id,
        trouble=trouble,
    )  # fmt: skip


def retry(tx: Connection, enactment_id: str, staff: StaffRef, now_ms: int) -> None:
    """Have a refused enactment tried again. Raises NotYourRole, EnactmentUnknown."""
    check(staff, Deed.RETRY)
    row, case_id = _failed(tx, enactment_id)
    tx.execute(
        update(enactments)
        .where(enactments.c.row == row.row)
        .values(state="waiting", tries=0, next_try_at_ms=now_ms)
    )
    case_rows.note(tx, row.case, Doer.of(staff), "enacting again", "tried again", now_ms)
    case_rows.audit(tx, staff.name, "decision.retried", case_id, now_ms, enactment=enactment_id)


def set_aside(tx: Connection, enactment_id: str, staff: StaffRef, reason: str, now_ms: int) -> None:
    """Say that a refused enactment needs no more trying: it was done by hand, or can't be done.

    Raises NotYourRole, EnactmentUnknown, ReasonMissing.
    """
    check(staff, Deed.RETRY)
    check_reason(reason)
    row, case_id = _failed(tx, enactment_id)
    tx.execute(update(enactments).where(enactments.c.row == row.row).values(state="set aside"))
    case_rows.note(tx, row.case, Doer.of(staff), "set aside", reason, now_ms)
    case_rows.audit(
        tx, staff.name, "decision.set_aside", case_id, now_ms, enactment=enactment_id,
        reason=reason,
    )  # fmt: skip


def _failed(tx: Connection, enactment_id: str) -> tuple[Row[Any], str]:
    """A refused enactment, and its case's id. Raises EnactmentUnknown."""
    row = tx.execute(
        select(enactments, cases.c.case_id)
        .join(cases, cases.c.row == enactments.c.case)
        .where(enactments.c.enactment_id == enactment_id, enactments.c.state == "failed")
    ).one_or_none()
    if row is None:
        raise EnactmentUnknown("no enactment of this id has failed")
    return row, row.case_id


def _holds(
    own: list[tuple[Row[Any], SourceFacts]], outcome: Outcome
) -> tuple[tuple[HoldDecision, ...], tuple[HoldDecision, ...]]:
    """Every message of this account that is still held, and what becomes of that very message.

    First those that the account may learn of, then those that it may not.
    """
    told, quiet = list[HoldDecision](), list[HoldDecision]()
    for row, one in own:
        effect = effects.on_hold(one, outcome)
        if effect is not None:
            held = HeldMessage(sender=row.held_sender, envelope_id=row.held_envelope_id)
            moved = HoldDecision(held=held, decision=effect.move)
            (told if effect.tells else quiet).append(moved)
    return tuple(told), tuple(quiet)


def _released(held: HeldMessage) -> HoldDecision:
    return HoldDecision(held=held, decision="release")


def _reversed(holds: bool) -> Outcome:
    """As an account is told that a decision about it was taken back."""
    return Outcome.RELEASE if holds else Outcome.NO_ACTION


def _bodies(tx: Connection, decision_row: int) -> list[Enactment]:
    """What was to be done about a decision itself, in order."""
    wanted = (
        select(enactments.c.body)
        .where(enactments.c.decision == decision_row, enactments.c.appeal.is_(None))
        .order_by(enactments.c.row)
    )
    return [Enactment.model_validate_json(body) for body in tx.execute(wanted).scalars()]


def _set_hold(tx: Connection, case_row: int, held: HeldMessage, state: HoldState) -> None:
    tx.execute(
        update(sources)
        .where(
            sources.c.case == case_row,
            sources.c.held_sender == held.sender,
            sources.c.held_envelope_id == held.envelope_id,
        )
        .values(hold_state=state)
    )
