import base64
import json
import re
import warnings
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select

from softfall.casework.model import Role
from softfall.config import ConsoleSettings
from softfall.console import cookies
from softfall.console.oidc import OidcMisconfigured, OidcWay
from softfall.console.tables import oidc_logins
from softfall.testing.oidc import OidcProvider, make

from .house import ORIGIN, Browser, House, console

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

ISSUER = "https://id.example"
_REFRESH = re.compile(r'http-equiv="refresh" content="0; url=([^"]*)"')


class Town:
    """A console, an OIDC provider, and people who go between them."""

    def __init__(self, house: House, provider: OidcProvider, http: TestClient) -> None:
        self.house = house
        self.provider = provider
        self.http = http

    def go(self, browser: Browser, onward: str = "/") -> httpx.Response:
        """Begin at the console; where the provider is."""
        return browser.post("/oidc/start", {"onward": onward}, page="/login")

    def back(self, begun: httpx.Response) -> str:
        """What the provider sends the browser back to: a path of the console's."""
        answer = self.http.get(onward_of(begun), follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix(ORIGIN)

    def log_in(self, browser: Browser, onward: str = "/") -> httpx.Response:
        return browser.get(self.back(self.go(browser, onward)))


def onward_of(page: httpx.Response) -> str:
    found = _REFRESH.search(page.text)
    assert found, page.text
    return unescape(found[1])


@pytest.fixture
def town(tmp_path: Path, tls_dir: Path) -> Iterator[Town]:
    provider = OidcProvider(ISSUER, redirect_url=f"{ORIGIN}/oidc/answer")
    http = TestClient(make(provider), base_url=ISSUER)
    settings: dict[str, Any] = {
        "oidc_issuer": ISSUER, "oidc_client_id": provider.client_id, "public_url": ORIGIN,
        "oidc_client_secret": provider.client_secret,
    }  # fmt: skip
    with console(tmp_path / "console", tls_dir, oidc=http, **settings) as house:
        provider.now_s = lambda: house.clock.now_ms / 1000
        house.add("mo", Role.MODERATOR)
        house.service.office.link_oidc("operator", "mo", "subject-1")
        yield Town(house, provider, http)


def test_who_is_vouched_for_and_on_the_staff_gets_in(town: Town) -> None:
    browser = town.house.browser()
    page = town.log_in(browser, "/settings")
    assert onward_of(page) == "/settings"
    assert "mo, moderator" in browser.get("/").text
    assert cookies.OIDC not in browser.http.cookies
    line = town.house.lines("staff.logged_in")[-1]
    assert (line.who, line.details) == ("mo", '{"way":"oidc"}')
    with town.house.service.db.read() as tx:
        assert tx.execute(select(oidc_logins)).all() == []


def test_what_goes_to_the_provider_is_pkce_state_and_nonce_and_no_secret(town: Town) -> None:
    begun = town.go(town.house.browser())
    url = httpx.URL(onward_of(begun))
    asked = dict(url.params)
    assert str(url).startswith(f"{ISSUER}/authorize?")
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 43
    assert len(asked["nonce"]) == 43
    assert town.provider.client_secret not in begun.text
    cookie = next(c for c in begun.headers.get_list("set-cookie") if cookies.OIDC in c)
    assert "SameSite=lax" in cookie
    assert "HttpOnly" in cookie


def test_nobody_is_made_a_member_of_staff_by_logging_in(town: Town) -> None:
    town.provider.person = "a stranger"
    page = town.log_in(town.house.browser())
    assert page.status_code == 403
    assert "SubjectUnknown" in page.text
    assert [one.name for one in town.house.service.office.members()] == ["mo"]
    assert town.house.lines("staff.login_failed")[-1].details == '{"way":"oidc"}'


def test_a_disabled_person_does_not_get_in_by_the_provider(town: Town) -> None:
    town.house.service.office.disable("operator", "mo")
    assert "SubjectUnknown" in town.log_in(town.house.browser()).text


def test_a_password_set_by_somebody_else_need_not_be_changed_to_get_in_without_it(
    town: Town,
) -> None:
    town.house.service.office.reset("operator", "mo")
    browser = town.house.browser()
    town.log_in(browser)
    assert browser.get("/").status_code == 200


Lie = Callable[[dict[str, Any]], dict[str, Any]]
LIES: dict[str, Lie] = {
    "another issuer": lambda claims: {**claims, "iss": "https://other.example"},
    "for another client": lambda claims: {**claims, "aud": "another-client"},
    "for several, and not by us": lambda c: {**c, "aud": [c["aud"], "x"], "azp": "x"},
    "expired": lambda claims: {**claims, "exp": claims["iat"] - 3600},
    "not yet valid": lambda claims: {**claims, "nbf": claims["iat"] + 3600},
    "issued in the future": lambda claims: {**claims, "iat": claims["iat"] + 3600},
    "another nonce": lambda claims: {**claims, "nonce": "x" * 43},
    "no nonce": lambda claims: {k: v for k, v in claims.items() if k != "nonce"},
    "no subject": lambda claims: {k: v for k, v in claims.items() if k != "sub"},
    "no expiry": lambda claims: {k: v for k, v in claims.items() if k != "exp"},
    "no audience": lambda claims: {k: v for k, v in claims.items() if k != "aud"},
    "an empty subject": lambda claims: {**claims, "sub": ""},
    "a subject that is no text": lambda claims: {**claims, "sub": 1},
    "an endless subject": lambda claims: {**claims, "sub": "x" * 300},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_an_id_token_that_is_not_for_this_log_in_lets_nobody_in(town: Town, lie: Lie) -> None:
    town.provider.lie = lie
    browser = town.house.browser()
    page = town.log_in(browser)
    assert page.status_code == 403
    assert "OidcRefused" in page.text
    assert cookies.SESSION not in browser.http.cookies


def _unsigned(provider: OidcProvider, claims: dict[str, Any]) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(claims)}."


def _by_another_key(provider: OidcProvider, claims: dict[str, Any]) -> str:
    return jwt.encode(
        {"alg": "ES256", "kid": provider.key.kid}, claims, ECKey.generate_key("P-256")
    )


def _by_the_public_key_as_a_secret(provider: OidcProvider, claims: dict[str, Any]) -> str:
    public = OctKey.import_key(json.dumps(provider.key.as_dict(private=False)))
    return jwt.encode({"alg": "HS256"}, claims, public)


def _by_the_client_s_secret(provider: OidcProvider, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(provider.client_secret * 3))


def _not_a_token(provider: OidcProvider, claims: dict[str, Any]) -> str:
    return "not.a.token"


FORGERIES = (
    _unsigned, _by_another_key, _by_the_public_key_as_a_secret, _by_the_client_s_secret,
    _not_a_token,
)  # fmt: skip


@pytest.mark.parametrize("sign", FORGERIES)
def test_an_id_token_that_the_provider_did_not_sign_lets_nobody_in(
    town: Town, sign: Callable[[OidcProvider, dict[str, Any]], str]
) -> None:
    town.provider.sign = sign
    assert "OidcRefused" in town.log_in(town.house.browser()).text


def test_new_keys_of_the_provider_are_asked_for(town: Town) -> None:
    assert town.log_in(town.house.browser()).status_code == 200
    town.provider.key = ECKey.generate_key("P-256", auto_kid=True)
    assert town.log_in(town.house.browser()).status_code == 200


def test_an_answer_counts_once_in_the_browser_that_began_and_in_time(town: Town) -> None:
    browser = town.house.browser()
    back = town.back(town.go(browser))
    other = town.house.browser()
    assert "OidcRefused" in other.get(back).text
    assert "OidcRefused" in browser.get(back).text  # used up by the other's attempt
    back = town.back(town.go(browser))
    assert browser.get(back).status_code == 200
    assert "OidcRefused" in browser.get(back).text
    slow = town.house.browser()
    back = town.back(town.go(slow))
    town.house.clock.pass_minutes(10)
    assert "OidcRefused" in slow.get(back).text


def test_a_login_begun_by_an_attacker_does_not_end_in_a_victim_s_browser(town: Town) -> None:
    attacker, victim = town.house.browser(), town.house.browser()
    town.go(victim)
    back = town.back(town.go(attacker))
    assert "OidcRefused" in victim.get(back).text
    assert cookies.SESSION not in victim.http.cookies


@pytest.mark.parametrize(
    "answer",
    ["/oidc/answer", "/oidc/answer?error=access_denied", "/oidc/answer?code=x",
     "/oidc/answer?code=x&state=x", "/oidc/answer?state=x"],
)  # fmt: skip
def test_an_answer_that_nobody_asked_for_is_refused(town: Town, answer: str) -> None:
    assert "OidcRefused" in town.house.browser().get(answer).text


def test_the_code_alone_is_worth_nothing(town: Town) -> None:
    browser = town.house.browser()
    back = town.back(town.go(browser))
    code = httpx.URL(ORIGIN + back).params["code"]
    form = {
        "grant_type": "authorization_code", "code": code, "code_verifier": "guess" * 10,
        "redirect_uri": town.provider.redirect_url,
    }  # fmt: skip
    auth = (town.provider.client_id, town.provider.client_secret)
    assert town.http.post("/token", data=form, auth=auth).status_code == 400


def test_a_provider_that_is_down_is_said_to_be(town: Town) -> None:
    town.provider.down = True
    page = town.go(town.house.browser())
    assert page.status_code == 503
    assert "OidcUnavailable" in page.text
    assert town.house.browser().log_in("mo").status_code == 303


def test_a_provider_that_describes_another_is_not_used(tmp_path: Path, tls_dir: Path) -> None:
    provider = OidcProvider("https://other.example", redirect_url=f"{ORIGIN}/oidc/answer")
    http = TestClient(make(provider), base_url=ISSUER)
    told = {"oidc_issuer": ISSUER, "oidc_client_id": "x", "public_url": ORIGIN}
    with console(tmp_path / "console", tls_dir, oidc=http, **told) as house:
        browser = house.browser()
        assert "OidcUnavailable" in browser.post("/oidc/start", page="/login").text


def test_a_console_without_a_provider_offers_none(house: House) -> None:
    browser = house.browser()
    assert "organisation" not in browser.get("/login").text
    assert "OidcOff" in browser.post("/oidc/start", page="/login").text
    assert "OidcOff" in browser.get("/oidc/answer?code=x&state=y").text


@pytest.mark.parametrize(
    "settings",
    [{"oidc_issuer": ISSUER}, {"oidc_issuer": ISSUER, "oidc_client_id": "x"},
     {"oidc_issuer": "http://id.example", "oidc_client_id": "x", "public_url": ORIGIN},
     {"oidc_issuer": "id.example", "oidc_client_id": "x", "public_url": ORIGIN}],
)  # fmt: skip
def test_half_a_configuration_is_refused(house: House, settings: dict[str, str]) -> None:
    with pytest.raises(OidcMisconfigured):
        OidcWay(house.service.db, house.clock, ConsoleSettings(**settings), httpx.Client())
