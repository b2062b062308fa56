"""The keyholder's routes: what each refusal is called, and with which status."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from softfall.edge.keyholder_tokens import read_keyholder_token
from softfall.edge.logs import make_logger
from softfall.keyholder.app import make
from softfall.keyholder.keys import rotate_key
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.options.homomorphic.provider import Match, Spent
from softfall.wire import Value
from tests.options.homomorphic.parties import random_hashes

from .house import DAY_MS, LISTED, House
from .street import until

UNLISTED = random_hashes(1, seed=99)[0]


class Served:
    """A house whose keyholder is asked by HTTP, in this process."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client = house, client
        client.headers["authorization"] = f"Bearer {read_keyholder_token(house.folder)}"

    def post(self, path: str, body: bytes) -> Any:
        return self.client.post(f"/v1/{path}", content=body)

    def refusal(self, path: str, body: bytes) -> tuple[int, str]:
        answer = self.post(path, body)
        return answer.status_code, answer.json()["error"]

    def carry(self) -> None:
        for digest in self.post("lists", self.house.carried()).json()["missing"]:
            content = self.house.parties.shelf.files[bytes.fromhex(digest)]
            assert self.client.put(f"/v1/hints/{digest}", content=content).status_code == 204


def served(folder: Path, **changes: Any) -> Iterator[Served]:
    house = House(folder, **changes)
    with TestClient(make(house.room, house.settings, make_logger("keyholder"))) as client:
        yield Served(house, client)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Served]:
    yield from served(tmp_path, stock=4)


def test_a_batch_goes_through_and_the_stock_fills_itself(here: Served) -> None:
    house = here.house
    here.carry()
    kind = house.kind
    assert until(lambda: house.room._stock.count(kind) >= 4)
    pictures = [house.submit(LISTED[3], "a"), house.submit(LISTED[4], "b")]
    run = house.run(*pictures)
    finish = run.go_on(here.post("begin", run.begin()).content)
    assert finish is not None
    assert run.results(here.post("finish", finish).content) == [Match((3,)), Match((4,))]
    assert {asked for asked, _ in house.dealer.fetched} == {kind}


def test_the_state_tells_what_to_carry(here: Served) -> None:
    told = here.post("lists", here.house.carried()).json()
    assert here.client.get("/v1/state").json() == {
        "keys": [digest.hex() for digest in here.house.room.key_digests()],
        "lists": [told],
    }
    assert told["missing"]


def test_nobody_but_the_provider_is_answered_and_costs_any_stock(here: Served) -> None:
    house = here.house
    here.carry()
    assert until(lambda: house.room._stock.count(house.kind) >= 4)
    begin = house.run(house.submit(UNLISTED)).begin()
    before = set(house.dealer.theirs)
    for shown in ("", "Bearer another", here.client.headers["authorization"][:-1]):
        here.client.headers["authorization"] = shown
        for path in ("lists", "begin", "finish"):
            assert here.refusal(path, begin) == (401, "NotItsProvider")
        assert here.client.get("/v1/state").status_code == 401
        assert here.client.put(f"/v1/hints/{'ab' * 32}", content=b"x").status_code == 401
        assert here.client.get("/v1/health").status_code == 200
    there = {int(path.stem) for path in (house.settings.data_dir / "stock").glob("*.dealt")}
    assert before <= there


def test_lists_are_refused_by_name(here: Served) -> None:
    house = here.house
    here.carry()
    other = HomomorphicParameters(bytes(32), rotate_key(house.folder / "another").public)
    refused = {
        "junk": (b"junk", (400, "MalformedMessage")),
        "a second manifest": (
            house.carried(house.manifest(entries=1)),
            (409, "ManifestRolledBack"),
        ),
        "another key": (house.carried(house.manifest(other, epoch=8)), (403, "BadListVersion")),
        "another option": (house.carried(house.manifest(option="split")), (403, "BadManifest")),
    }
    for body, told in refused.values():
        assert here.refusal("lists", body) == told
    house.now_ms = 30 * DAY_MS
    assert here.refusal("lists", house.carried()) == (410, "ManifestExpired")


