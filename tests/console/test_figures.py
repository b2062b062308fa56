"""What the console's figures tell, and what they don't: nobody's pace."""

import re
from pathlib import Path

from softfall.casework.model import Role

from .house import Browser, console


def figures(browser: Browser) -> list[str]:
    """The lines that count requests, but for those of the figures themselves."""
    lines = browser.get("/metrics").text.splitlines()
    return [line for line in lines if "route=" in line and "/metrics" not in line]


def test_the_figures_name_no_page_and_tell_no_opening_from_another(
    tmp_path: Path, tls_dir: Path
) -> None:
    with console(tmp_path / "console", tls_dir) as house:
        mo = house.person(Role.MODERATOR, "mo")
        mo.post("/shift/start")
        mo.get("/queue")
        mo.post(f"/cases/{'a' * 32}/evidence/1/read", {"reason": "to decide the case"})
        told = figures(mo)
    routes = {found for line in told for found in re.findall(r'route="([^"]*)"', line)}
    assert routes == {"pages"}
    counted = [line for line in told if line.startswith("softfall_requests_total")]
    assert len(counted) == 1  # by no method, no status, no route
    assert 'status="answered"' in counted[0]


def test_what_programs_ask_is_counted_by_route(tmp_path: Path, tls_dir: Path) -> None:
    with console(tmp_path / "console", tls_dir) as house:
        browser = house.browser()
        browser.get("/v1/health")
        assert any('route="/v1/health"' in line for line in figures(browser))
        token = {"authorization": "Bearer wrong"}
        assert browser.http.post("/v1/intake", json={}, headers=token).status_code == 401
        assert any('route="/v1/intake"' in line for line in figures(browser))
