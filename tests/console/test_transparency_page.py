import csv
import io
from datetime import UTC, datetime

from softfall.casework.incoming import Incoming, ReportedMessage
from softfall.casework.model import Role, Source

from .house import START_MS, House

THIS_MONTH = datetime.fromtimestamp(START_MS / 1000, UTC).strftime("%Y-%m")


def report(house: House, number: int) -> None:
    """A report of a short harmless message."""
    envelope_id = f"{number:032x}"
    message = ReportedMessage(
        sender="sam", conversation="sam and robin", envelope_id=envelope_id,
        received_at_ms=START_MS, text="Nobody wants you here.",
    )  # fmt: skip
    incoming = Incoming(
        reference=f"report:{number}", source=Source.REPORT, subject="sam", reason="bullying",
        arrived_at_ms=START_MS, reporter="robin", messages=(message,),
    )  # fmt: skip
    house.service.desk.take_in("provider", incoming)


def values(text: str) -> dict[tuple[str, str, str], str]:
    return {
        (row["table"], row["row"], row["column"]): row["value"]
        for row in csv.DictReader(io.StringIO(text))
    }


def test_a_month_s_figures_are_on_the_page_and_in_the_table(either_house: House) -> None:
    house = either_house
    for number in range(7):
        report(house, number)
    ann = house.person(Role.AUDITOR)
    page = ann.get("/transparency", params={"month": THIS_MONTH}).text
    assert "is not over" in page
    assert 'data-label="Count">7</td>' in page
    table = ann.get("/transparency/table", params={"month": THIS_MONTH})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert values(table.text)["came-in", "all", "Count"] == "7"


def test_small_counts_are_hidden(house: House) -> None:
    for number in range(3):
        report(house, number)
    ann = house.person(Role.AUDITOR)
    page = ann.get("/transparency", params={"month": THIS_MONTH}).text
    assert ">3</td>" not in page
    assert "fewer than 5" in page


def test_the_last_whole_month_is_shown_unless_one_is_chosen(house: House) -> None:
    ann = house.person(Role.AUDITOR)
    report(house, 1)
    page = ann.get("/transparency").text
    assert "is not over" not in page
    table = values(ann.get("/transparency/table").text)
    assert table["came-in", "all", "Count"] == "0"


def test_only_whole_months_that_have_begun_are_counted(house: House) -> None:
    ann = house.person(Role.AUDITOR)
    for month in ("2026", "2026-13", "x", "2026-03-05", "9999-12", "1969-12", "2999-01"):
        answer = ann.get("/transparency", params={"month": month})
        assert answer.status_code == 400, month
        assert "MonthUnreadable" in answer.text
