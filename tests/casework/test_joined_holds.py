"""Several held messages in one case: each goes by what is known of that very message."""

import itertools

import pytest

from softfall.casework.decisions import AccountsNotNamed
from softfall.casework.effects import MALFORMED, MEASURES, RECEIVED
from softfall.casework.incoming import Enactment, Incoming
from softfall.casework.model import CaseState, Outcome, Source

from .office import LEA, LOU, MO, UNCONFIRMED, Office, hold, report, ruling

KINDS = ("confirmed", "outage", "candidate", MALFORMED)


def held(kind: str, subject: str = "ada") -> Incoming:
    if kind == "confirmed":
        return hold(subject)
    return hold(subject, UNCONFIRMED if kind == "candidate" else None, kind=kind)


def decide(office: Office, case_id: str, outcome: Outcome) -> list[Enactment]:
    if outcome is Outcome.REFER:
        office.refer(case_id)
    else:
        office.decide(case_id, outcome)
    return office.orders(case_id)


@pytest.mark.parametrize("outcome", sorted(MEASURES))
def test_beside_a_report_only_what_is_proved_of_a_message_keeps_it_back(
    office: Office, outcome: Outcome
) -> None:
    incoming = {kind: held(kind) for kind in KINDS}
    reported = report()
    case_id = office.take_in(reported)
    assert {office.take_in(one) for one in incoming.values()} == {case_id}
    loud, quiet = sorted(decide(office, case_id, outcome), key=lambda one: not one.tell_subject)
    kinds = {one.held: kind for kind, one in incoming.items()}
    moves = {(kinds[each.held], each.decision) for order in (loud, quiet) for each in order.holds}
    assert moves == {
        ("confirmed", "block"), (MALFORMED, "block"), ("outage", "release"),
        ("candidate", "release"),
    }  # fmt: skip
    assert (loud.outcome, loud.reports) == (outcome, (reported.reference,))
    assert {each.decision for each in loud.holds} == {"block"}
    assert (quiet.outcome, quiet.reports) == (Outcome.RELEASE, ())
    assert (quiet.account_action, quiet.appeal_until_ms) == ("none", None)
    assert not quiet.tell_subject


@pytest.mark.parametrize(
    ("outcome", "kind"),
    list(
        itertools.product((Outcome.WARN, Outcome.RESTRICT, Outcome.REFER), ("outage", "candidate"))
    ),
)
def test_an_unconfirmed_message_of_a_reported_account_is_delivered(
    office: Office, outcome: Outcome, kind: str
) -> None:
    one = held(kind)
    case_id = office.take_in(report())
    office.take_in(one)
    orders = decide(office, case_id, outcome)
    assert [(each.held, each.decision) for order in orders for each in order.holds] == [
        (one.held, "release")
    ]
    assert [order.tell_subject for order in orders if order.holds] == [False]


def test_a_confirmed_message_is_told_of_its_release_and_an_unconfirmed_one_is_not(
    office: Office,
) -> None:
    sure, unsure = held("confirmed"), held("candidate")
    case_id = office.take_in(sure)
    office.take_in(unsure)
    orders = decide(office, case_id, Outcome.RELEASE)
    told = {each.held: order.tell_subject for order in orders for each in order.holds}
    assert told == {sure.held: True, unsure.held: False}


def test_what_an_appeal_undoes_is_what_was_kept_back(office: Office) -> None:
    sure, unsure = held("confirmed"), held("candidate")
    case_id = office.take_in(sure)
    office.take_in(unsure)
    decide(office, case_id, Outcome.BLOCK)
    office.enact()
    office.desk.decide_appeal(office.appeal(case_id), LEA, False, "it was another picture")
    undone = office.orders(case_id)[-1]
    assert undone.round == "appeal"
    assert [(each.held, each.decision) for each in undone.holds] == [(sure.held, "release")]
    assert office.see(case_id).row.state is CaseState.CLOSED


def test_an_upheld_referral_leaves_an_unconfirmed_message_delivered(office: Office) -> None:
    case_id = office.take_in(held("confirmed"))
    office.take_in(held("outage"))
    decide(office, case_id, Outcome.REFER)
    office.enact()
    office.desk.decide_appeal(office.appeal(case_id), LOU, True, "it stands")
    assert office.orders(case_id)[-1].holds == ()
    states = [one.hold_state for one in office.see(case_id).sources]
    assert states == ["blocked", "released"]


def test_no_measure_is_taken_on_an_account_against_which_nothing_is_known(office: Office) -> None:
    case_id = office.take_in(hold("ada"))
    received = hold("bob", source=Source.BLOCKED, kind=RECEIVED, held=None)
    assert office.take_in(received) == case_id
    office.desk.take(case_id, MO)
    with pytest.raises(AccountsNotNamed, match="nothing is known against bob"):
        office.desk.decide(case_id, MO, ruling(Outcome.WARN, accounts=("ada", "bob")))
    office.desk.decide(case_id, MO, ruling(Outcome.WARN, accounts=("ada",)))
    assert {order.subject for order in office.orders(case_id)} == {"ada"}
