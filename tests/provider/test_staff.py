import secrets

import httpx
import pytest

from .cast import LISTED, App
from .conftest import House, Open


@pytest.fixture
def people(house: House) -> tuple[App, App]:
    return house.join("ada"), house.join("ben")


def decide(house: House, envelope_id: bytes, decision: str, **more: str) -> httpx.Response:
    answer: httpx.Response = house.staff(
        "POST",
        f"/v1/staff/holds/{envelope_id.hex()}",
        json={"decision": decision, "reason": "looked at the evidence", **more},
    )
    return answer


def hold(house: House, ada: App, envelope_id: bytes | None = None) -> bytes:
    envelope_id = envelope_id or secrets.token_bytes(16)
    house.send(ada, ada.media("ben", word=LISTED, envelope_id=envelope_id))
    return envelope_id


def test_staff_see_what_is_held_and_why_and_never_ciphertext(
    house: House, people: tuple[App, App]
) -> None:
    envelope_id = hold(house, people[0])
    (entry,) = house.holds()
    assert entry == {
        "envelope_id": envelope_id.hex(),
        "sender": "ada",
        "recipients": 1,
        "kind": "candidate",
        "reason": "a word of the list",
        "evidence": {"entries": [1], "hits": 2},
        "held_since_ms": house.clock(),
        "escalated": False,
    }


def test_a_released_message_arrives_once_and_its_life_says_who_let_it_go(
    house: House, people: tuple[App, App]
) -> None:
    ada, ben = people
    envelope_id = hold(house, ada)
    for _ in range(2):
        answer = decide(house, envelope_id, "release")
        assert (answer.status_code, answer.json()) == (200, {"state": "released"})
    assert len(ben.mailbox()) == 1
    assert house.holds() == []
    figures = house.http.get("/metrics").text
    assert 'softfall_moves_total{end="released",who="moderator"} 1.0' in figures
    last = house.life(envelope_id)[-1]
    assert (last["start"], last["end"], last["who"]) == ("held", "released", "moderator")
    assert last["why"] == "looked at the evidence"
    assert last["at_ms"] == house.clock()


def test_a_blocked_message_never_arrives_and_a_decision_is_not_turned_round(
    house: House, people: tuple[App, App]
) -> None:
    ada, ben = people
    envelope_id = hold(house, ada)
    assert decide(house, envelope_id, "block").json() == {"state": "blocked"}
    answer = decide(house, envelope_id, "release")
    assert (answer.status_code, answer.json()["error"]) == (409, "UnknownTransition")
    house.clock.pass_hours(100)
    house.service.upkeep.round()
    assert ben.mailbox() == []


def test_what_was_delivered_can_not_be_blocked(house: House, people: tuple[App, App]) -> None:
    ada, _ = people
    envelope_id = secrets.token_bytes(16)
    house.send(ada, ada.text("ben", envelope_id=envelope_id))
    answer = decide(house, envelope_id, "block")
    assert (answer.status_code, answer.json()["error"]) == (409, "UnknownTransition")


def test_two_senders_with_one_id_are_told_apart(house: House, people: tuple[App, App]) -> None:
    ada, ben = people
    eve, envelope_id = house.join("eve"), bytes(16)
    hold(house, ada, envelope_id)
    hold(house, eve, envelope_id)
    answer = decide(house, envelope_id, "release")
    assert (answer.status_code, answer.json()["error"]) == (409, "EnvelopeAmbiguous")
    assert decide(house, envelope_id, "release", sender="eve").status_code == 200
    assert [d["receipt"]["sender"] for d in ben.mailbox()] == ["eve"]
    path = f"/v1/staff/envelopes/{envelope_id.hex()}/life"
    assert house.staff("GET", path).status_code == 409
    assert len(house.staff("GET", path, params={"sender": "ada"}).json()["moves"]) == 2


def test_an_unknown_envelope_has_no_life(house: House) -> None:
    answer = decide(house, bytes(16), "release")
    assert (answer.status_code, answer.json()["error"]) == (404, "EnvelopeUnknown")


STAFF_ROUTES = [
    ("GET", "/v1/staff/holds"),
    ("POST", f"/v1/staff/holds/{'0' * 32}"),
    ("GET", f"/v1/staff/envelopes/{'0' * 32}/life"),
]


@pytest.mark.parametrize(("method", "path"), STAFF_ROUTES)
def test_only_staff_get_in(house: House, people: tuple[App, App], method: str, path: str) -> None:
    body = {"decision": "release", "reason": "x"}
    for headers in ({}, people[0].headers, {"authorization": "Bearer a staff toke"}):
        answer = house.http.request(method, path, headers=headers, json=body)
        assert (answer.status_code, answer.json()["error"]) == (401, "NotAuthenticated")


@pytest.mark.parametrize(("method", "path"), STAFF_ROUTES)
def test_without_a_staff_token_there_are_no_staff_routes(
    open_house: Open, method: str, path: str
) -> None:
    with open_house(option="none", staff_token="") as house:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer x"}):
            answer = house.http.request(method, path, headers=headers, json={})
            assert answer.status_code in (404, 422)
            assert answer.json()["error"] in ("StaffRoutesOff", "InvalidRequest")
