from hypothesis import given
from hypothesis import strategies as st

from softfall.casework.model import Severity, Source
from softfall.casework.priority import (
    FIRST,
    HOUR_MS,
    ORDINARY_HOURS,
    RULES,
    Category,
    Known,
    priority,
    waiting_words,
)

KNOWN = st.builds(
    Known,
    source=st.sampled_from(list(Source)),
    reason=st.sampled_from(["child-safety", "threat", "spam", "on the list", ""]),
    confirmed=st.booleans(),
    escalated=st.booleans(),
    child_at_risk_now=st.booleans(),
    reporter=st.none() | st.sampled_from(["ben", "cy", "dee"]),
)


def one(source: Source = Source.REPORT, reason: str = "spam", **facts: bool) -> Known:
    flags = {"confirmed": False, "escalated": False, "child_at_risk_now": False, **facts}
    return Known(source, reason, **flags)


@given(st.lists(KNOWN, min_size=1, max_size=5), st.lists(KNOWN, min_size=1, max_size=5))
def test_a_child_at_risk_now_comes_before_everything_else(
    some: list[Known], others: list[Known]
) -> None:
    mine, theirs = priority(some, 10**12), priority(others, 0)
    at_risk = any(known.child_at_risk_now for known in some)
    if at_risk and not any(known.child_at_risk_now for known in others):
        assert mine.rank < theirs.rank
        assert mine.reasons[0] == "a child may be at risk now"
    assert (mine.rank == FIRST) == at_risk


@given(st.lists(KNOWN, min_size=1, max_size=5), KNOWN)
def test_what_is_added_never_makes_a_case_wait_longer(known: list[Known], more: Known) -> None:
    before, after = priority(known, 0), priority([*known, more], 0)
    assert (after.rank, after.due_at_ms) <= (before.rank, before.due_at_ms)


@given(st.lists(KNOWN, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_in_which_things_came_does_not_matter(known: list[Known], chance: object) -> None:
    shuffled = list(known)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert priority(shuffled, 0) == priority(known, 0)


@given(st.lists(KNOWN, min_size=1, max_size=5))
def test_there_is_always_a_reason_and_no_case_waits_for_ever(known: list[Known]) -> None:
    now = priority(known, 0)
    assert now.reasons
    assert now.due_at_ms <= ORDINARY_HOURS * HOUR_MS


def test_an_old_ordinary_case_comes_before_a_new_severe_one() -> None:
    old = priority([one()], 0)
    new = priority([one(reason="child-safety")], 69 * HOUR_MS)
    assert old.due_at_ms < new.due_at_ms


def test_several_reporters_weigh_more_and_those_without_a_name_are_one() -> None:
    named = [Known(Source.REPORT, "spam", False, False, False, who) for who in ("b", "c", "d")]
    nameless = [one(), one(), one()]
    assert "reported by several people" in priority(named, 0).reasons
    assert "reported by several people" not in priority(nameless, 0).reasons


def test_every_rule_is_somebodys() -> None:
    sources = [
        one(child_at_risk_now=True),
        one(Source.HOLD, confirmed=True, escalated=True),
        one(reason="child-safety"),
        one(reason="threat"),
        *(Known(Source.REPORT, "spam", False, False, False, who) for who in ("b", "c", "d")),
    ]
    assert set(priority(sources, 0).reasons) == {rule.words for rule in RULES}


def test_what_a_case_is_and_how_hard_it_may_be() -> None:
    rows = (
        (one(reason="child-safety"), Category.CHILD_SAFETY, Severity.SEVERE),
        (one(reason="threat"), Category.THREAT, Severity.SEVERE),
        (one(), Category.REPORT, Severity.ORDINARY),
        (one(Source.HOLD, confirmed=True), Category.KNOWN_PICTURE, Severity.SEVERE),
        (one(Source.BLOCKED, confirmed=True), Category.KNOWN_PICTURE, Severity.SEVERE),
        (one(Source.HOLD), Category.UNSURE_HOLD, Severity.ORDINARY),
        (one(Source.SURFACE), Category.PUBLIC, Severity.ORDINARY),
        (one(Source.TOOL), Category.TOOL, Severity.ORDINARY),
        (one(Source.TOOL, child_at_risk_now=True), Category.TOOL, Severity.SEVERE),
    )
    for known, category, severity in rows:
        now = priority([known], 0)
        assert (now.category, now.severity) == (category, severity)


def test_waiting_is_told_in_words() -> None:
    assert waiting_words(0, 5 * HOUR_MS, 3 * HOUR_MS) == "waits 3 hours"
    assert waiting_words(0, 5 * HOUR_MS, 72 * HOUR_MS) == "waits 3 days, overdue"
    assert waiting_words(HOUR_MS, 5 * HOUR_MS, 0) == "waits 0 hours"
