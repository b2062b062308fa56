"""The provider between a real custodian and a real enclave, all in one process: what it carries.

Every byte that passes is kept here, as a curious provider would keep it.
"""

import asyncio
import base64
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from softfall import __version__
from softfall.config import EnclaveSettings, ProviderSettings
from softfall.custodian.publish import publish_epoch
from softfall.edge.logs import make_logger
from softfall.enclave import app as enclave_app
from softfall.enclave import attester
from softfall.enclave.room import Room
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import ScanSecret, Submission
from softfall.options.enclave import wire
from softfall.options.enclave.attestation import Attested, Evidence, verify
from softfall.options.enclave.device import EnclaveDevice
from softfall.options.enclave.parameters import EnclaveParameters
from softfall.provider.app import make
from softfall.provider.clock import system_clock
from tests.custodian.keeping import Keeper, a_hash
from tests.provider.cast import App, no_wait, register
from tests.provider.conftest import STAFF, TestClient

PCRS = {index: bytes([index + 1]) * 48 for index in range(3)}
MARGINS = np.random.default_rng(7).random(256, np.float32)
LISTED, UNLISTED = "1/3", "a harmless photograph"


class Wire:
    """Passes requests on to an application, and keeps what passed; `fault` fails instead."""

    def __init__(self, app: FastAPI | None = None, token: str = "") -> None:
        self.shown = {"authorization": f"Bearer {token}"} if token else {}
        self.inner = httpx.ASGITransport(app=app or FastAPI())
        self.passed: list[tuple[str, bytes, bytes]] = []
        self.fault: Exception | int | None = None
        self.change: Callable[[str, bytes], bytes] = lambda path, body: body

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.fault, Exception):
            raise self.fault
        if isinstance(self.fault, int):
            return httpx.Response(self.fault, json={"error": "InternalError"})
        asked = await request.aread()
        asked = self.change(request.url.path, asked)
        headers = {"content-type": "application/cbor", **self.shown}
        again = httpx.Request(request.method, request.url, content=asked, headers=headers)
        answer = await self.inner.handle_async_request(again)
        body = await answer.aread()
        self.passed.append((request.url.path, asked, body))
        return httpx.Response(answer.status_code, content=body)

    def client(self, name: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.MockTransport(self.handle), base_url=f"https://{name}"
        )


class Walls:
    """A custodian with a list, an enclave, and a provider between them."""

    def __init__(self, folder: Path) -> None:
        self.keeper = Keeper(folder)
        self.keeper.clocks.wall_ms = system_clock()
        attester.create(folder / "attester", datetime.now(UTC))
        self.keeper.changed = {
            "enclave_root_file": folder / "attester" / attester.ROOT_CERTIFICATE,
            "enclave_measurements_file": folder / "enclaves.jsonl",
        }
        self.allow(PCRS)
        self.keeper.set_up()
        self.folder = folder
        self.to_custodian = Wire(self.keeper.app(), self.keeper.token)
        self.to_enclave = Wire()
        self.log = io.StringIO()
        self.restart_enclave()

    def allow(self, pcrs: dict[int, bytes]) -> None:
        registers = {f"pcr{index}": pcr.hex() for index, pcr in pcrs.items()}
        line = json.dumps({"softfall": __version__, "software": True, **registers})
        self.keeper.changed["enclave_measurements_file"].write_text(line)

    def publish(self) -> Manifest:
        return publish_epoch(self.keeper.settings, "enclave", lambda *_: None, system_clock)

    def restart_enclave(self, pcrs: dict[int, bytes] = PCRS) -> None:
        now = datetime.now(UTC)
        attesting = attester.SoftwareAttester.load(self.folder / "attester", pcrs, now)
        self.room = Room(attesting, self.keeper.public_key, system_clock, os.urandom)
        app = enclave_app.make(self.room, EnclaveSettings(), {}, make_logger("enclave", self.log))
        self.to_enclave.inner = httpx.ASGITransport(app=app)

    @contextmanager
    def provider(self, **changes: Any) -> Iterator["House"]:
        settings = ProviderSettings(
            data_dir=self.folder / "provider", option="enclave", staff_token=STAFF, **changes
        )
        app = make(
            settings,
            randomness=no_wait(),
            custodian=self.to_custodian.client("custodian"),
            enclave=self.to_enclave.client("enclave"),
            log=make_logger("provider", self.log),
        )
        with TestClient(app, base_url="https://provider") as http:
            yield House(self, http)


