"""Each route says who may use it, and keeps to it: a walk over all of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from softfall.casework.model import Role
from softfall.console.access import IntakeCaller, OpenPage, SignedIn
from softfall.console.app import ROUTERS
from softfall.console.sessions import csrf_of

from .house import ORIGIN, Browser, House

Access = SignedIn | OpenPage | IntakeCaller

# What every service has; they tell nothing of anybody.
OF_EVERY_SERVICE = {"/v1/health", "/metrics", "/openapi.json"}
# Nobody needs to be logged in for these: a new one needs a line here, and a reason.
OPEN_TO_ALL = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/oidc/start"),
    ("GET", "/oidc/answer"),
    ("GET", "/static/{name}"),
}


@dataclass(frozen=True)
class Walked:
    """One route, by one method."""

    method: str
    path: str
    declared: tuple[Access, ...]

    @property
    def somewhere(self) -> str:
        """An address that the route's template fits."""
        return re.sub(r"\{[^}]*\}", "a" * 32, self.path)


def declared(dependant: Dependant) -> Iterator[Access]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Access):
            yield inner.call
        yield from declared(inner)


def walk() -> list[Walked]:
    return [
        Walked(method, route.path, tuple(declared(route.dependant)))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods - {"HEAD", "OPTIONS"})
    ]


ROUTES = walk()
NAMES = [f"{route.method} {route.path}" for route in ROUTES]
each_route = pytest.mark.parametrize("route", ROUTES, ids=NAMES)
PEOPLE = [r for r in ROUTES if any(isinstance(a, SignedIn) for a in r.declared)]
CHANGING = [r for r in PEOPLE if r.method != "GET"]


@pytest.fixture(scope="module")
def walked_house(tmp_path_factory: pytest.TempPathFactory, tls_dir: Any) -> Iterator[House]:
    from .house import console

    with console(tmp_path_factory.mktemp("walk") / "console", tls_dir) as house:
        yield house


@pytest.fixture(scope="module")
def people(walked_house: House) -> dict[Role, Browser]:
    return {role: walked_house.person(role) for role in Role}


def ask(browser: Browser, route: Walked, **headers: str) -> tuple[int, str]:
    """The status and the error's name; "" where it is not refused."""
    answer = browser.http.request(
        route.method, route.somewhere, headers={"accept": "application/json", **headers}
    )
    try:
        told = answer.json()
    except ValueError:
        return answer.status_code, ""
    return answer.status_code, told.get("error", "") if isinstance(told, dict) else ""


def token_of(browser: Browser) -> str:
    return csrf_of(browser.http.cookies["__Host-session"])


def test_the_walk_sees_every_route_of_the_application(walked_house: House) -> None:
    paths = walked_house.app.openapi()["paths"]
    served = {
        (method.upper(), path)
        for path, operations in paths.items()
        for method in operations
        if path not in OF_EVERY_SERVICE
    }
    assert served == {(route.method, route.path) for route in ROUTES}
    assert len(ROUTES) > 20


@each_route
def test_each_route_declares_one_access(route: Walked) -> None:
    assert len(set(route.declared)) == 1, "declare it by console/access.py"


def test_what_is_open_to_all_is_named_here() -> None:
    for route in ROUTES:
        if isinstance(route.declared[0], OpenPage):
            assert (route.method, route.path) in OPEN_TO_ALL


def test_nothing_that_is_changed_is_changed_by_get() -> None:
    told = re.compile(r"/(decide|stop|start|enable|disable|delete|reset|logout|role|verify)$")
    assert not [r for r in ROUTES if r.method == "GET" and told.search(r.path)]


@each_route
def test_without_a_session_or_token_nobody_gets_in(walked_house: House, route: Walked) -> None:
    if isinstance(route.declared[0], OpenPage):
        return
    expected = {SignedIn: "NotSignedIn", IntakeCaller: "IntakeTokenWrong"}[type(route.declared[0])]
    for headers in ({}, {"authorization": "Bearer x"}, {"cookie": "__Host-session=made-up"}):
        assert ask(Browser(walked_house.app), route, **headers) == (401, expected)


@pytest.mark.parametrize("route", PEOPLE, ids=[f"{r.method} {r.path}" for r in PEOPLE])
def test_no_other_role_gets_in(people: dict[Role, Browser], route: Walked) -> None:
    access = route.declared[0]
    assert isinstance(access, SignedIn)
    for role in set(Role) - (access.roles or set(Role)):
        browser = people[role]
        told = ask(
            browser, route, **{"sec-fetch-site": "same-origin", "x-csrf-token": token_of(browser)}
        )
        assert told == (403, "RoleLacking")


@pytest.mark.parametrize("route", CHANGING, ids=[f"{r.method} {r.path}" for r in CHANGING])
def test_nothing_is_changed_from_elsewhere_or_without_the_token(
    people: dict[Role, Browser], route: Walked
) -> None:
    access = route.declared[0]
    assert isinstance(access, SignedIn)
    browser = people[min(access.roles or set(Role))]
    other = next(one for one in people.values() if one is not browser)
    good = token_of(browser)
    foreign = [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://elsewhere.example"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": ORIGIN + ".example"},
        {},
    ]
    for headers in foreign:
        told = ask(browser, route, **headers, **{"x-csrf-token": good})
        assert told == (403, "ForeignRequest")
    for own in ({"sec-fetch-site": "same-origin"}, {"origin": ORIGIN}):
        for token in ("", "0" * 64, token_of(other)):
            told = ask(browser, route, **own, **{"x-csrf-token": token})
            assert told == (403, "CsrfTokenWrong")


def test_the_log_in_form_carries_a_token_too(walked_house: House) -> None:
    browser = walked_house.browser()
    form = {"name": "x", "password": "y"}
    route = Walked("POST", "/login", ())
    assert ask(browser, route, **{"sec-fetch-site": "same-origin"}) == (403, "CsrfTokenWrong")
    browser.get("/login")
    own = {"sec-fetch-site": "same-origin", "accept": "application/json"}
    bare = browser.http.post("/login", data=form, headers=own)
    assert bare.json()["error"] == "CsrfTokenWrong"
    forged = browser.http.post(
        "/login",
        data={**form, "csrf": browser.csrf("/login")},
        headers={"sec-fetch-site": "cross-site", "accept": "application/json"},
    )
    assert forged.json()["error"] == "ForeignRequest"


def test_intake_is_no_way_around_a_session_nor_a_session_around_intake(
    walked_house: House, people: dict[Role, Browser]
) -> None:
    token = walked_house.service.provider_token
    for route in ROUTES:
        if isinstance(route.declared[0], SignedIn) and route.method == "GET":
            told = ask(Browser(walked_house.app), route, authorization=f"Bearer {token}")
            assert told == (401, "NotSignedIn")
        if isinstance(route.declared[0], IntakeCaller) and route.method == "GET":
            for browser in people.values():
                assert ask(browser, route) == (401, "IntakeTokenWrong")


def test_an_address_that_is_not_there_is_refused_by_name(walked_house: House) -> None:
    browser = walked_house.browser()
    assert ask(browser, Walked("GET", "/nowhere", ())) == (404, "RouteUnknown")
    assert ask(browser, Walked("GET", "/docs", ())) == (404, "RouteUnknown")
    assert ask(browser, Walked("GET", "/static/..%2fapp.py", ()))[0] == 404
    assert ask(browser, Walked("DELETE", "/login", ())) == (405, "MethodRefused")
