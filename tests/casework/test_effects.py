import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.casework.effects import (
    EFFECTS,
    MALFORMED,
    MEASURES,
    RECEIVED,
    CaseFacts,
    HoldState,
    SourceFacts,
    offer,
    offers,
    on_subjects,
    proposed,
)
from softfall.casework.incoming import HashFacts
from softfall.casework.model import Outcome, Source

from .office import CERTIFIED, ONE_CERTIFIER, UNCONFIRMED

HELD = HoldState.HELD


def held(facts: HashFacts | None = CERTIFIED, **how: object) -> SourceFacts:
    values: dict[str, object] = {"kind": "confirmed", "hold": HELD, "facts": facts, **how}
    return SourceFacts(Source.HOLD, "ada", **values)  # type: ignore[arg-type]


def case(*sources: SourceFacts, content: bool = False, **how: bool) -> CaseFacts:
    return CaseFacts(sources, content, **how)


def one_source(
    source: Source, subject: str, kind: str, trusted: bool, hold: HoldState, facts: HashFacts | None
) -> SourceFacts:
    is_hold = source is Source.HOLD
    return SourceFacts(source, subject, kind, trusted or is_hold, hold if is_hold else None, facts)


FACTS = st.builds(
    CaseFacts,
    sources=st.lists(
        st.builds(
            one_source,
            source=st.sampled_from(list(Source)),
            subject=st.sampled_from(["ada", "bob"]),
            kind=st.sampled_from(["", "outage", "confirmed", MALFORMED]),
            trusted=st.booleans(),
            hold=st.sampled_from(list(HoldState)),
            facts=st.none() | st.sampled_from([CERTIFIED, ONE_CERTIFIER, UNCONFIRMED]),
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    has_content=st.booleans(),
    own_picture=st.booleans(),
    telling_withheld=st.booleans(),
    second_reader_always=st.booleans(),
)


@given(FACTS)
def test_every_outcome_is_offered_or_refused_with_a_reason(facts: CaseFacts) -> None:
    told = offers(facts)
    assert [each.outcome for each in told] == list(Outcome)
    assert all(each.why for each in told)


@given(FACTS)
def test_something_can_always_be_decided(facts: CaseFacts) -> None:
    assert offer(facts, Outcome.NO_ACTION).allowed


@given(FACTS)
def test_what_is_proposed_is_allowed(facts: CaseFacts) -> None:
    suggested = proposed(facts).outcome
    if suggested is not None:
        assert offer(facts, suggested).allowed


@given(FACTS)
def test_nothing_is_done_to_anybody_on_an_unconfirmed_match_alone(facts: CaseFacts) -> None:
    innocent = not facts.has_content and all(
        not one.confirmed and one.kind != MALFORMED for one in facts.sources
    )
    if innocent:
        assert not any(each.allowed for each in offers(facts) if each.outcome in MEASURES)


@given(FACTS)
def test_a_referral_from_a_hash_alone_needs_two_certifiers_and_a_second_reader(
    facts: CaseFacts,
) -> None:
    told = offer(facts, Outcome.REFER)
    if told.allowed and not facts.has_content:
        assert facts.certified_match
        assert told.second_reader


@given(FACTS)
def test_a_young_persons_own_picture_is_referred_by_override_only(facts: CaseFacts) -> None:
    told = offer(facts, Outcome.REFER)
    if facts.own_picture:
        assert told.override or not told.allowed
        assert proposed(facts).outcome in (Outcome.WARN, Outcome.NO_ACTION)


@given(FACTS, st.sampled_from(list(Outcome)), st.integers(0, 30))
def test_accounts_that_are_not_named_meet_no_measure(
    facts: CaseFacts, outcome: Outcome, days: int
) -> None:
    done = on_subjects(facts, outcome, ("bob",), days)
    assert {each.subject for each in done} == set(facts.subjects)
    assert all(each.account == "none" for each in done if each.subject != "bob")


def test_a_certificate_twice_is_one() -> None:
    assert not offer(case(held(ONE_CERTIFIER)), Outcome.REFER).allowed
    assert offer(case(held(CERTIFIED)), Outcome.REFER).allowed


def test_a_match_that_a_tool_claims_is_no_proof() -> None:
    claimed = SourceFacts(Source.TOOL, "ada", trusted=False, facts=CERTIFIED)
    assert not offer(case(claimed), Outcome.REFER).allowed
    assert not offer(case(claimed), Outcome.WARN).allowed


def test_something_reported_may_be_referred_without_any_match() -> None:
    reported = SourceFacts(Source.REPORT, "ada")
    assert offer(case(reported, content=True), Outcome.REFER).allowed


def test_the_second_reader_may_be_switched_off_only_where_somebody_read_it() -> None:
    reported = SourceFacts(Source.REPORT, "ada")
    off = {"second_reader_always": False}
    assert not offer(case(reported, content=True, **off), Outcome.REFER).second_reader
    assert offer(case(held(), **off), Outcome.REFER).second_reader


def test_what_is_not_held_is_neither_released_nor_blocked() -> None:
    for gone in (HoldState.RELEASED, HoldState.EXPIRED, HoldState.BLOCKED):
        facts = case(held(hold=gone))
        assert not offer(facts, Outcome.RELEASE).allowed
        assert not offer(facts, Outcome.BLOCK).allowed
    reported = case(SourceFacts(Source.REPORT, "ada"), content=True)
    assert not offer(reported, Outcome.RELEASE).allowed
    assert not offer(reported, Outcome.BLOCK).allowed


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (case(held()), Outcome.REFER),
        (case(held(ONE_CERTIFIER)), Outcome.BLOCK),
        (case(held(UNCONFIRMED, kind="outage")), Outcome.RELEASE),
        (case(held(None, kind=MALFORMED)), None),
        (case(SourceFacts(Source.REPORT, "ada"), content=True), None),
        (case(held(), own_picture=True), Outcome.WARN),
    ],
)
def test_what_the_facts_alone_suggest(facts: CaseFacts, outcome: Outcome | None) -> None:
    assert proposed(facts).outcome is outcome