class House:
    """The running provider, and people who write to it."""

    def __init__(self, walls: Walls, http: TestClient) -> None:
        self.walls = walls
        self.http = http

    def join(self, name: str) -> App:
        return register(self.http, name, system_clock)

    def attestation(self, app: App, nonce: bytes = bytes(32)) -> httpx.Response:
        path = "/v1/options/enclave/attestation"
        return app.call("GET", path, params={"nonce": nonce.hex()})

    def sealed(self, app: App, manifest: Manifest, label: str) -> Submission:
        """What an honest device submits of the picture with this hash."""
        parameters = EnclaveParameters.decode(manifest.parameters)
        evidence = Evidence(self.attestation(app).content, bytes(32), system_clock())

        def attested() -> Attested:
            return verify(evidence, parameters, system_clock())

        half = EnclaveDevice(manifest.epoch, parameters, attested)
        media: PdqHash | Unhashable = PdqHash(a_hash(label), 80, MARGINS)
        secret = ScanSecret(bytes(32), "enclave", manifest.epoch)
        submission, _ = half.begin(media, secret).finish(None)
        return submission

    def send(self, app: App, submission: Submission) -> httpx.Response:
        return app.post(app.media("ben", submission=asdict(submission)))

    def settle(self) -> None:
        assert self.http.app.state.service.judge.settle()  # type: ignore[attr-defined]

    def holds(self) -> list[str]:
        headers = {"authorization": f"Bearer {STAFF}"}
        answer = self.http.get("/v1/staff/holds", headers=headers)
        return [hold["kind"] for hold in answer.json()["holds"]]

    def wait_for_list(self, epoch: int) -> None:
        for _ in range(1000):
            if epoch in self.walls.room.epochs:
                return
            time.sleep(0.02)
        raise AssertionError(self.walls.log.getvalue())


@pytest.fixture
def walls(tmp_path: Path) -> Walls:
    return Walls(tmp_path)


def test_the_enclave_confirms_what_is_listed_and_clears_what_is_not(walls: Walls) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        for label, holds in ((UNLISTED, []), (LISTED, ["confirmed"])):
            assert house.send(ada, house.sealed(ada, manifest, label)).status_code == 202
            house.settle()
            assert house.holds() == holds


def test_what_passes_through_the_provider_holds_no_hash(walls: Walls) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        for label in (LISTED, UNLISTED):
            house.send(ada, house.sealed(ada, manifest, label))
            house.settle()
    passed = walls.to_custodian.passed + walls.to_enclave.passed
    paths = {path for path, _, _ in passed}
    assert {"/v1/list", "/v1/judge", "/v1/options/enclave/list"} <= paths
    seen = b"".join(asked + answer for _, asked, answer in passed)
    entries = [a_hash(f"1/{number}") for number in range(40)]
    for needle in (*entries, a_hash(UNLISTED)):
        assert needle not in seen
        assert needle.hex().encode() not in seen


def test_every_judgement_is_answered_in_the_same_number_of_bytes(walls: Walls) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        for label in (LISTED, UNLISTED):
            house.send(ada, house.sealed(ada, manifest, label))
            house.settle()
    judged = [(len(a), len(b)) for path, a, b in walls.to_enclave.passed if path == "/v1/judge"]
    assert len(judged) == 2
    assert len(set(judged)) == 1


def test_the_custodian_gives_no_list_to_an_enclave_that_is_not_allowed(walls: Walls) -> None:
    walls.publish()
    walls.restart_enclave({**PCRS, 0: b"\x07" * 48})
    with walls.provider():
        for _ in range(1000):
            if "the enclave has no list" in walls.log.getvalue():
                break
            time.sleep(0.02)
    assert walls.room.epochs == ()
    refused = [b for path, _, b in walls.to_custodian.passed if path.endswith("enclave/list")]
    assert refused
    assert {json.loads(body)["error"] for body in refused} == {"PcrNotAllowed"}
    assert "the enclave has no list" in walls.log.getvalue()


def test_a_document_that_was_recorded_earlier_gets_no_list(walls: Walls) -> None:
    """The provider replays an honest enclave's document to the custodian."""
    manifest = walls.publish()
    with walls.provider() as house:
        house.wait_for_list(manifest.epoch)
    (recorded,) = (
        asked for path, asked, _ in walls.to_custodian.passed if path.endswith("enclave/list")
    )
    answers = []
    for fresh_nonce in (False, True):
        with httpx.Client(transport=_sync(walls.to_custodian), base_url="https://c") as custodian:
            if fresh_nonce:
                custodian.post("/v1/options/enclave/nonce")
            answers.append(custodian.post("/v1/options/enclave/list", content=recorded).json())
    assert [answer["error"] for answer in answers] == ["NonceReplayed", "NonceReplayed"]


