"""Deciding a case: by whoever has it, with a reason and a policy; a referral once two agree.

Guarantees: a decision, its line in the audit log and what the provider is to do are one
transaction; a case is decided once; a decision covers only what its decider could see (`version`);
a referral that needs a second reader does nothing before one agrees, and whoever decided about the
case before can't be that reader.
Refuses, by name: an outcome that the case does not allow; a referral without its second reader or
override; not telling the account without a recorded legal hold; a measure on accounts that are not
named where the case is about several.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Row, insert, select, update

from softfall.casework import cases as case_rows
from softfall.casework import effects, enacting, rights
from softfall.casework.cases import Doer, NotYourCase
from softfall.casework.effects import CaseFacts, Offer
from softfall.casework.life import CaseMoved
from softfall.casework.model import CaseState, Outcome
from softfall.casework.policies import Policies
from softfall.casework.reasons import MIN_REASON, check_reason
from softfall.casework.rights import Deed, StaffRef
from softfall.casework.tables import cases, decisions
from softfall.errors import InputError, RefusedError


class OutcomeNotAllowed(RefusedError):
    """The case does not allow this outcome; the reason is given."""

    remedy = "Choose an outcome that the case's page offers; it says why others are not."


class ReferralNotAllowed(RefusedError):
    """This case may not be referred, or not by this person; the reason is given."""

    remedy = "See the case's page; a young person's own picture needs a lead and a reason."


class SecondReaderNeeded(RefusedError):
    """Nothing waits for a second reader here, or a waiting referral bars this step."""

    remedy = "Look at the case again: a referral is proposed first, then read by a lead."


class SameReader(RefusedError):
    """Whoever decided about a case can't be its second reader, nor decide its appeal."""

    remedy = "Leave it to another lead."


class MustBeTold(RefusedError):
    """Not telling the account about a decision needs a recorded legal hold."""

    remedy = "Have a legal hold recorded that withholds telling, or let the account be told."


class AccountsNotNamed(InputError):
    """A measure on accounts that are not the case's, or not named though there are several."""

    remedy = "Name the accounts that the measure is for, among those that the case is about."


