import dataclasses
import threading
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from softfall.audit import trail
from softfall.casework.cases import NotYourCase
from softfall.casework.decisions import (
    AccountsNotNamed,
    MustBeTold,
    OutcomeNotAllowed,
    ReferralNotAllowed,
)
from softfall.casework.described import QueueFilter, Shelf
from softfall.casework.desk import CaseDesk
from softfall.casework.evidence import legal_hold
from softfall.casework.life import CaseMoved
from softfall.casework.model import CaseState, Outcome
from softfall.casework.policies import PolicyUnknown
from softfall.casework.reasons import ReasonMissing
from softfall.casework.tables import decisions, enactments

from .office import (
    CERTIFIED,
    LEA,
    LOU,
    MIA,
    MO,
    ONE_CERTIFIER,
    UNCONFIRMED,
    Office,
    hold,
    report,
    ruling,
)


def withhold_telling(office: Office, case_id: str, withholds: bool = True) -> int:
    """A recorded legal hold; its number."""
    with office.db.write() as tx:
        row = case_row(tx, case_id)
        placed = legal_hold.place(
            tx, row, "lea", "an order of the court", withholds, office.rules, office.now_ms
        )
    return placed.hold_id


def case_row(tx: Connection, case_id: str) -> int:
    from softfall.casework.cases import find

    return int(find(tx, case_id).row)


def test_a_decision_its_audit_line_and_its_enactment_are_there_together(office: Office) -> None:
    incoming = hold("ada", ONE_CERTIFIER)
    case_id = office.take_in(incoming)
    decided = office.decide(case_id, Outcome.BLOCK, reason="a confirmed match")
    assert decided.final
    view = office.see(case_id)
    assert view.row.state is CaseState.DECIDED
    (told,) = view.decisions
    assert (told.state, told.outcome, told.proposed_by) == ("final", Outcome.BLOCK, "mo")
    assert (told.reason, told.policy_ref) == ("a confirmed match", "known-material")
    (order,) = office.orders(case_id)
    assert order.holds[0].held == incoming.held
    assert order.holds[0].decision == "block"
    assert (order.account_action, order.tell_subject, order.decided_by) == ("none", True, "mo")
    assert order.appeal_until_ms == office.now_ms + 30 * 86_400_000 == told.appeal_until_ms
    assert office.audited(case_id) == ["case.opened", "case.assigned", "case.decided"]


def test_a_decision_that_fails_late_leaves_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = office.take_in(hold())
    office.desk.take(case_id, MO)
    real = trail.append

    def fail(tx: Connection, at_ms: int, who: str, action: str, *rest: Any) -> int:
        if action == "case.decided":
            raise RuntimeError("the machine stops here")
        return real(tx, at_ms, who, action, *rest)

    monkeypatch.setattr(trail, "append", fail)
    with pytest.raises(RuntimeError):
        office.desk.decide(case_id, MO, ruling(Outcome.BLOCK))
    monkeypatch.undo()
    assert office.see(case_id).row.state is CaseState.IN_REVIEW
    assert office.see(case_id).decisions == ()
    assert office.orders(case_id) == []
    office.desk.decide(case_id, MO, ruling(Outcome.BLOCK))


@pytest.mark.parametrize(
    ("outcome", "hold_becomes", "measure"),
    [
        (Outcome.RELEASE, "release", "none"),
        (Outcome.NO_ACTION, "release", "none"),
        (Outcome.BLOCK, "block", "none"),
        (Outcome.WARN, "block", "warn"),
        (Outcome.RESTRICT, "block", "restrict"),
    ],
)
def test_what_the_provider_is_told_of_each_outcome(
    office: Office, outcome: Outcome, hold_becomes: str, measure: str
) -> None:
    case_id = office.take_in(hold())
    reported = report()
    office.take_in(reported)
    office.decide(case_id, outcome)
    (order,) = office.orders(case_id)
    assert [each.decision for each in order.holds] == [hold_becomes]
    assert (order.account_action, order.outcome) == (measure, outcome)
    assert order.restrict_days == (7 if outcome is Outcome.RESTRICT else 0)
    assert order.reports == (reported.reference,)
    assert (order.appeal_until_ms is None) == (hold_becomes == "release")


