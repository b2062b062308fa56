"""Published figures as one page (HTML) and one table (CSV).

Guarantees: the page needs nothing else: no script, no font, no request; light and dark; it prints.
The CSV has a line for each value, so that it is read without knowing the tables.
"""

import csv
import io
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from softfall.casework.transparency.figures import Figures
from softfall.casework.transparency.reading import Period

_TEMPLATES = Environment(
    loader=PackageLoader("softfall.casework.transparency", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(figures: Figures, period: Period, service: str, made_at: datetime) -> str:
    """The page. service: who publishes it; empty where nobody said."""
    template = _TEMPLATES.get_template("report.html.jinja")
    return template.render(
        figures=figures, period=period, service=service or "This service", made_at=made_at
    )


def to_csv(figures: Figures, period: Period) -> str:
    """A header, then a line a value: from, to, table, row, column, value."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(("from", "to", "table", "row", "column", "value"))
    for table in figures.tables:
        parent = ""
        for row in table.rows:
            parent = parent if row.depth else row.label
            label = f"{parent}: {row.label}" if row.depth else row.label
            for column, value in zip(table.columns[1:], row.cells, strict=True):
                lines.writerow((period.first, period.last, table.name, label, column, value))
    return out.getvalue()