class ReferralWay(Protocol):
    """How a referral goes out, or comes back; `referral.referrals.Referrals` is one."""

    def approve_in(self, tx: Connection, case_id: str, who: str, digest: str) -> None:
        """`who` has read the documents of this digest."""

    def queue_sending(self, tx: Connection, case_id: str) -> object:
        """Let what was approved out, in the transaction that makes the decision final."""

    def withdraw_in(self, tx: Connection, case_id: str, who: str, why: str) -> object:
        """Take it back, if the authority doesn't have it yet."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decides.

    reason: for the record, never for an account. policy_ref: an id of the table of policies.
    accounts: whom a warning or restriction is for; may be left empty where the case is about one.
    override_reason: why a young person's own picture is referred. version: of the case as it was
    seen; a ruling on less than there is now is refused; None doesn't look. documents_digest: of the
    referral's draft that was read, where no second reader is due.
    """

    outcome: Outcome
    reason: str
    policy_ref: str
    restrict_days: int = 0
    tell_subject: bool = True
    accounts: tuple[str, ...] = ()
    override_reason: str = ""
    version: int | None = None
    documents_digest: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a ruling. final: it stands; else it waits for a second reader."""

    decision_id: str
    final: bool


@dataclass(frozen=True, slots=True)
class Bench:
    """What deciding needs beside the case: settings, policies, the way to referrals."""

    second_reader: bool
    appeal_ms: int
    policies: Policies
    referrals: ReferralWay | None = None


def decide(
    tx: Connection, bench: Bench, case_id: str, staff: StaffRef, ruling: Ruling, now_ms: int
) -> Decided:
    """Decide a case that one has; a referral that needs a second reader waits for one.

    Raises CaseUnknown, NotYourRole, NotYourCase, CaseMoved, SecondReaderNeeded, OutcomeNotAllowed,
    ReferralNotAllowed, ReasonMissing, PolicyUnknown, MustBeTold, AccountsNotNamed.
    """
    rights.check(staff, Deed.DECIDE)
    case = case_rows.find_for(tx, case_id, staff)
    if case_rows.waiting_proposal(tx, case.row):
        raise SecondReaderNeeded("a referral waits for its second reader")
    check_version(case, ruling.version)
    known = case_rows.facts(tx, case, bench.second_reader)
    offer = _check(known, bench, staff, ruling)
    decision_id = secrets.token_hex(16)
    row = _insert(tx, case, known, staff, ruling, decision_id, now_ms)
    details = {"outcome": str(ruling.outcome), "policy": ruling.policy_ref, "reason": ruling.reason}
    if offer.second_reader:
        tx.execute(
            update(cases)
            .where(cases.c.row == case.row)
            .values(assigned_to=None, assigned_role=None, touched_at_ms=now_ms)
        )
        case_rows.note(tx, case.row, Doer.of(staff), "referral proposed", ruling.reason, now_ms)
        case_rows.audit(tx, staff.name, "case.referral_proposed", case_id, now_ms, **details)
        return Decided(decision_id, final=False)
    digest = ruling.documents_digest if ruling.outcome is Outcome.REFER else ""
    _conclude(tx, bench, case, row, staff, now_ms, digest)
    return Decided(decision_id, final=True)


def second_read(
    tx: Connection,
    bench: Bench,
    case_id: str,
    staff: StaffRef,
    agrees: bool,
    reason: str,
    now_ms: int,
    *,
    documents_digest: str = "",
    version: int | None = None,
) -> Decided:
    """Agree to a proposed referral, which makes it final, or not: then the case is open again.

    documents_digest: of the draft that the reader read; without one nothing is sent yet.
    Raises CaseUnknown, NotYourRole, SecondReaderNeeded, SameReader, CaseMoved, ReferralNotAllowed,
    ReasonMissing.
    """
    rights.check(staff, Deed.SECOND_READ)
    case = case_rows.find(tx, case_id)
    waiting = case_rows.waiting_proposal(tx, case.row)
    if waiting is None:
        raise SecondReaderNeeded("no referral waits for a second reader")
    check_not_decider(tx, case, staff)
    check_reason(reason)
    check_version(case, version)
    tx.execute(
        update(decisions)
        .where(decisions.c.row == waiting.row)
        .values(
            state="proposed" if agrees else "refused",
            second_reader=staff.name, second_reason=reason, second_at_ms=now_ms,
        )
    )  # fmt: skip
    case_rows.audit(
        tx, staff.name, "case.second_read", case_id, now_ms, agrees=agrees, reason=reason,
        decision=waiting.decision_id,
    )  # fmt: skip
    if not agrees:
        words = f"the second reader did not agree: {reason}"
        case_rows.move(tx, case, CaseState.OPEN, Doer.of(staff), words, now_ms)
        return Decided(waiting.decision_id, final=False)
    known = case_rows.facts(tx, case, bench.second_reader)
    still = effects.offer(known, Outcome.REFER)
    if not still.allowed or (still.override and not waiting.override_reason):
        raise ReferralNotAllowed(still.why)
    _conclude(tx, bench, case, waiting.row, staff, now_ms, documents_digest)
    return Decided(waiting.decision_id, final=True)


def withdraw(tx: Connection, case_id: str, staff: StaffRef, reason: str, now_ms: int) -> None:
    """Take one's own proposal back, before it is read; the case is open again.

    Raises CaseUnknown, SecondReaderNeeded, NotYourCase, ReasonMissing.
    """
    case = case_rows.find(tx, case_id)
    waiting = case_rows.waiting_proposal(tx, case.row)
    if waiting is None:
        raise SecondReaderNeeded("no referral waits for a second reader")
    if waiting.proposed_by != staff.name:
        raise NotYourCase("somebody else proposed this referral")
    check_reason(reason)
    tx.execute(update(decisions).where(decisions.c.row == waiting.row).values(state="withdrawn"))
    words = f"the proposal was withdrawn: {reason}"
    case_rows.move(tx, case, CaseState.OPEN, Doer.of(staff), words, now_ms)
    case_rows.audit(tx, staff.name, "case.proposal_withdrawn", case_id, now_ms, reason=reason)


def check_version(case: Row[Any], version: int | None) -> None:
    """Raises CaseMoved where more has come to the case than was seen."""
    if version is not None and version != case.newest_source:
        raise CaseMoved("something joined this case since it was looked at")


def check_not_decider(tx: Connection, case: Row[Any], staff: StaffRef) -> None:
    """Raises SameReader where this person decided, proposed or second-read anything here."""
    before = tx.execute(
        select(decisions.c.proposed_by, decisions.c.second_reader).where(
            decisions.c.case == case.row
        )
    )
    if any(staff.name in (row.proposed_by, row.second_reader) for row in before):
        raise SameReader("you have decided about this case before")


def _check(known: CaseFacts, bench: Bench, staff: StaffRef, ruling: Ruling) -> Offer:
    """Whether the ruling may stand. Raises what `decide` says."""
    check_reason(ruling.reason)
    bench.policies.get(ruling.policy_ref)
    offer = effects.offer(known, ruling.outcome)
    if not offer.allowed:
        refusal = ReferralNotAllowed if ruling.outcome is Outcome.REFER else OutcomeNotAllowed
        raise refusal(offer.why)
    if offer.override:
        if Deed.OVERRIDE not in rights.deeds_of(staff.role):
            raise ReferralNotAllowed("only a lead may refer a young person's own picture")
        if len(ruling.override_reason.strip()) < MIN_REASON:
            raise ReferralNotAllowed("a young person's own picture: say why it is referred")
    if not ruling.tell_subject and not known.telling_withheld:
        raise MustBeTold("no legal hold says that the account is not to be told")
    if (ruling.outcome is Outcome.RESTRICT) != (ruling.restrict_days > 0) and (
        ruling.outcome is not Outcome.REFER
    ):
        raise OutcomeNotAllowed("a restriction needs its days, and nothing else has any")
    _check_accounts(known, ruling)
    return offer


def _check_accounts(known: CaseFacts, ruling: Ruling) -> None:
    if not set(ruling.accounts) <= set(known.subjects):
        raise AccountsNotNamed("the case is not about one of these accounts")
    measured = ruling.outcome in (Outcome.WARN, Outcome.RESTRICT) or ruling.restrict_days
    if measured and not ruling.accounts and len(known.subjects) > 1:
        raise AccountsNotNamed("the case is about several accounts")
    accounts, days = ruling.accounts or known.subjects, ruling.restrict_days
    for effect in effects.on_subjects(known, ruling.outcome, accounts, days):
        if measured and effect.subject in accounts and effect.account == "none":
            raise AccountsNotNamed(f"nothing is known against {effect.subject}")


def _insert(
    tx: Connection,
    case: Row[Any],
    known: CaseFacts,
    staff: StaffRef,
    ruling: Ruling,
    decision_id: str,
    now_ms: int,
) -> int:
    row: int = tx.execute(
        insert(decisions)
        .values(
            decision_id=decision_id, case=case.row, state="proposed", outcome=ruling.outcome,
            reason=ruling.reason, policy_ref=ruling.policy_ref,
            restrict_days=ruling.restrict_days,
            accounts=json.dumps(ruling.accounts or known.subjects),
            override_reason=ruling.override_reason, proposed_by=staff.name,
            proposed_at_ms=now_ms, wants_telling=ruling.tell_subject, told=False,
        )
        .returning(decisions.c.row)
    ).scalar_one()  # fmt: skip
    return row


def _conclude(
    tx: Connection, bench: Bench, case: Row[Any], decision_row: int, staff: StaffRef, now_ms: int,
    documents_digest: str,
) -> None:  # fmt: skip
    """Make a decision final: the case moves, the provider is to act, the log says so.

    A referral whose documents this person read goes out; another waits for their approval.
    """
    if bench.referrals and documents_digest:
        bench.referrals.approve_in(tx, case.case_id, staff.name, documents_digest)
    known = case_rows.facts(tx, case, bench.second_reader)
    mine = decisions.c.row == decision_row
    decision = tx.execute(select(decisions).where(mine)).one()
    outcome = Outcome(decision.outcome)
    telling = decision.wants_telling and not known.telling_withheld
    until_ms = now_ms + bench.appeal_ms if outcome in effects.APPEALABLE else None
    told = enacting.add_decision(tx, case, known, decision, now_ms, until_ms, telling=telling)
    tx.execute(
        update(decisions)
        .where(mine)
        .values(
            state="final", final_at_ms=now_ms, told=told, appeal_until_ms=until_ms if told else None
        )
    )
    case_rows.move(
        tx, case, CaseState.DECIDED, Doer.of(staff), f"{outcome}: {decision.reason}", now_ms
    )
    case_rows.audit(
        tx, staff.name, "case.decided", case.case_id, now_ms, decision=decision.decision_id,
        outcome=str(outcome), policy=decision.policy_ref, reason=decision.reason,
        decider=decision.proposed_by, told=told, override=decision.override_reason,
    )  # fmt: skip
    if bench.referrals and documents_digest:
        bench.referrals.queue_sending(tx, case.case_id)