def test_a_report_that_leads_to_nothing_is_answered_and_the_account_not_told(
    office: Office,
) -> None:
    reported = report()
    case_id = office.take_in(reported)
    office.decide(case_id, Outcome.NO_ACTION)
    (order,) = office.orders(case_id)
    assert (order.tell_subject, order.appeal_until_ms) == (False, None)
    assert order.reports == (reported.reference,)


def test_a_case_that_one_has_not_taken_is_not_decided(office: Office) -> None:
    case_id = office.take_in(hold())
    with pytest.raises(NotYourCase):
        office.desk.decide(case_id, MO, ruling())
    office.desk.take(case_id, MIA)
    with pytest.raises(NotYourCase):
        office.desk.decide(case_id, MO, ruling())
    office.desk.decide(case_id, MIA, ruling())
    with pytest.raises(NotYourCase):
        office.desk.decide(case_id, MIA, ruling())


@pytest.mark.parametrize("reason", ["", "  ", "no", "x" * 1001])
def test_a_decision_needs_a_reason(office: Office, reason: str) -> None:
    case_id = office.take_in(hold())
    with pytest.raises(ReasonMissing):
        office.decide(case_id, Outcome.BLOCK, reason=reason)


def test_a_decision_names_a_policy(office: Office) -> None:
    case_id = office.take_in(hold())
    with pytest.raises(PolicyUnknown):
        office.decide(case_id, Outcome.BLOCK, policy_ref="whatever")


def test_an_outcome_that_the_case_does_not_allow_is_refused_with_its_reason(
    office: Office,
) -> None:
    case_id = office.take_in(hold(facts=UNCONFIRMED))
    for outcome in (Outcome.BLOCK, Outcome.WARN, Outcome.RESTRICT):
        with pytest.raises(OutcomeNotAllowed, match="innocent"):
            office.decide(case_id, outcome)
    with pytest.raises(ReferralNotAllowed, match="innocent"):
        office.decide(case_id, Outcome.REFER)
    office.decide(case_id, Outcome.RELEASE)
    (order,) = office.orders(case_id)
    assert not order.tell_subject


def test_a_ruling_on_less_than_there_is_now_is_refused(office: Office) -> None:
    case_id = office.take_in(hold())
    seen = office.desk.take(case_id, MO)
    office.take_in(report())
    with pytest.raises(CaseMoved):
        office.desk.decide(case_id, MO, ruling(version=seen.version))
    now = office.desk.case(case_id, MO)
    assert office.desk.decide(case_id, MO, ruling(version=now.version)).final


def test_a_restriction_needs_its_days_and_nothing_else_has_any(office: Office) -> None:
    case_id = office.take_in(report())
    with pytest.raises(OutcomeNotAllowed):
        office.decide(case_id, Outcome.RESTRICT, restrict_days=0)
    with pytest.raises(OutcomeNotAllowed):
        office.decide(case_id, Outcome.WARN, restrict_days=3)
    with pytest.raises(OutcomeNotAllowed):
        office.decide(case_id, Outcome.RESTRICT, restrict_days=-3)


def test_nobody_is_kept_from_knowing_without_a_recorded_legal_hold(office: Office) -> None:
    case_id = office.take_in(hold())
    with pytest.raises(MustBeTold):
        office.decide(case_id, Outcome.BLOCK, tell_subject=False)
    withhold_telling(office, case_id, withholds=False)
    with pytest.raises(MustBeTold):
        office.desk.decide(case_id, MO, ruling(tell_subject=False))
    hold_id = withhold_telling(office, case_id)
    office.desk.decide(case_id, MO, ruling(tell_subject=True))
    (order,) = office.orders(case_id)
    assert (order.tell_subject, order.appeal_until_ms) == (False, None)
    assert not office.see(case_id).decisions[0].told
    office.enact()
    assert office.desk.tick().told == 0
    with office.db.write() as tx:
        row = case_row(tx, case_id)
        legal_hold.lift(tx, row, hold_id, "lea", "over", office.rules, office.now_ms)
    office.later(1000)
    assert office.desk.tick().told == 1
    late = office.orders(case_id)[1]
    assert (late.tell_subject, late.holds, late.account_action) == (True, (), "none")
    assert late.appeal_until_ms == office.now_ms + 30 * 86_400_000
    assert office.desk.tick().told == 0