def test_every_effect_of_the_table_is_what_the_provider_is_told() -> None:
    for source, outcome in itertools.product(Source, Outcome):
        one = SourceFacts(
            source, "ada", "confirmed", hold=HELD if source is Source.HOLD else None,
            facts=CERTIFIED,
        )  # fmt: skip
        effect = EFFECTS[source].get(outcome)
        (done,) = on_subjects(case(one), outcome, ("ada",), 0)
        if effect is None:
            assert (done.hold, done.account, done.tells) == (None, "none", False)
        else:
            assert (done.hold, done.account, done.tells) == (
                effect.hold,
                effect.account,
                effect.tells,
            )


def test_nobody_learns_that_an_unconfirmed_message_was_held_and_let_go() -> None:
    unsure = case(held(UNCONFIRMED, kind="outage"))
    (quiet,) = on_subjects(unsure, Outcome.RELEASE, ("ada",), 0)
    (told,) = on_subjects(case(held()), Outcome.RELEASE, ("ada",), 0)
    assert not quiet.tells
    assert told.tells


def test_a_referral_on_a_hold_keeps_it_blocked_and_may_restrict() -> None:
    (done,) = on_subjects(case(held()), Outcome.REFER, ("ada",), 5)
    assert (done.hold, done.account) == ("block", "restrict")


def test_a_warning_is_refused_while_a_legal_hold_withholds_telling() -> None:
    assert not offer(case(held(), telling_withheld=True), Outcome.WARN).allowed


def test_who_received_a_listed_picture_is_never_acted_upon_for_it() -> None:
    received = case(SourceFacts(Source.BLOCKED, "ben", RECEIVED, facts=CERTIFIED))
    allowed = {one.outcome for one in offers(received) if one.allowed}
    assert allowed == {Outcome.NO_ACTION}
    sent = case(SourceFacts(Source.BLOCKED, "ben", "confirmed", facts=CERTIFIED))
    assert MEASURES & {one.outcome for one in offers(sent) if one.allowed}
