"""The console's words about time, counts and what is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.casework.exposure import Allowed, NotNow, Shift, Why
from softfall.casework.model import CaseState, EvidenceKind, Outcome, Severity, Source
from softfall.casework.shifts import Standing
from softfall.console import standing, wording

NOW_MS = 1_760_000_000_000
MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "just now"),
        (1, "1 minute ago"),
        (59, "59 minutes ago"),
        (60, "1 hour ago"),
        (60 * 24 * 3 + 5, "3 days ago"),
    ],
)
def test_a_time_ago_is_told_in_its_largest_unit(minutes: int, words: str) -> None:
    assert wording.ago(NOW_MS - minutes * MINUTE_MS, NOW_MS) == words


def test_a_measure_in_bits_is_told_as_a_confirmed_match_and_any_other_reason_as_it_is() -> None:
    for measured in ("confirmed: within 31 bits of an entry", "within 31 bits of a list entry"):
        assert wording.reason(measured) == "a confirmed match"
    for given_so in ("within 31 bits of an entry, says ada", "spam", "unconfirmed", ""):
        assert wording.reason(given_so) == given_so


@given(st.integers(-(10**12), 10**12))
def test_what_has_passed_is_not_ahead_and_the_other_way_round(length_ms: int) -> None:
    ahead = wording.ahead(NOW_MS + length_ms, NOW_MS)
    ago = wording.ago(NOW_MS + length_ms, NOW_MS)
    assert (ahead == "now") == (length_ms < MINUTE_MS)
    assert (ago == "just now") == (length_ms > -MINUTE_MS)


def test_every_word_of_casework_has_its_words() -> None:
    assert all(map(wording.outcome, Outcome))
    assert all(map(wording.source, Source))
    assert all(map(wording.state, CaseState))
    assert all(map(wording.severity, Severity))
    assert all(map(wording.evidence, EvidenceKind))


def test_a_sentence_of_clauses_says_none_twice() -> None:
    assert wording.once("kept back; warned; warned") == "kept back; warned"


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_against_opening_has_a_calm_headline(why: Why) -> None:
    denied = NotNow(why, NOW_MS + 12 * MINUTE_MS)
    told = standing.told(Standing(None, (), denied, denied, None), NOW_MS)
    assert not told.running
    assert told.headline.endswith(".")
    assert told.left == ("Evidence opens again in 12 minutes.",)


def test_a_running_shift_says_what_is_left_and_when_the_calm_part_has_come() -> None:
    shift = Shift(NOW_MS - MINUTE_MS, NOW_MS + 60 * MINUTE_MS)
    left = Allowed(
        at_ms=NOW_MS, items_left=1, look_left_ms=30 * MINUTE_MS, break_in_ms=10 * MINUTE_MS
    )
    told = standing.told(Standing(shift, (), left, NotNow(Why.CALM), None), NOW_MS)
    assert told.running
    assert told.left[0].startswith("Left today: 1 piece of evidence, 30 minutes of looking;")
    assert "hard to see" in told.left[1]
