import re
import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from softfall.device.help_lines import (
    ANYWHERE,
    EU_COUNTRIES,
    EUROPEAN_UNION,
    every_line,
    help_for,
    oldest,
    page,
)

from .conftest import Town


@pytest.mark.parametrize("line", every_line(), ids=lambda line: f"{line.country} {line.name}")
def test_a_line_says_where_and_when_it_was_read_and_how_to_reach_it(line) -> None:
    assert re.fullmatch(r"[A-Z]{2}|WORLD", line.country)
    assert line.name
    assert line.for_whom
    for address in (line.url, line.source):
        parts = urlsplit(address)
        assert (parts.scheme, bool(parts.netloc)) == ("https", True)
    assert line.checked <= datetime.now(UTC).date(), "nothing was read in the future"
    assert re.fullmatch(r"[0-9A-Za-z -]*", line.call)


def test_there_is_help_anywhere_and_no_line_stands_twice() -> None:
    lines = every_line()
    assert {line.country for line in lines} >= {ANYWHERE, EUROPEAN_UNION}
    assert len({(line.country, line.name) for line in lines}) == len(lines)
    assert any(line.about_own_pictures for line in lines if line.country == ANYWHERE)


@pytest.mark.parametrize("country", ["", "XX", "DE", "de", "FR", "GB", "US", "SE"])
def test_every_country_gets_its_own_lines_first_and_those_for_anywhere(country: str) -> None:
    told = help_for(country)
    anywhere = [line for line in told if line.country == ANYWHERE]
    assert anywhere
    assert list(told[-len(anywhere) :]) == anywhere
    own = {line.country for line in told} - {ANYWHERE, EUROPEAN_UNION}
    assert own <= {country.upper()}
    numbers = [line.call for line in told if line.call]
    assert len(set(numbers)) == len(numbers)


def test_europes_number_is_shown_in_its_countries_and_nowhere_else() -> None:
    assert len(EU_COUNTRIES) == 27
    assert any(line.country == EUROPEAN_UNION for line in help_for("SE"))
    assert not any(line.country == EUROPEAN_UNION for line in help_for("GB"))


def test_where_it_is_about_own_pictures_those_lines_come_first() -> None:
    first, *_, last = help_for("GB", own_pictures=True)
    assert first.about_own_pictures
    assert not last.about_own_pictures


def test_the_page_shows_every_line_with_its_date_and_source() -> None:
    drawn = page()
    assert f"{oldest():%Y-%m-%d}" in drawn
    for line in every_line():
        assert line.name in drawn
        assert line.source in drawn
        assert f"read {line.checked:%Y-%m-%d}" in drawn


def test_a_date_to_come_would_be_noticed() -> None:
    assert datetime.now(UTC).date() + timedelta(days=1) > oldest()


def test_help_needs_no_network(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    device = town.join("leo", country="NZ")
    town.provider.away = True

    def refuse(*_: object) -> None:
        raise AssertionError("somebody opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    assert device.help_lines()[0].name == "0800 What's Up"
