"""The intake API as a caller over HTTP meets it."""

import hashlib
from typing import Any

import pytest
from httpx import Response

from softfall.casework.decisions import Ruling
from softfall.casework.model import Outcome, Role
from softfall.casework.rights import StaffRef
from softfall.console.routes.intake import MAX_INCOMING_BYTES
from softfall.console.tools import add_tool, remove_tool

from .house import House

PICTURE = b"the bytes of a harmless photograph"
DIGEST = hashlib.sha256(PICTURE).hexdigest()
LEA = StaffRef("lea", Role.LEAD)


def held(reference: str = "hold-1", **changes: Any) -> dict[str, Any]:
    facts = {
        "option": "split", "epoch": 1, "confirmed": True, "entry": 3, "label": "a",
        "sources": ["list"], "certifiers": ["north", "south"],
    }  # fmt: skip
    return {
        "reference": reference, "source": "hold", "subject": "ada", "reason": "on the list",
        "kind": "confirmed", "arrived_at_ms": 1, "facts": facts,
        "held": {"sender": "ada", "envelope_id": "0" * 32}, **changes,
    }  # fmt: skip


def from_tool(reference: str = "tool-1", **changes: Any) -> dict[str, Any]:
    return {
        "reference": reference, "source": "tool", "subject": "ada", "reason": "its own",
        "arrived_at_ms": 1, **changes,
    }  # fmt: skip


class Caller:
    """Whoever shows this token."""

    def __init__(self, house: House, token: str) -> None:
        self.http = house.browser().http
        self.headers = {"authorization": f"Bearer {token}"}

    def post(self, path: str, body: object) -> Response:
        return self.http.post(f"/v1/intake{path}", json=body, headers=self.headers)

    def put(self, digest: str, reference: str, body: bytes) -> Response:
        path = f"/v1/intake/pictures/{digest}?reference={reference}"
        return self.http.put(path, content=body, headers=self.headers)

    def get(self, reference: str) -> Response:
        return self.http.get(f"/v1/intake/cases/{reference}", headers=self.headers)


@pytest.fixture
def provider(house: House) -> Caller:
    return Caller(house, house.service.provider_token)


@pytest.fixture
def tool(house: House) -> Caller:
    return Caller(house, add_tool(house.service.db, "operator", "watcher", 1))


