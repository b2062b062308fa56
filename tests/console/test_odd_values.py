"""Every field of every page with values that no page sends: refused by name, never a fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from softfall.casework.model import Role
from softfall.casework.rights import StaffRef
from softfall.console.app import ROUTERS
from softfall.console.sessions import csrf_of
from tests.casework.office import report

from .house import Browser, House, console
from .test_every_route import PEOPLE, Walked

ODD = (str(2**63), str(2**70), "-1", "9" * 5_000, "1e9", "\u0663", "a\ud7ff\u202e", "x" * 3_000)
# What fits, by the field's name, so that a request gets as far as the field that is odd.
FITTING = {
    "evidence_id": "1", "hold_id": "1", "region": "9", "blur": "0", "view": "1", "version": "0",
    "outcome": "warn", "policy": "child-safety", "reason": "as the facts are", "own": "yes",
    "agrees": "no", "stands": "yes", "deed": "withdraw", "letters": "on", "role": "moderator",
    "name": "nobody", "file": "1", "revision": "0",
}  # fmt: skip
# Read from the form itself, which no signature names.
UNDECLARED = {"/cases/{case_id}/referral": ("file", "revision", "victim_age", "incident_at")}
LEA = StaffRef("lea", Role.LEAD)


@pytest.fixture(scope="module")
def walked_house(tmp_path_factory: pytest.TempPathFactory, tls_dir: Path) -> Iterator[House]:
    with console(tmp_path_factory.mktemp("odd") / "console", tls_dir) as house:
        yield house


@pytest.fixture(scope="module")
def people(walked_house: House) -> dict[Role, Browser]:
    return {role: walked_house.person(role, LEA.name if role is LEA.role else "") for role in Role}


@pytest.fixture(scope="module")
def case_id(walked_house: House, people: dict[Role, Browser]) -> str:
    desk = walked_house.service.desk
    case_id = desk.take_in("provider", report("mallory", "hello there")).case_id
    desk.take(case_id, LEA)
    return case_id


def fields(walked: Walked) -> tuple[set[str], set[str], set[str]]:
    """The names in a route's path, in its query and in its form."""
    (route,) = [
        each
        for router in ROUTERS
        for each in router.routes
        if isinstance(each, APIRoute)
        and (each.path, walked.method in each.methods) == (walked.path, True)
    ]
    told = route.dependant
    path, query, form = (
        {each.alias for each in some}
        for some in (told.path_params, told.query_params, told.body_params)
    )
    undeclared = UNDECLARED.get(walked.path, ()) if walked.method == "POST" else ()
    return path, query, form | set(undeclared)


WITH_FIELDS = [route for route in PEOPLE if any(fields(route))]


@pytest.mark.parametrize("route", WITH_FIELDS, ids=[f"{r.method} {r.path}" for r in WITH_FIELDS])
def test_no_value_of_any_field_is_a_fault(
    people: dict[Role, Browser], case_id: str, route: Walked
) -> None:
    roles = route.declared[0].roles or set(Role)  # type: ignore[union-attr]
    browser = people[Role.LEAD if Role.LEAD in roles else min(roles)]
    path, query, form = fields(route)
    for odd in sorted(path | query | form):
        for value in ODD:
            told = {**dict.fromkeys(path | query | form, case_id), **FITTING, odd: value}
            address = route.path
            for name in path:
                address = address.replace("{" + name + "}", told[name])
            answer = browser.http.request(
                route.method,
                address,
                params={name: told[name] for name in query},
                data={name: told[name] for name in form},
                headers={
                    **browser.headers,
                    "x-csrf-token": csrf_of(browser.http.cookies["__Host-session"]),
                },
            )  # raises what the service did not foresee
            assert answer.status_code < 500, (odd, value[:40], answer.text[-500:])
