"""The real service: its own process, mutual TLS over loopback, another process that publishes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from softfall.config_shown import to_toml
from softfall.edge.tls import client_context, init_tls
from softfall.lists import manifest as manifests
from softfall.options.tags import wire
from softfall.options.tokens.device import begin
from tests.custodian.keeping import QUESTIONS, Keeper, a_question

SERVICE = """
import sys
from pathlib import Path
from softfall import config
from softfall.custodian.main import main
from softfall.errors import SoftfallError

try:
    main(config.load(Path(sys.argv[1])).custodian)
except SoftfallError as error:
    sys.exit(error.name)
print("loaded", *sorted(name for name in sys.modules if name.startswith(("softfall", "vodozemac"))))
"""


def command(keeper: Keeper) -> list[str]:
    from softfall.config import Settings

    file = keeper.folder / "softfall.toml"
    file.write_text(to_toml(Settings.model_construct(custodian=keeper.settings)))
    return [sys.executable, "-c", SERVICE, str(file)]


@contextlib.contextmanager
def running(keeper: Keeper) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with (keeper.folder / "log").open("wb") as log:
        process = subprocess.Popen(command(keeper), stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("listening on https://"), (keeper.folder / "log").read_text()
        yield ready.split()[-1], process
    finally:
        process.kill()
        process.wait()


def provider(keeper: Keeper, url: str) -> httpx.Client:
    context = client_context(keeper.settings.tls_dir, "provider")
    shown = {"authorization": f"Bearer {keeper.token}"}
    return httpx.Client(base_url=url, verify=context, timeout=60, headers=shown)


@pytest.fixture
def current(tmp_path: Path) -> Keeper:
    """A keeper whose clock is the machine's: the real service knows no other."""
    from softfall.custodian.clock import wall_ms

    keeper = Keeper(tmp_path)
    keeper.clocks.wall_ms = wall_ms()
    return keeper.set_up()


def test_the_provider_is_answered_others_are_not_and_nothing_of_it_is_logged(
    current: Keeper,
) -> None:
    first = current.publish()
    with running(current) as (url, process), provider(current, url) as client:
        for context in (
            client_context(current.settings.tls_dir),
            client_context(current.settings.tls_dir, "dealer"),
        ):
            with pytest.raises(httpx.TransportError), httpx.Client(verify=context) as stranger:
                stranger.get(url + "/v1/health")

        body = client.get("/v1/epochs/current").content
        assert manifests.verify(body, current.public_key) == first
        pending = a_question(first)
        wanted = begin(first.token_key, 1, os.urandom)
        (token,) = wanted.finish(client.post("/v1/tokens/issue", content=wanted.request).content)
        asked = token.ask("split", pending.request.body)
        reply = client.post("/v1/options/split/answer", content=asked)
        pending.finish(reply.content)

        current.add(2, seed=2)
        second = current.publish()  # while the service runs
        assert client.get("/v1/health").json()["epoch"] == second.epoch
        reply = client.post("/v1/options/split/answer", content=b"zebra-crossing")
        assert reply.json()["error"] == "MalformedMessage"

        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        loaded = process.stdout.read().split()
        assert process.wait() == 0
    log = (current.folder / "log").read_text()
    assert log.count('"event": "request"') == 5
    points = wire.REQUEST.decode(pending.request.body)["points"]
    assert isinstance(points, bytes)
    nonce = token.nonce.hex()
    for content in ("zebra", points[:32].hex(), points[-32:].hex(), nonce, "127.0.0.1"):
        assert content not in log
    assert loaded[0] == "loaded"
    assert "softfall.custodian.app" in loaded
    for never in ("vodozemac", "softfall.device", "softfall.messaging", "softfall.media.decode",
                  "softfall.options.split.device", "softfall.options.tokens.device",
                  "softfall.provider"):  # fmt: skip
        assert not [name for name in loaded if (name + ".").startswith(never + ".")]


def test_a_service_killed_and_started_again_still_counts_the_quota(current: Keeper) -> None:
    current.changed["evaluations_per_hour"] = QUESTIONS + 1
    manifest = current.publish()
    question = a_question(manifest).request.body
    wanted = begin(manifest.token_key, 2, os.urandom)
    with running(current) as (url, process), provider(current, url) as client:
        tokens = wanted.finish(client.post("/v1/tokens/issue", content=wanted.request).content)
        used, unused = (token.ask("split", question) for token in tokens)
        assert client.post("/v1/options/split/answer", content=used).status_code == 200
        process.kill()
    with running(current) as (url, _), provider(current, url) as client:
        reply = client.post("/v1/options/split/answer", content=unused)
    assert (reply.status_code, reply.json()["error"]) == (429, "QuotaSpent")


def test_a_service_killed_and_started_again_spends_no_token_twice(current: Keeper) -> None:
    manifest = current.publish()
    wanted = begin(manifest.token_key, 1, os.urandom)
    with running(current) as (url, process), provider(current, url) as client:
        (token,) = wanted.finish(client.post("/v1/tokens/issue", content=wanted.request).content)
        first = token.ask("split", a_question(manifest, "one").request.body)
        assert client.post("/v1/options/split/answer", content=first).status_code == 200
        process.kill()
    second = token.ask("split", a_question(manifest, "two").request.body)
    with running(current) as (url, _), provider(current, url) as client:
        reply = client.post("/v1/options/split/answer", content=second)
    assert (reply.status_code, reply.json()["error"]) == (403, "TokenRefused")


def test_a_second_service_on_the_same_folder_is_refused(current: Keeper) -> None:
    with running(current):
        second = subprocess.run(command(current), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "DataInUse" in second.stderr


@pytest.mark.parametrize(
    ("missing", "named"),
    [("custodian/identity.key", "IdentityUnusable"), ("tls/custodian.crt", "TlsFilesUnusable")],
)
def test_a_service_without_its_keys_does_not_start(
    current: Keeper, missing: str, named: str
) -> None:
    (current.folder / missing).unlink()
    run = subprocess.run(command(current), capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert named in run.stderr


def test_a_foreign_authority_is_refused_by_the_real_service(
    current: Keeper, tmp_path: Path
) -> None:
    current.publish()
    init_tls(tmp_path / "foreign")
    context = client_context(current.settings.tls_dir)
    context.load_cert_chain(tmp_path / "foreign/provider.crt", tmp_path / "foreign/provider.key")
    with (
        running(current) as (url, _),
        httpx.Client(verify=context) as stranger,
        pytest.raises(httpx.TransportError, match="ALERT"),
    ):
        stranger.get(url + "/v1/epochs/current")
