"""The local authority's page: what it received, as counts, states and text facts.

Guarantees: every value is escaped; no picture, and no words of a conversation, are on it.
"""

from collections import Counter
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from softfall.testing.cybertipline import Fate, Received
from softfall.testing.cybertipline_forms import parse

_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #8884;"
    "vertical-align:top}.scroll{overflow-x:auto}"
)
_HEADS = ("Report", "State", "Opened (UTC)", "Type", "Service", "Account", "Files", "Viewed")


def page(reports: list[Received]) -> str:
    """The whole page, in HTML."""
    counts = Counter(report.fate for report in reports)
    told = ", ".join(f"{counts[fate]} {fate}" for fate in Fate)
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    rows = "".join(_row(report) for report in reversed(reports))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Local authority (simulator)</title><style>{_STYLE}</style>"
        "<h1>Local authority (simulator)</h1><p>Nothing here goes to any real authority. "
        f"Reports: {told}.</p>"
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></html>"
    )


def _row(report: Received) -> str:
    root = parse(report.document) if report.document else None

    def text(path: str) -> str:
        return (root.findtext(path) or "") if root is not None else ""

    opened = datetime.fromtimestamp(report.opened_at_ms / 1000, UTC)
    described = [parse(file.details) for file in report.files if file.details]
    viewed = [each.findtext("fileViewedByEsp") for each in described if each is not None]
    cells = (
        str(report.report_id),
        report.fate,
        opened.strftime("%Y-%m-%d %H:%M:%S"),
        text("incidentSummary/incidentType"),
        text("incidentSummary/platform"),
        text("personOrUserReported/espIdentifier"),
        str(len(report.files)),
        ", ".join("yes" if each == "true" else "no" for each in viewed) or "no file",
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
