"""The custodian and enclaves: whom it allows, what it signs of that, and who gets its list."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from softfall.crypto.hpke import public_of
from softfall.custodian.enclave_allowed import EnclavesUnstated, allowed_parameters
from softfall.custodian.enclave_lists import NONCE_MS
from softfall.custodian.publish import publish_epoch
from softfall.enclave import attester
from softfall.lists.manifest import Manifest, verify
from softfall.options.enclave import wire
from softfall.options.enclave.enclave import Enclave
from softfall.options.enclave.parameters import EnclaveParameters, Policy
from softfall.testing.enclave import PCRS, Statement, root_digest
from tests.custodian.keeping import HOUR_MS, Keeper, a_hash, ask_epoch

SECRET = bytes(range(96))


class Office:
    """A keeper who allows one enclave, and that enclave."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.attester = keeper.folder / "attester"
        start = datetime.fromtimestamp(keeper.clocks.wall_ms / 1000, UTC)
        attester.create(self.attester, start)
        self.measurements = keeper.folder / "enclaves.jsonl"
        keeper.changed |= {
            "enclave_root_file": self.attester / attester.ROOT_CERTIFICATE,
            "enclave_measurements_file": self.measurements,
        }
        self.measurements.write_text(line(PCRS))
        self.enclave = Enclave(SECRET, keeper.public_key)

    def publish(self) -> Manifest:
        wall_ms = self.keeper.clocks.wall_ms
        return publish_epoch(self.keeper.settings, "enclave", lambda *_: None, lambda: wall_ms)

    def request(
        self,
        nonce: bytes,
        epoch: int = 1,
        change: Callable[[Statement], Statement] = lambda statement: statement,
    ) -> bytes:
        key, signer = public_of(SECRET), self.keeper.public_key
        now_ms = self.keeper.clocks.wall_ms
        told = change(Statement(PCRS, self.attester, now_ms, key, key, signer, nonce))
        values = {"epoch": epoch, "attestation": told.attestation()}
        return wire.LIST_REQUEST.encode({"version": wire.VERSION, **values})


def line(pcrs: dict[int, bytes] | None = None, **more: object) -> str:
    registers = {f"pcr{index}": pcr.hex() for index, pcr in (pcrs or {}).items()}
    return json.dumps({"softfall": "0.1.0", "software": True, **registers, **more}) + "\n"


def post(app: FastAPI, path: str, body: bytes = b"") -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://custodian") as client:
            shown = {"authorization": f"Bearer {app.state.token}"}
            return await client.post(f"/v1/options/enclave/{path}", content=body, headers=shown)

    return asyncio.run(once())


@pytest.fixture
def office(keeper: Keeper) -> Office:
    return Office(keeper)


def test_the_allow_list_is_what_the_files_say_and_is_signed(office: Office) -> None:
    office.measurements.write_text(
        line(PCRS) + "\n" + line({**PCRS, 0: b"\x09" * 48}, pcr8="08" * 48)
    )
    office.keeper.changed |= {"enclave_policy": "luminance", "enclave_document_minutes": 5}
    office.publish()
    app = office.keeper.app()
    body = ask_epoch(app, "/v1/epochs/current?option=enclave").content
    manifest = verify(body, office.keeper.public_key)
    allowed = EnclaveParameters.decode(manifest.parameters)
    assert allowed.roots == (root_digest(office.attester),)
    assert [m.registers[0] for m in allowed.measurements] == [PCRS[0], b"\x09" * 48]
    assert [m.pcr8 for m in allowed.measurements] == [None, b"\x08" * 48]
    assert allowed.list_signer == office.keeper.public_key
    assert (allowed.policy, allowed.cache_lifetime_ms) == (Policy.LUMINANCE, 300_000)
    assert (manifest.public_key, manifest.token_key, manifest.confirm_key) == (b"", b"", b"")


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "junk", "[]", line({0: PCRS[0]}), line(PCRS, surprise=1), line({**PCRS, 0: b"x"})],
)
def test_an_unclear_allow_list_is_refused_before_anything_is_published(
    office: Office, content: str
) -> None:
    office.measurements.write_text(content)
    with pytest.raises(EnclavesUnstated):
        office.publish()
    assert ask_epoch(office.keeper.app(), "/v1/epochs/current?option=enclave").status_code == 404


def test_a_debug_enclave_can_not_even_be_allowed(office: Office) -> None:
    office.measurements.write_text(line({**PCRS, 0: bytes(48)}))
    with pytest.raises(EnclavesUnstated, match="debug"):
        allowed_parameters(office.keeper.settings, office.keeper.public_key)


