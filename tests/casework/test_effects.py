import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.casework.effects import (
    EFFECTS,
    MALFORMED,
    MEASURES,
    RECEIVED,
    CaseFacts,
    HoldEffect,
    HoldState,
    SourceFacts,
    offer,
    offers,
    on_hold,
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


PUBLIC = SourceFacts(Source.SURFACE, "ada", "profile picture", facts=CERTIFIED)


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
            kind=st.sampled_from(["", "outage", "candidate", "confirmed", MALFORMED, RECEIVED]),
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
    listed_only=st.booleans(),
    seen=st.booleans(),
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
    nobody_looked = not facts.has_content or (facts.listed_only and not facts.seen)
    if told.allowed and nobody_looked:
        assert facts.certified_match
        assert told.second_reader


@given(FACTS)
def test_no_referral_is_one_persons_alone_unless_somebody_looked(facts: CaseFacts) -> None:
    told = offer(facts, Outcome.REFER)
    if told.allowed and not told.second_reader:
        assert facts.has_content
        assert facts.seen
        assert not facts.second_reader_always


@given(FACTS, st.sampled_from(list(Outcome)))
def test_what_becomes_of_a_held_message_goes_by_what_is_known_of_that_very_message(
    facts: CaseFacts, outcome: Outcome
) -> None:
    for one in facts.sources:
        done = on_hold(one, outcome)
        if one.source is not Source.HOLD or one.hold is not HELD:
            assert done is None
        elif one.confirmed or one.kind == MALFORMED:
            assert done is not None
            assert done.move == ("block" if outcome in MEASURES else "release")
        else:
            assert done is not None
            assert (done.move, done.tells) == ("release", False)


@given(FACTS, st.sampled_from(sorted(MEASURES)), st.integers(0, 30))
def test_an_account_of_unconfirmed_messages_alone_is_spared_whatever_is_decided_of_others(
    facts: CaseFacts, outcome: Outcome, days: int
) -> None:
    for each in on_subjects(facts, outcome, facts.subjects, days):
        if all(one.innocent for one in facts.sources if one.subject == each.subject):
            assert (each.account, each.tells) == ("none", False)


@given(FACTS, st.sampled_from(sorted(MEASURES)))
def test_a_measure_that_would_only_let_unconfirmed_messages_go_is_not_offered(
    facts: CaseFacts, outcome: Outcome
) -> None:
    if all(one.innocent for one in facts.sources):
        assert not offer(facts, outcome).allowed
    about = replace(facts, sources=tuple(one for one in facts.sources if not one.innocent))
    if about.sources:
        assert offer(facts, outcome).allowed == offer(about, outcome).allowed


@given(FACTS)
def test_nothing_needs_to_be_opened_only_where_all_that_could_be_is_a_confirmed_match(
    facts: CaseFacts,
) -> None:
    if facts.has_content and facts.nothing_to_open:
        assert facts.listed_only
        assert all(
            one.confirmed for one in facts.sources if one.source in (Source.SURFACE, Source.REPORT)
        )
    if "nothing needs to be opened" in proposed(facts).why:
        assert facts.nothing_to_open


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
    assert not offer(case(reported, content=True, seen=True, **off), Outcome.REFER).second_reader
    assert offer(case(reported, content=True, **off), Outcome.REFER).second_reader
    assert offer(case(held(), **off), Outcome.REFER).second_reader


def test_a_listed_public_picture_that_nobody_looked_at_is_a_match_alone() -> None:
    off = {"second_reader_always": False, "content": True, "listed_only": True}
    once = SourceFacts(Source.SURFACE, "ada", facts=ONE_CERTIFIER)
    twice = SourceFacts(Source.SURFACE, "ada", facts=CERTIFIED)
    assert not offer(case(once, **off), Outcome.REFER).allowed
    assert offer(case(twice, **off), Outcome.REFER).second_reader
    assert offer(case(once, seen=True, **off), Outcome.REFER).allowed
    assert not offer(case(twice, seen=True, **off), Outcome.REFER).second_reader


def test_unconfirmed_messages_beside_a_report_are_delivered_and_the_offers_say_so() -> None:
    unsure = held(UNCONFIRMED, kind="candidate")
    joined = case(unsure, SourceFacts(Source.REPORT, "ada"), content=True)
    for outcome in (Outcome.WARN, Outcome.RESTRICT, Outcome.REFER):
        told = offer(joined, outcome)
        assert told.allowed
        assert "unconfirmed messages are delivered" in told.why
    refused = offer(joined, Outcome.BLOCK)
    assert not refused.allowed
    assert "never confirmed" in refused.why


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
        (case(PUBLIC, content=True, listed_only=True), Outcome.REFER),
        (case(PUBLIC, content=True), None),
        (case(replace(PUBLIC, facts=ONE_CERTIFIER), content=True, listed_only=True), Outcome.BLOCK),
        (case(replace(PUBLIC, facts=UNCONFIRMED), content=True, listed_only=True), None),
        (
            case(PUBLIC, held(UNCONFIRMED, kind="outage"), content=True, listed_only=True),
            Outcome.REFER,
        ),
        (case(SourceFacts(Source.BLOCKED, "ada", facts=CERTIFIED)), Outcome.REFER),
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
        message = on_hold(one, outcome)
        if effect is None:
            assert (message, done.account, done.tells) == (None, "none", False)
        else:
            assert (message.move if message else None) == effect.hold
            assert (done.account, done.tells) == (effect.account, effect.tells)


def test_nobody_learns_that_an_unconfirmed_message_was_held_and_let_go() -> None:
    unsure = case(held(UNCONFIRMED, kind="outage"))
    (quiet,) = on_subjects(unsure, Outcome.RELEASE, ("ada",), 0)
    (told,) = on_subjects(case(held()), Outcome.RELEASE, ("ada",), 0)
    assert not quiet.tells
    assert told.tells


def test_a_referral_on_a_hold_keeps_it_blocked_and_may_restrict() -> None:
    (done,) = on_subjects(case(held()), Outcome.REFER, ("ada",), 5)
    assert done.account == "restrict"
    assert on_hold(held(), Outcome.REFER) == HoldEffect("block", tells=True)


def test_a_warning_is_refused_while_a_legal_hold_withholds_telling() -> None:
    assert not offer(case(held(), telling_withheld=True), Outcome.WARN).allowed


def test_who_received_a_listed_picture_is_never_acted_upon_for_it() -> None:
    received = case(SourceFacts(Source.BLOCKED, "ben", RECEIVED, facts=CERTIFIED))
    allowed = {one.outcome for one in offers(received) if one.allowed}
    assert allowed == {Outcome.NO_ACTION}
    sent = case(SourceFacts(Source.BLOCKED, "ben", "confirmed", facts=CERTIFIED))
    assert MEASURES & {one.outcome for one in offers(sent) if one.allowed}