def test_hints_are_refused_by_name(here: Served) -> None:
    (digest, *_) = here.post("lists", here.house.carried()).json()["missing"]
    content = here.house.parties.shelf.files[bytes.fromhex(digest)]
    for path, body, status, error in (
        ("ab" * 32, content, 404, "HintNotWanted"),
        (digest, content + b"x", 403, "BadListFile"),
        ("zz", content, 422, "InvalidRequest"),
        (digest, bytes(9 << 20), 413, "RequestTooLarge"),
    ):
        answer = here.client.put(f"/v1/hints/{path}", content=body)
        assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_questions_are_refused_by_name(here: Served) -> None:
    house = here.house
    house.dealer.away = True
    here.carry()
    house.dealer.away = False
    house.fill(8)
    begin = house.run(house.submit(UNLISTED)).begin()
    values = wire.decode(wire.BEGIN, begin)
    assert here.refusal("begin", b"junk") == (400, "MalformedMessage")
    changes: list[tuple[dict[str, Value], tuple[int, str]]] = [
        ({"epoch": 9}, (404, "EpochNotHere")),
        ({"list_version": 9}, (409, "WrongListVersion")),
    ]
    for change, told in changes:
        assert here.refusal("begin", wire.BEGIN.encode({**values, **change})) == told
    first = here.post("begin", begin)
    assert first.status_code == 200
    assert here.refusal("begin", begin) == (409, "MaterialSpent")
    runs = wire.nested(values, "runs")
    runs[0]["serial"] = wire.serial_bytes(0)
    never = wire.BEGIN.encode({**values, "runs": list[Value](runs)})
    assert here.refusal("begin", never) == (410, "MaterialUnknown")
    assert here.refusal("finish", b"junk") == (400, "MalformedMessage")


def test_a_question_about_a_serial_far_ahead_costs_no_stock(here: Served) -> None:
    house = here.house
    here.carry()
    assert until(lambda: house.room._stock.count(house.kind) >= 4)
    theirs = dict(house.dealer.theirs)
    values = wire.decode(wire.BEGIN, house.run(house.submit(UNLISTED)).begin())
    runs = wire.nested(values, "runs")
    asked = []
    for ahead in (2**62, 2**62 - 1, 2**40):
        runs[0]["serial"] = wire.serial_bytes(ahead)
        asked.append(wire.BEGIN.encode({**values, "runs": list[Value](runs)}))
    for body in asked:
        assert here.refusal("begin", body) == (410, "MaterialUnknown")
    assert len(house.dealer.theirs) <= 6 * len(theirs)
    there = {int(path.stem) for path in (house.settings.data_dir / "stock").glob("*.dealt")}
    assert set(theirs) <= there


def test_late_and_repeated_second_questions_are_refused_by_name(here: Served) -> None:
    house = here.house
    here.carry()
    house.fill(8)
    for late_ms, told in ((0, (410, "RunUnknown")), (31_000, (410, "RunExpired"))):
        run = house.run(house.submit(UNLISTED, f"{late_ms}"))
        finish = run.go_on(here.post("begin", run.begin()).content)
        assert finish is not None
        house.steady_ms += late_ms
        if not late_ms:
            assert here.post("finish", finish).status_code == 200
        assert here.refusal("finish", finish) == told


def test_a_list_without_its_hints_is_said_to_lack_them(here: Served) -> None:
    here.post("lists", here.house.carried())
    here.house.fill(8)
    begin = here.house.run(here.house.submit(UNLISTED)).begin()
    assert here.refusal("begin", begin) == (503, "HintsMissing")


def test_a_query_beyond_its_runs_is_answered_and_too_many_runs_are_refused(tmp_path: Path) -> None:
    for here in served(tmp_path, runs_per_query=1, runs_at_once=1):
        here.carry()
        here.house.fill(8)
        again = here.house.submit(UNLISTED)
        assert here.post("begin", here.house.run(again).begin()).status_code == 200
        answer = here.post("begin", here.house.run(again).begin())
        assert (answer.status_code, answer.json()["error"]) == (429, "TooManyRuns")
        assert "retry-after" in answer.headers
        here.house.steady_ms += 31_000
        run = here.house.run(again)
        assert run.go_on(here.post("begin", run.begin()).content) is None
        assert run.results(None) == [Spent()]


def test_figures_count_and_tell_nothing_of_pictures(here: Served) -> None:
    here.carry()
    here.house.fill(8)
    run = here.house.run(here.house.submit(LISTED[1]))
    finish = run.go_on(here.post("begin", run.begin()).content)
    figures = here.client.get("/metrics").text
    assert "softfall_keyholder_begun_total 1.0" in figures
    assert "softfall_keyholder_waiting 1.0" in figures
    assert 'softfall_keyholder_stock{capacity_rows="1024",mode="one_bit"}' in figures
    assert finish is not None
    here.post("finish", finish)
    assert "softfall_keyholder_waiting 0.0" in here.client.get("/metrics").text
