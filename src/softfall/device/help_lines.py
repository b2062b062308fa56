"""Help lines by country, from a dated table in the package: at hand without a network.

Guarantees: nobody is asked and nothing is sent to show them; each line names the page on which it
was read, and when (`help_lines.toml` says how). Where a country has none, or none is told, those
for anywhere are given; what helps to take down pictures of oneself comes first where that is asked.
Limit: a table ages; `oldest()` says by how much. None of this replaces an emergency number.
Source: each line's own; docs/help-lines.md is drawn from the table.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

ANYWHERE: Final = "WORLD"
EUROPEAN_UNION: Final = "EU"
EU_COUNTRIES: Final = frozenset(
    (
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    )
)  # fmt: skip
EMERGENCY: Final = (
    "If somebody is in danger right now, call your country's emergency number (112, 999 or 911 "
    "reach it in many countries), or tell an adult whom you trust."
)

_TABLE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class HelpLine:
    """One line. call: a number, or what to text; empty: by its website alone.

    country: ISO 3166-1, or EU, or WORLD. source: where it was read; checked: when.
    """

    country: str
    name: str
    call: str
    url: str
    for_whom: str
    source: str
    checked: date
    about_own_pictures: bool = False

    def __str__(self) -> str:
        reach = f"{self.call}, {self.url}" if self.call else self.url
        return f"{self.name}: {reach} ({self.for_whom})"


@cache
def every_line() -> tuple[HelpLine, ...]:
    """The whole table, in its order."""
    values = tomllib.loads(_TABLE.read_text("utf-8"))
    return tuple(HelpLine(**line) for line in values["line"])


def help_for(country: str, own_pictures: bool = False) -> tuple[HelpLine, ...]:
    """The lines for somebody in this country: its own first, then Europe's, then anywhere's.

    country: two letters; empty or unknown: anywhere's alone. own_pictures: those that help with
    pictures of oneself come first.
    """
    wanted = country.upper()
    places = [wanted, *([EUROPEAN_UNION] if wanted in EU_COUNTRIES else []), ANYWHERE]
    found: list[HelpLine] = []
    for line in (line for place in places for line in every_line() if line.country == place):
        if not line.call or line.call not in {other.call for other in found}:
            found.append(line)
    return tuple(sorted(found, key=lambda line: own_pictures and not line.about_own_pictures))


def oldest() -> date:
    """When the line that was read the longest ago was read."""
    return min(line.checked for line in every_line())


def page(lines: Sequence[HelpLine] = ()) -> str:
    """docs/help-lines.md: the table for people to read, with its sources and dates."""
    rows = [
        f"| {line.country} | {line.name} | {line.call or 'by its website'} | <{line.url}> | "
        f"{line.for_whom} | [read {line.checked:%Y-%m-%d}](<{line.source}>) |"
        for line in lines or every_line()
    ]
    return "\n".join(
        [
            "# Help lines\n",
            "What a device shows beside a report, and beside a notice that may weigh on somebody. "
            "The table is part of the package (`device/help_lines.toml`), so that no network is "
            "needed and nobody learns that it was looked at. Each line was read on the page named "
            "as its source (Childline's number: as many public sources print it alike), at the "
            "date given; none was called. **Read them again before you rely on them**: numbers "
            "change, and this table is as old as its dates say. Send a correction as a change of "
            "that one file.\n",
            f"{EMERGENCY}\n",
            "`device.country` chooses the country; without it, or where a country has no line, "
            "those for anywhere (`WORLD`) are shown.\n",
            "| country | name | call or text | website | for whom | source |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
