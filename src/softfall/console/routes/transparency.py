"""Transparency: what is published of a month, small counts hidden, on a page and as a table.

Guarantees: whole calendar months alone. Periods that overlap could be subtracted from one another,
and months do not; the one that runs is marked as not to be published yet.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from softfall.casework.transparency.figures import Figures, figures_of
from softfall.casework.transparency.reading import Period, count
from softfall.casework.transparency.report import to_csv
from softfall.console import pages
from softfall.console.access import Anybody, ConsoleNow
from softfall.console.service import ConsoleService
from softfall.errors import InputError

MONTHS_OFFERED = 13

router = APIRouter(tags=["pages"])

Month = Annotated[str, Query(max_length=16, description="As 2026-03; empty: the last whole one.")]


class MonthUnreadable(InputError):
    """A month that is none, or is still to come."""

    remedy = "Write a month as 2026-03, not after the present one."


@router.get("/transparency", summary="What is published of a month")
def transparency(
    request: Request, session: Anybody, service: ConsoleNow, month: Month = ""
) -> Response:
    """By line of defence, outcome, time to decision, appeals, false holds; small counts hidden."""
    today = _today(service)
    period = _period(month, today)
    return pages.render(
        request, "transparency.html", figures=_figures(service, period), period=period,
        month=f"{period.first:%Y-%m}", months=_offered(today), runs=period.last >= today,
    )  # fmt: skip


@router.get("/transparency/table", summary="The same as a table (CSV)")
def table(session: Anybody, service: ConsoleNow, month: Month = "") -> Response:
    """A line a value: from, to, table, row, column, value."""
    period = _period(month, _today(service))
    name = f"transparency-{period.first}-{period.last}.csv"
    return Response(
        to_csv(_figures(service, period), period),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _figures(service: ConsoleService, period: Period) -> Figures:
    with service.db.read() as tx:
        counted = count(tx, period)
    return figures_of(counted, service.settings.transparency.small_count)


def _today(service: ConsoleService) -> date:
    return datetime.fromtimestamp(service.clock() / 1000, UTC).date()


def _period(month: str, today: date) -> Period:
    """The whole month that is asked for. Raises MonthUnreadable."""
    if not month:
        first = _month_before(today.replace(day=1))
    else:
        try:
            first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError:
            raise MonthUnreadable("this is not a month") from None
    if first > today or first.year < 1970:
        raise MonthUnreadable("this month is still to come, or long ago")
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def _offered(today: date) -> list[tuple[str, str]]:
    """The present month and those before it: as addresses name them, and as people do."""
    first, found = today.replace(day=1), []
    for _ in range(MONTHS_OFFERED):
        found.append((f"{first:%Y-%m}", f"{first:%B %Y}"))
        first = _month_before(first)
    return found


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)
