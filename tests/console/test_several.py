"""Two consoles on one database are one console, as far as staff can tell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.casework.model import Role
from softfall.console import cookies
from softfall.console.sessions import NotSignedIn

from .house import PASSWORD, House, console


@pytest.fixture
def two(tmp_path: Path, tls_dir: Path, database_url: str) -> Iterator[tuple[House, House]]:
    with (
        console(tmp_path / "console", tls_dir, database_url) as one,
        console(tmp_path / "console", tls_dir, database_url) as other,
    ):
        yield one, other


def test_a_session_of_one_is_a_session_of_the_other(two: tuple[House, House]) -> None:
    one, other = two
    here = one.person(Role.MODERATOR, "mo")
    token = here.http.cookies[cookies.SESSION]
    assert other.service.sessions.find(token).name == "mo"
    here.post("/logout")
    with pytest.raises(NotSignedIn):
        other.service.sessions.find(token)


def test_failures_at_both_count_together(two: tuple[House, House]) -> None:
    one, other = two
    one.add("mo", Role.MODERATOR)
    for house in (one, other, one, other, one):
        assert house.browser().log_in("mo", "wrong").status_code == 403
    for house in two:
        assert house.browser().log_in("mo", PASSWORD).status_code == 429
    other.service.office.unlock("operator", "mo")
    assert one.browser().log_in("mo").status_code == 303


def test_a_role_taken_away_at_one_is_gone_at_the_other(two: tuple[House, House]) -> None:
    one, other = two
    one.add("ada", Role.ADMINISTRATOR)
    mo = other.person(Role.ADMINISTRATOR, "mo")
    assert mo.get("/staff").status_code == 200
    one.service.office.set_role("ada", "mo", Role.MODERATOR)
    assert mo.get("/staff").status_code == 303


def test_the_log_of_both_is_one_chain(two: tuple[House, House]) -> None:
    one, other = two
    ann = one.person(Role.AUDITOR, "ann")
    other.person(Role.MODERATOR, "mo")
    assert "The log is whole" in ann.post("/audit/verify").text
    assert [line.number for line in other.lines()] == list(range(1, len(one.lines()) + 1))