def test_a_list_that_was_tampered_with_or_is_anothers_is_not_taken(walls: Walls) -> None:
    walls.publish()

    def tamper(path: str, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 1]) if path == "/v1/list" else body

    walls.to_enclave.change = tamper
    with walls.provider():
        for _ in range(1000):
            if "the enclave has no list" in walls.log.getvalue():
                break
            time.sleep(0.02)
        assert walls.room.epochs == ()


def test_after_a_restart_the_list_comes_again_and_stale_seals_are_refused_by_name(
    walls: Walls,
) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        before = house.sealed(ada, manifest, LISTED)
        walls.restart_enclave()
        house.wait_for_list(manifest.epoch)
        refused = house.send(ada, before)
        assert (refused.status_code, refused.json()["error"]) == (409, "EnclaveRestarted")
        assert house.send(ada, house.sealed(ada, manifest, LISTED)).status_code == 202
        house.settle()
        assert house.holds() == ["confirmed"]


def test_the_epoch_before_is_judged_too_also_after_a_restart(walls: Walls) -> None:
    first = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(first.epoch)
        second = walls.publish()
        house.wait_for_list(second.epoch)
        walls.restart_enclave()
        for manifest in (first, second):
            house.wait_for_list(manifest.epoch)
        for manifest, holds in ((first, 1), (second, 2)):
            assert house.send(ada, house.sealed(ada, manifest, LISTED)).status_code == 202
            house.settle()
            assert house.holds() == ["confirmed"] * holds


def test_an_epoch_that_does_not_allow_the_enclave_keeps_back_no_other(walls: Walls) -> None:
    first = walls.publish()
    upgraded = {**PCRS, 0: b"\x07" * 48}
    with walls.provider() as house:
        house.wait_for_list(first.epoch)
        walls.restart_enclave(upgraded)
        walls.allow(upgraded)
        second = walls.publish()
        house.wait_for_list(second.epoch)
        assert walls.room.epochs == (second.epoch,)


def test_a_seal_that_was_taken_in_before_a_restart_is_held_as_an_outage(walls: Walls) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        sealed = house.sealed(ada, manifest, LISTED)
        walls.to_enclave.fault = httpx.ConnectError("down")
        assert house.send(ada, sealed).status_code == 202
        walls.restart_enclave()  # between two tries of the judge
        walls.to_enclave.fault = None
        house.settle()
        assert house.holds() == ["outage"]


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("slow"), 500], ids=str)
def test_while_the_enclave_is_away_its_attestation_is_answered_with_a_voucher(
    walls: Walls, fault: Exception | int
) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        walls.to_enclave.fault = fault
        answer = house.attestation(ada)
        assert (answer.status_code, answer.json()["error"]) == (503, "EnclaveUnavailable")
        voucher = base64.b64decode(answer.json()["voucher"])
        submission = {"option": "outage", "epoch": manifest.epoch, "body": voucher}
        assert ada.post(ada.media("ben", submission=submission)).status_code == 202
        house.settle()
        assert house.holds() == ["outage"]


@pytest.mark.parametrize("nonce", ["", "ab", "zz" * 32, "AB" * 32, "ab" * 33])
def test_a_nonce_of_another_form_is_refused(walls: Walls, nonce: str) -> None:
    with walls.provider() as house:
        ada = house.join("ada")
        path = "/v1/options/enclave/attestation"
        answer = ada.call("GET", path, params={"nonce": nonce})
        assert (answer.status_code, answer.json()["error"]) == (422, "InvalidRequest")
        assert house.http.get(path, params={"nonce": "ab" * 32}).status_code == 401


def test_nothing_is_asked_of_the_custodian_about_a_picture(walls: Walls) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.wait_for_list(manifest.epoch)
        answer = ada.call("POST", "/v1/options/enclave/ask", content=b"what?")
        assert answer.status_code == 400


def test_what_is_no_seal_is_refused_before_it_is_taken_in(walls: Walls) -> None:
    manifest = walls.publish()
    with walls.provider() as house:
        ada = house.join("ada")
        house.join("ben")
        house.wait_for_list(manifest.epoch)
        for body in (b"", b"junk", wire.SEALED.encode(_of_another_size())):
            refused = house.send(ada, Submission("enclave", manifest.epoch, body))
            assert refused.json()["error"] == "MalformedSubmission"


def _of_another_size() -> dict[str, Any]:
    capsule, digest = bytes(wire.CAPSULE_BYTES), bytes(32)
    plane = bytes(wire.PLANE_BYTES)
    values = {"key_digest": digest, "capsule": capsule, "commitment": digest, "body": plane}
    return {"version": wire.VERSION, **values}


def _sync(way: Wire) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: asyncio.run(way.handle(request)))
