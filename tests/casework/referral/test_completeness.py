"""The meter: what is missing is named with its reason; a report of words alone can be whole."""

from dataclasses import replace

from hypothesis import given, settings

from softfall.casework.referral.completeness import POINTS, measure
from softfall.casework.referral.facts import Edits, ReferralFacts
from softfall.casework.referral.report import IncidentType
from softfall.config import ReferralSettings
from tests.casework.referral.test_documents import cases, edits, organisations
from tests.casework.referral.town import SETTINGS, hash_only, text_only

WRITTEN = Edits(
    incident_type=IncidentType.ENTICEMENT,
    summary="An adult account asks a child to meet.",
    urgent="The meeting is set for today.",
)


@given(cases, edits, organisations)
@settings(max_examples=60)
def test_it_is_a_share_of_what_could_be_there(
    facts: ReferralFacts, edited: Edits, ours: ReferralSettings
) -> None:
    told = measure(facts, edited, ours)
    assert 0 <= told.percent <= 100
    assert (told.percent == 100) == (not told.missing)
    assert set(told.missing) | set(told.there) <= set(POINTS)
    assert not set(told.missing) & set(told.there)
    weights = [point.weight for point in told.missing]
    assert weights == sorted(weights, reverse=True)


def test_a_report_of_words_alone_reaches_the_whole() -> None:
    assert measure(text_only(), WRITTEN, SETTINGS).percent == 100


def test_writing_what_is_missing_raises_it_step_by_step() -> None:
    steps = [
        Edits(),
        Edits(summary=WRITTEN.summary),
        Edits(summary=WRITTEN.summary, urgent=WRITTEN.urgent),
        WRITTEN,
    ]
    percents = [measure(text_only(), step, SETTINGS).percent for step in steps]
    assert percents == sorted(set(percents))


def test_each_thing_that_is_missing_says_why_it_would_help() -> None:
    told = measure(text_only(), Edits(reporter_is="nobody"), ReferralSettings())
    assert len(told.sentences) == len(told.missing) >= 6
    assert any("which account was written to" in sentence for sentence in told.sentences)


def test_it_never_asks_anybody_to_look_at_a_picture() -> None:
    for facts in (hash_only(), replace(text_only(), child_at_risk_now=False)):
        assert not any(
            "view" in sentence for sentence in measure(facts, Edits(), SETTINGS).sentences
        )
