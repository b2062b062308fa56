"""`softfall transparency`: the figures that are published, small counts hidden."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from softfall import config
from softfall.cli.audit import FileUnusable, console_database
from softfall.errors import InputError

app = typer.Typer(help="Figures to publish, small counts hidden.", no_args_is_help=True)


class DayUnreadable(InputError):
    """A day that is none."""

    remedy = "Write a day as 2026-03-31."


@app.callback()
def transparency() -> None:
    """Figures to publish, small counts hidden."""


@app.command()
def report(
    first: Annotated[
        str, typer.Option("--from", help="The first day, as 2026-01-01.", show_default=False)
    ],
    last: Annotated[
        str, typer.Option("--to", help="The last day; it is counted too.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write into; transparency-FROM-TO if left out.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
    ] = None,
) -> None:
    """Write the transparency report of a period as a page (HTML) and a table (CSV).

    Counts below transparency.small_count are hidden, with as many others as it takes that none can
    be computed. Periods that overlap must not both be published: they can be subtracted.
    """
    from softfall.casework.transparency.figures import figures_of
    from softfall.casework.transparency.reading import Period, count
    from softfall.casework.transparency.report import to_csv, to_html

    settings = config.load(file)
    period = Period(_day(first), _day(last))
    with console_database(file) as db, db.read() as tx:
        figures = figures_of(count(tx, period), settings.transparency.small_count)
    folder = out or Path(f"transparency-{period.first}-{period.last}")
    page = to_html(figures, period, settings.referral.esp_name, datetime.now(UTC))
    for name, text in (
        ("transparency.html", page),
        ("transparency.csv", to_csv(figures, period)),
    ):
        _write(folder / name, text)
        typer.echo(str(folder / name))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DayUnreadable(f"{text!r} is no day") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise FileUnusable(f"{path} can't be written: {error.strerror}") from None