def test_a_measure_on_accounts_needs_their_names_where_the_case_is_about_several(
    office: Office,
) -> None:
    case_id = office.take_in(hold("ada"))
    assert office.take_in(hold("bob")) == case_id
    with pytest.raises(AccountsNotNamed):
        office.decide(case_id, Outcome.WARN)
    with pytest.raises(AccountsNotNamed):
        office.desk.decide(case_id, MO, ruling(Outcome.WARN, accounts=("eve",)))
    office.desk.decide(case_id, MO, ruling(Outcome.WARN, accounts=("bob",)))
    ada, bob = sorted(office.orders(case_id), key=lambda order: order.subject)
    assert (ada.account_action, bob.account_action) == ("none", "warn")
    assert [each.decision for order in (ada, bob) for each in order.holds] == ["block", "block"]
    assert {each.held.sender for each in ada.holds} == {"ada"}


def test_what_a_tool_handed_in_is_decided_without_holds_or_reports(office: Office) -> None:
    incoming = report("ada", reporter=None, messages=(), source="tool", text="what the tool saw")
    case_id = office.take_in(incoming, "a tool")
    office.decide(case_id, Outcome.NO_ACTION)
    assert office.orders(case_id) == []
    assert office.desk.status("a tool", incoming.reference).outcome is Outcome.NO_ACTION


class Referrals:
    """Plays `referral.referrals.Referrals`: what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def approve_in(self, tx: Connection, case_id: str, who: str, digest: str) -> None:
        self.asked.append(("approve", case_id, who, digest))

    def queue_sending(self, tx: Connection, case_id: str) -> object:
        final = select(func.count()).select_from(decisions).where(decisions.c.state == "final")
        assert tx.execute(final).scalar_one() == 1
        self.asked.append(("queue", case_id))
        return None

    def withdraw_in(self, tx: Connection, case_id: str, who: str, why: str) -> object:
        self.asked.append(("withdraw", case_id, who))
        return None


def test_a_referral_goes_out_with_the_second_readers_agreement_and_comes_back_on_appeal(
    office: Office,
) -> None:
    way = Referrals()
    office.desk = CaseDesk(office.db, office.clock, office.rules, office.vault, way)
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.REFER)
    assert way.asked == []
    office.desk.second_read(case_id, LEA, True, "agreed", documents_digest="d")
    assert way.asked == [("approve", case_id, "lea", "d"), ("queue", case_id)]
    appeal_id = office.appeal(case_id)
    office.desk.decide_appeal(appeal_id, LOU, False, "a mistake")
    assert way.asked[2:] == [("withdraw", case_id, "lou")]


def test_nothing_is_sent_of_documents_that_nobody_read(office: Office) -> None:
    way = Referrals()
    office.desk = CaseDesk(office.db, office.clock, office.rules, office.vault, way)
    office.refer(office.take_in(hold()))
    assert way.asked == []


def test_the_pages_of_a_case_hold_no_words_and_no_hash(office: Office) -> None:
    words = "a line that only the viewer opens"
    case_id = office.take_in(report(words=words, picture="ab" * 32))
    office.take_in(hold())
    told = str(dataclasses.asdict(office.see(case_id)))
    assert words not in told
    assert "ab" * 32 not in told
    queue = office.desk.queue(MO, QueueFilter(shelf=Shelf.ALL))
    assert words not in str(queue)


def test_a_decision_is_one_row_however_often_it_is_asked_for(office: Office) -> None:
    case_id = office.take_in(hold())
    office.desk.take(case_id, MO)
    ends: list[str] = []

    def decide() -> None:
        try:
            office.desk.decide(case_id, MO, ruling(Outcome.BLOCK))
        except NotYourCase:
            ends.append("refused")
        else:
            ends.append("decided")

    threads = [threading.Thread(target=decide) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.count("decided") == 1
    with office.db.read() as tx:
        for table in (decisions, enactments):
            assert tx.execute(select(func.count()).select_from(table)).scalar_one() == 1


def test_a_match_certified_once_is_blocked_not_referred(office: Office) -> None:
    case_id = office.take_in(hold("ada", ONE_CERTIFIER))
    with pytest.raises(ReferralNotAllowed, match="certified"):
        office.decide(case_id, Outcome.REFER)
    both = hold("ada", CERTIFIED)
    office.take_in(both)
    assert not office.desk.decide(case_id, MO, ruling(Outcome.REFER)).final