@pytest.mark.parametrize("content", [None, b"junk"])
def test_a_root_that_can_not_be_read_is_named(office: Office, content: bytes | None) -> None:
    root: Path = office.attester / attester.ROOT_CERTIFICATE
    root.unlink()
    if content is not None:
        root.write_bytes(content)
    with pytest.raises(EnclavesUnstated, match="root"):
        allowed_parameters(office.keeper.settings, office.keeper.public_key)


def test_an_attested_enclave_gets_the_list_and_only_it_can_open_it(office: Office) -> None:
    manifest = office.publish()
    app = office.keeper.app()
    nonce = post(app, "nonce").content
    assert len(nonce) == wire.NONCE_BYTES
    sealed = post(app, "list", office.request(nonce, manifest.epoch))
    assert sealed.status_code == 200, sealed.text
    assert a_hash("1/3") not in sealed.content
    assert office.enclave.take_list(sealed.content, office.keeper.clocks.wall_ms) == manifest.epoch
    with pytest.raises(Exception, match="does not open"):
        Enclave(bytes(96), office.keeper.public_key).take_list(sealed.content)


REFUSED: dict[str, Callable[[Statement], Statement]] = {
    "PcrNotAllowed": lambda s: replace(s, pcrs={**PCRS, 2: b"\x07" * 48}),
    "DebugEnclave": lambda s: replace(s, pcrs=dict.fromkeys(range(3), bytes(48))),
    "KeySwapped": lambda s: replace(s, told_key=public_of(bytes(96))),
    "ListSignerSwapped": lambda s: replace(s, signer=bytes(32)),
    "NonceReplayed": lambda s: replace(s, nonce=bytes(32)),
    "NonceMissing": lambda s: replace(s, nonce=None),
    "DocumentTooOld": lambda s: replace(s, made_at_ms=s.made_at_ms - 2 * HOUR_MS),
    "TechnologyNotAllowed": lambda s: replace(s, technology=1),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_no_list_is_sealed_to_an_enclave_that_is_not_proved(office: Office, name: str) -> None:
    manifest = office.publish()
    office.keeper.clocks.pass_ms(3 * HOUR_MS)  # so that an old document's chain was valid then
    app = office.keeper.app()
    nonce = post(app, "nonce").content
    refused = post(app, "list", office.request(nonce, manifest.epoch, REFUSED[name]))
    assert (refused.status_code, refused.json()["error"]) == (403, name)


def test_a_nonce_serves_once_for_two_minutes_and_the_newest_only(office: Office) -> None:
    manifest = office.publish()
    app = office.keeper.app()
    first, second = post(app, "nonce").content, post(app, "nonce").content
    assert first != second
    told = [
        post(app, "list", office.request(nonce, manifest.epoch)).json()["error"]
        for nonce in (first, second)  # the first answer uses the open nonce up
    ]
    assert told == ["NonceReplayed", "NonceReplayed"]
    nonce = post(app, "nonce").content
    assert post(app, "list", office.request(nonce, manifest.epoch)).status_code == 200
    assert post(app, "list", office.request(nonce, manifest.epoch)).status_code == 403
    nonce = post(app, "nonce").content
    office.keeper.clocks.pass_ms(NONCE_MS + 1)
    assert post(app, "list", office.request(nonce, manifest.epoch)).status_code == 403


def test_an_unknown_epoch_and_junk_are_named(office: Office) -> None:
    office.publish()
    app = office.keeper.app()
    nonce = post(app, "nonce").content
    assert post(app, "list", office.request(nonce, 9)).json()["error"] == "EpochNotPublished"
    assert post(app, "list", b"junk").json()["error"] == "MalformedMessage"
    office.keeper.clocks.pass_ms(31 * 24 * HOUR_MS)
    assert post(app, "list", office.request(nonce, 1)).json()["error"] == "EpochEnded"


def test_devices_have_nothing_to_ask_about_a_picture(office: Office) -> None:
    office.publish()
    refused = post(office.keeper.app(), "answer", b"junk")
    assert refused.status_code in (400, 403, 404)


def test_nothing_of_the_list_is_logged(office: Office) -> None:
    manifest = office.publish()
    app = office.keeper.app()
    nonce = post(app, "nonce").content
    post(app, "list", office.request(nonce, manifest.epoch))
    told = json.dumps(office.keeper.lines.all())
    for secret in (a_hash("1/3").hex(), nonce.hex(), public_of(SECRET).hex()):
        assert secret not in told
