"""Published figures: counted right on both databases, hidden together, readable."""

import csv
import io
import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from softfall.casework.model import LINE_OF_SOURCE, Line, Outcome, Source
from softfall.casework.transparency.figures import (
    HOUR_MS,
    Counted,
    DecidedCase,
    DecidedHold,
    Figures,
    FiguresTable,
    figures_of,
    percentile_ms,
)
from softfall.casework.transparency.reading import Period, PeriodUnfit, count
from softfall.casework.transparency.report import to_csv, to_html
from tests.casework.office import (
    DAY_MS,
    LEA,
    LOU,
    UNCONFIRMED,
    Office,
    hold,
    report,
)

PERIOD = Period(date(2023, 11, 14), date(2023, 12, 31))  # from the office's first day on
LINES = sorted({*LINE_OF_SOURCE.values()})


def table(figures: Figures, name: str) -> FiguresTable:
    return next(each for each in figures.tables if each.name == name)


def shown(figures: Figures, name: str) -> dict[str, tuple[str, ...]]:
    return {row.label: row.cells for row in table(figures, name).rows}


def many(times: int) -> Counted:
    """A period in which every kind of thing happened so often."""
    return Counted(
        came_in=[source for source in Source for _ in range(times)],
        decided=[
            DecidedCase(line, outcome, HOUR_MS * hours)
            for line in LINES
            for outcome in Outcome
            for hours in range(1, times + 1)
        ],
        holds=[
            DecidedHold(confirmed, end)
            for confirmed in (True, False)
            for end in ("released", "kept", "reversed")
            for _ in range(times)
        ],
        appeals_made=3 * times,
        appeals_upheld=times,
        appeals_reversed=times,
        released_by_time=times,
        referrals_received=times,
        referrals_mailed=times,
    )


def test_large_counts_are_shown_with_their_sums() -> None:
    figures = figures_of(many(10), 5)
    assert shown(figures, "came-in") == {
        Line.USERS: ("10",), "a person reported messages": ("10",),
        Line.PLATFORM: ("20",), "something public matched": ("10",),
        "another tool of the platform": ("10",),
        Line.LISTS: ("20",), "a message was held": ("10",), "stopped before it was sent": ("10",),
        "all": ("50",),
    }  # fmt: skip
    decided = shown(figures, "decided")
    assert decided["all"] == (*("30",) * len(Outcome), "180")
    assert shown(figures, "appeals")["the decision was reversed"] == ("10",)
    assert shown(figures, "holds")["confirmed match"] == ("10", "10", "10", "30", "20")
    assert shown(figures, "times")["all"] == ("180", "5.0", "9.0")


def test_times_of_few_decisions_are_not_shown() -> None:
    few = Counted(decided=[DecidedCase(Line.USERS, Outcome.WARN, HOUR_MS)] * 4)
    assert shown(figures_of(few, 5), "times")[Line.USERS][1:] == ("withheld", "withheld")


def test_no_small_count_is_anywhere_in_what_is_published() -> None:
    few = many(2)
    figures = figures_of(few, 5)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert not re.search(r"<td>[1-4]</td>", to_html(figures, PERIOD, "", now))
    values = [row["value"] for row in csv.DictReader(io.StringIO(to_csv(figures, PERIOD)))]
    assert not {"1", "2", "3", "4"} & set(values)
    assert "fewer than 5" in values


@settings(max_examples=15)
@given(
    cases=st.lists(
        st.builds(
            DecidedCase, st.sampled_from(LINES), st.sampled_from(Outcome), st.integers(0, 10**9)
        ),
        max_size=60,
    ),
    small_count=st.integers(3, 8),
)
def test_any_period_can_be_published_without_a_small_count(
    cases: list[DecidedCase], small_count: int
) -> None:
    figures = figures_of(Counted(decided=cases), small_count)
    for each in ("decided", "referrals"):
        for row in table(figures, each).rows:
            for cell in row.cells:
                assert not (cell.isdigit() and 0 < int(cell) < small_count)


