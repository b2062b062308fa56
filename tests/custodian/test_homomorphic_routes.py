"""Who gets hashes from a custodian: the provider, and nobody else that the handshake lets in."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from softfall.edge.custodian_tokens import custodian_token_file, make_custodian_token
from softfall.options.homomorphic.parameters import NAME
from tests.custodian.homomorphic_keeping import ROUTES, add, ask, keeper_on, publish, publish_more
from tests.custodian.homomorphic_keeping import see as see_all
from tests.custodian.keeping import Keeper

DIGEST = "0" * 64
HANDED_OUT = [f"{ROUTES}/versions/1", f"{ROUTES}/rows/{DIGEST}", f"{ROUTES}/hints/{DIGEST}"]
TOLD = [
    ("GET", "/v1/epochs/1/artefacts/split"),
    ("POST", "/v1/lookup"),
    ("POST", "/v1/entries/facts"),
    ("POST", "/v1/options/split/answer"),
    ("POST", "/v1/tokens/issue"),
    ("POST", "/v1/confirm/begin"),
    ("POST", "/v1/confirm/finish"),
    ("POST", "/v1/options/enclave/nonce"),
    ("POST", "/v1/options/enclave/list"),
]
PUBLIC = ["/v1/health", "/metrics", f"/v1/epochs/current?option={NAME}", "/v1/distribution"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Keeper:
    keeper = keeper_on(tmp_path_factory.mktemp("custodian"))
    publish(keeper)
    return keeper


def call(app: FastAPI, method: str, path: str, shown: str | None, **headers: str) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        token = {} if shown is None else {"authorization": shown}
        async with httpx.AsyncClient(transport=transport, base_url="http://custodian") as client:
            return await client.request(method, path, headers={**token, **headers})

    return asyncio.run(once())


@pytest.mark.parametrize("path", HANDED_OUT)
def test_hashes_are_refused_to_whoever_shows_no_token_of_the_providers(
    listed: Keeper, path: str
) -> None:
    app = listed.app()
    other = listed.token[:-1] + ("A" if listed.token[-1] != "A" else "B")
    for shown in (None, "", "Bearer", f"Bearer {other}", f"Basic {listed.token}", listed.token):
        refused = call(app, "GET", path, shown)
        assert (refused.status_code, refused.json()["error"]) == (401, "NotTheProvider")
    assert call(app, "GET", path, f"Bearer {listed.token}").status_code in (200, 404)


@pytest.mark.parametrize(("method", "path"), TOLD)
def test_nothing_else_of_the_list_is_told_without_the_token_where_there_is_one(
    listed: Keeper, method: str, path: str
) -> None:
    app = listed.app()
    refused = call(app, method, path, None)
    assert (refused.status_code, refused.json()["error"]) == (401, "NotTheProvider")
    assert call(app, method, path, f"Bearer {listed.token}").status_code != 401


@pytest.mark.parametrize("path", PUBLIC)
def test_what_every_device_may_read_needs_no_token(listed: Keeper, path: str) -> None:
    assert call(listed.app(), "GET", path, None).status_code == 200


def test_an_installation_from_before_the_token_answers_as_before_but_hands_out_no_hash(
    tmp_path: Path,
) -> None:
    keeper = keeper_on(tmp_path)
    publish(keeper)
    app = keeper.app()
    custodian_token_file(keeper.settings.tls_dir).unlink()
    assert call(app, "POST", "/v1/options/enclave/nonce", None).status_code == 200
    refused = call(app, "GET", HANDED_OUT[0], None)
    assert (refused.status_code, refused.json()["error"]) == (500, "CustodianTokenUnusable")
    make_custodian_token(keeper.settings.tls_dir)  # counts at once
    assert call(app, "POST", "/v1/options/enclave/nonce", None).status_code == 401
    assert call(app, "GET", HANDED_OUT[0], f"Bearer {keeper.token}").status_code == 200


def test_what_is_known_already_is_not_sent_again(tmp_path: Path) -> None:
    keeper = keeper_on(tmp_path)
    publish(keeper)
    app, shown = keeper.app(), f"Bearer {keeper.token}"
    first = call(app, "GET", HANDED_OUT[0], shown)
    known = first.headers["etag"]
    again = call(app, "GET", HANDED_OUT[0], shown, **{"if-none-match": known})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", known)
    add(keeper, 1, seed=2)
    publish_more(keeper)
    newer = call(app, "GET", HANDED_OUT[0], shown, **{"if-none-match": known})
    assert newer.status_code == 200
    assert newer.headers["etag"] != known
    assert newer.content != first.content


def test_a_fetch_that_was_cut_off_goes_on_where_it_stopped(listed: Keeper) -> None:
    app, shown = listed.app(), f"Bearer {listed.token}"
    segment = see_all(listed, publish(listed)).version.segments[0]
    for kind, digest in (("rows", segment.rows_sha256), ("hints", segment.hint_sha256)):
        path = f"{ROUTES}/{kind}/{digest.hex()}"
        whole = call(app, "GET", path, shown).content
        rest = call(app, "GET", path, shown, range="bytes=100-")
        assert (rest.status_code, rest.content) == (206, whole[100:])


def test_only_what_a_version_names_is_handed_out_and_as_what_it_is_named(tmp_path: Path) -> None:
    keeper = keeper_on(tmp_path)
    manifest = publish(keeper)
    segment = see_all(keeper, manifest).version.segments[0]
    rows, hint = segment.rows_sha256.hex(), segment.hint_sha256.hex()
    folder = keeper.settings.data_dir / "epochs" / f"{NAME}-1"
    (folder / DIGEST).write_bytes(b"of a run that was killed")
    app = keeper.app()
    assert ask(app, f"/rows/{rows}").status_code == 200
    for path in (f"/rows/{hint}", f"/hints/{rows}", f"/rows/{DIGEST}", f"/hints/{'f' * 64}"):
        refused = ask(app, path)
        assert (refused.status_code, refused.json()["error"]) == (404, "SegmentUnknown")
    for path in ("/rows/..", f"/rows/{rows.upper()}", "/rows/custodian.db", f"/rows/{rows}.part"):
        assert ask(app, path).status_code in (404, 422)
    (folder / rows).unlink()
    assert ask(app, f"/rows/{rows}").json()["error"] == "SegmentUnknown"


def test_other_epochs_are_refused_by_name(listed: Keeper) -> None:
    app = listed.app()
    refused = ask(app, "/versions/999")
    assert (refused.status_code, refused.json()["error"]) == (404, "EpochNotPublished")
    answered = call(app, "POST", f"/v1/options/{NAME}/answer", f"Bearer {listed.token}")
    assert answered.status_code in (400, 404), "devices have nothing to ask about a picture"