def error(answer: Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"])


def test_a_hold_becomes_a_case_and_its_end_is_told(house: House, provider: Caller) -> None:
    case_id = provider.post("", held()).raise_for_status().json()["case_id"]
    assert provider.post("", held()).json()["case_id"] == case_id
    told = provider.get("hold-1").raise_for_status().json()
    assert told == {"case_id": case_id, "state": "open", "outcome": None}
    desk = house.service.desk
    desk.take(case_id, LEA)
    desk.decide(case_id, LEA, Ruling(Outcome.BLOCK, "a match", "known-material"))
    assert provider.get("hold-1").json()["outcome"] == "block"
    appeal = {"reference": "a", "case_id": case_id, "account": "ada", "text": "", "at_ms": 2}
    first = provider.post("/appeals", appeal).raise_for_status().json()
    assert provider.post("/appeals", appeal).json() == first
    assert provider.get("hold-1").json()["state"] == "appealed"
    late = {**appeal, "reference": "b", "account": "bob"}
    assert error(provider.post("/appeals", late), 409) == "NothingToAppeal"


def test_pictures_follow_and_are_checked(provider: Caller) -> None:
    body = held(source="report", held=None, facts=None, pictures=[DIGEST])
    assert provider.post("", body).json()["wanted"] == [DIGEST]
    assert error(provider.put(DIGEST, "hold-1", PICTURE + b"!"), 400) == "PictureAltered"
    assert error(provider.put("0" * 64, "hold-1", PICTURE), 404) == "PictureNotWanted"
    assert error(provider.put(DIGEST, "another", PICTURE), 404) == "ReferenceUnknown"
    assert error(provider.put("short", "hold-1", PICTURE), 422) == "InvalidRequest"
    assert provider.put(DIGEST, "hold-1", PICTURE).json() == {"picture": "kept"}
    assert provider.put(DIGEST, "hold-1", PICTURE).json() == {"picture": "known"}
    assert provider.post("", body).json()["wanted"] == []


def test_the_clocks_news_close_an_unconfirmed_case(provider: Caller) -> None:
    provider.post("", held(facts=None, kind="outage")).raise_for_status()
    news = {"reference": "hold-1", "state": "released", "at_ms": 2}
    assert provider.post("/holds/moved", news).status_code == 204
    assert provider.post("/holds/moved", news).status_code == 204
    assert provider.get("hold-1").json()["state"] == "closed"
    unknown = {**news, "reference": "another"}
    assert error(provider.post("/holds/moved", unknown), 404) == "ReferenceUnknown"


def test_a_tool_hands_in_its_own_and_sees_its_own(provider: Caller, tool: Caller) -> None:
    case_id = tool.post("", from_tool()).raise_for_status().json()["case_id"]
    assert tool.get("tool-1").json()["case_id"] == case_id
    assert error(provider.get("tool-1"), 404) == "ReferenceUnknown"
    provider.post("", held("hold-9", subject="bob")).raise_for_status()
    assert error(tool.get("hold-9"), 404) == "ReferenceUnknown"
    assert error(tool.put(DIGEST, "hold-9", PICTURE), 404) == "ReferenceUnknown"


@pytest.mark.parametrize(
    "claim",
    [
        held(),
        from_tool(source="report"),
        from_tool(source="blocked"),
        from_tool(escalated=True),
        from_tool(reporter="ben"),
    ],
)
def test_a_tool_claims_nothing_of_the_providers(tool: Caller, claim: dict[str, Any]) -> None:
    assert error(tool.post("", claim), 403) == "NotYoursToTell"


def test_a_tool_tells_no_news_of_holds_and_no_appeals(provider: Caller, tool: Caller) -> None:
    case_id = provider.post("", held()).json()["case_id"]
    news = {"reference": "hold-1", "state": "released", "at_ms": 2}
    assert error(tool.post("/holds/moved", news), 403) == "NotYoursToTell"
    appeal = {"reference": "a", "case_id": case_id, "account": "ada", "text": "", "at_ms": 2}
    assert error(tool.post("/appeals", appeal), 403) == "NotYoursToTell"


def test_a_removed_tool_hands_nothing_in(house: House, tool: Caller) -> None:
    tool.post("", from_tool()).raise_for_status()
    remove_tool(house.service.db, "operator", "watcher", 2)
    assert error(tool.post("", from_tool("tool-2")), 401) == "IntakeTokenWrong"
    assert error(tool.get("tool-1"), 401) == "IntakeTokenWrong"


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"source": "rumour"},
        {"subject": ""},
        {"arrived_at_ms": -1},
        {"reference": "x" * 129},
        {"pictures": ["xyz"]},
        {"text": "x" * 16_385},
        {"held": {"sender": "ada"}},
    ],
)
def test_what_has_not_the_form_is_refused_and_opens_nothing(
    house: House, provider: Caller, changes: dict[str, Any]
) -> None:
    assert error(provider.post("", held(**changes)), 422) == "InvalidRequest"
    assert house.service.desk.queue(LEA) == []


def test_the_same_reference_for_something_else_is_refused(provider: Caller) -> None:
    provider.post("", held()).raise_for_status()
    assert error(provider.post("", held(reason="another")), 409) == "ReferenceTaken"


def test_more_than_the_largest_is_refused(provider: Caller) -> None:
    body = b" " * (MAX_INCOMING_BYTES + 1)
    answer = provider.http.post("/v1/intake", content=body, headers=provider.headers)
    assert error(answer, 413) == "RequestTooLarge"


def test_the_largest_report_that_can_be_is_taken_in(provider: Caller) -> None:
    message = {
        "sender": "ada", "conversation": "c", "received_at_ms": 1, "text": "\U0001f408" * 4_096,
    }  # fmt: skip
    many = [{**message, "envelope_id": f"{number:032x}"} for number in range(20)]
    body = held(source="report", held=None, facts=None, messages=many)
    provider.post("", body).raise_for_status()