@given(times=st.lists(st.integers(0, 10**6), min_size=1, max_size=50), percent=st.integers(1, 100))
def test_so_many_in_a_hundred_do_not_take_longer(times: list[int], percent: int) -> None:
    found = percentile_ms(times, percent)
    assert found in times
    assert sum(each <= found for each in times) * 100 >= percent * len(times)
    assert sum(each < found for each in times) * 100 < percent * len(times)


def counted(office: Office, period: Period = PERIOD) -> Counted:
    with office.db.read() as tx:
        return count(tx, period)


def test_what_happens_at_the_desk_is_what_is_counted(office: Office) -> None:
    kept = office.take_in(hold(subject="ada"))
    released = office.take_in(hold(subject="bea", facts=UNCONFIRMED))
    office.take_in(report(subject="cara"))
    office.later(2 * HOUR_MS)
    office.decide(kept, Outcome.BLOCK)
    office.decide(released, Outcome.RELEASE)
    office.enact()
    figures = counted(office)
    assert sorted(figures.came_in) == [Source.HOLD, Source.HOLD, Source.REPORT]
    assert sorted((c.line, c.outcome, c.took_ms) for c in figures.decided) == [
        (Line.LISTS, Outcome.BLOCK, 2 * HOUR_MS),
        (Line.LISTS, Outcome.RELEASE, 2 * HOUR_MS),
    ]
    assert sorted((h.confirmed, h.end) for h in figures.holds) == [
        (False, "released"), (True, "kept"),
    ]  # fmt: skip


def test_an_appeal_that_reverses_makes_a_false_hold(office: Office) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.BLOCK)
    office.enact()
    appeal_id = office.appeal(case_id)
    office.desk.decide_appeal(appeal_id, LOU, False, "it was harmless")
    figures = counted(office)
    assert (figures.appeals_made, figures.appeals_upheld, figures.appeals_reversed) == (1, 0, 1)
    assert [hold.end for hold in figures.holds] == ["reversed"]


def test_a_referral_counts_once_its_second_reader_agreed(office: Office) -> None:
    case_id = office.take_in(report())
    office.desk.take(case_id, LEA)
    assert counted(office).decided == []
    office.desk.give_back(case_id, LEA)
    office.refer(case_id)
    assert [case.outcome for case in counted(office).decided] == [Outcome.REFER]


def test_only_what_happened_in_the_period_counts(office: Office) -> None:
    case_id = office.take_in(report())
    office.later(3 * DAY_MS)
    office.decide(case_id, Outcome.WARN)
    first_day = Period(date(2023, 11, 14), date(2023, 11, 14))
    assert len(counted(office, first_day).came_in) == 1
    assert counted(office, first_day).decided == []
    later = Period(date(2023, 11, 15), date(2023, 11, 30))
    assert (len(counted(office, later).came_in), len(counted(office, later).decided)) == (0, 1)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(PeriodUnfit):
        Period(date(2026, 1, 2), date(2026, 1, 1))


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    page = to_html(figures_of(many(10), 5), PERIOD, "<Chat & Co>", made)
    tree = html.document_fromstring(page)
    assert tree.get("lang") == "en-GB"
    assert len(tree.findall(".//table")) == 6
    for each in tree.findall(".//table"):
        widths = {len(row.findall("*")) for row in each.iter("tr")}
        assert len(widths) == 1
        assert all(cell.get("scope") for cell in each.iter("th"))
    assert "<Chat & Co>" in tree.text_content()
    assert not tree.xpath("//script | //link | //img | //*[@src] | //*[@href]")
    assert "http" not in page.replace("http-equiv", "")


def test_the_table_for_machines_has_every_value() -> None:
    figures = figures_of(many(10), 5)
    rows = list(csv.DictReader(io.StringIO(to_csv(figures, PERIOD))))
    assert len(rows) == sum(len(row.cells) for t in figures.tables for row in t.rows)
    keys = {(row["table"], row["row"], row["column"]) for row in rows}
    assert len(keys) == len(rows)
    assert {row["from"] for row in rows} == {"2023-11-14"}
