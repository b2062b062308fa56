"""`softfall serve provider` as a process: what stops it from starting, and the real custodian."""

import base64
import re
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from softfall.config import CustodianSettings
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.keys import create_identity
from softfall.custodian.publish import publish_epoch
from softfall.lists.entries import Statement
from softfall.lists.manifest import Manifest, read
from softfall.media.pdq import PdqHash
from softfall.options.contract import DeviceHalf, Pending, ScanSecret
from softfall.options.split.device import SplitDevice
from softfall.options.tags.parameters import TagParameters
from softfall.options.tokens.device import Token, begin
from softfall.provider.clock import system_clock
from softfall.testing.patched import Cheat

from .cast import App
from .process import SOFTFALL, Served
from .split_epoch import random_hash
from .test_kill import join


def start_failed(served: Served) -> tuple[int, str]:
    done = subprocess.run(
        [SOFTFALL, "serve", "provider", "--config", served.config],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_two_providers_never_share_a_folder(tmp_path: Path) -> None:
    served = Served(tmp_path, option="none")
    served.start()
    served.wait_until_ready()
    try:
        code, told = start_failed(served)
        assert code == 2
        assert "FolderInUse" in told
        assert "what to do" in told
    finally:
        assert served.stop() == 0


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"held_retention_days": 1}, "RetentionTooShort"),
        ({"tls_dir": "/nowhere"}, "TlsFilesUnusable"),
        ({"option": "split", "dealer_url": ""}, "DealerMissing"),
    ],
)
def test_what_can_not_work_is_said_before_anything_listens(
    tmp_path: Path, settings: dict[str, Any], error: str
) -> None:
    code, told = start_failed(Served(tmp_path, **{"option": "none", **settings}))
    assert code == 2
    assert error in told
    assert "Traceback" not in told


def publish(folder: Path, listed: bytes) -> None:
    settings = CustodianSettings(data_dir=folder / "custodian", tls_dir=folder / "tls")
    create_identity(settings.data_dir)
    catalogue = Catalogue.open(settings.data_dir)
    catalogue.add(Statement(listed, "source"), system_clock())
    catalogue.close()
    publish_epoch(settings, "split", lambda done, total: None)


def current_manifest(http: httpx.Client) -> Manifest:
    for _ in range(600):
        told = http.get("/v1/service").json()["manifest"]
        if told is not None:
            return read(base64.b64decode(told))
        time.sleep(0.05)
    raise AssertionError("no epoch came")


def question(manifest: Manifest, bits: bytes, cheat: Cheat | None = None) -> Pending:
    parameters = TagParameters.decode(manifest.parameters)
    device: DeviceHalf = SplitDevice(
        manifest.epoch, manifest.public_key, parameters, manifest.confirm_key
    )
    if cheat is not None:
        device = cheat(device)
    picture = PdqHash(bits, 100, np.ones(256, np.float32))
    return device.begin(picture, ScanSecret(secrets.token_bytes(32), "split", manifest.epoch))


def tokens(app: App, manifest: Manifest, count: int) -> list[Token]:
    pending = begin(manifest.token_key, count, secrets.token_bytes)
    return pending.finish(app.call("POST", "/v1/tokens/issue", content=pending.request).content)


def ask(app: App, token: Token, question: bytes) -> httpx.Response:
    return app.call("POST", "/v1/options/split/ask", content=token.ask("split", question))


def test_with_the_real_custodian_a_listed_picture_is_held_and_another_delivered(
    tmp_path: Path,
) -> None:
    listed, unlisted = random_hash(seed=1), random_hash(seed=2)
    dealer = Served(tmp_path, "dealer")
    custodian = Served(tmp_path, "custodian", dealer_url=dealer.url)
    publish(tmp_path, listed)
    provider = Served(tmp_path, staff_token="t", custodian_url=custodian.url, dealer_url=dealer.url)
    for service in (dealer, custodian, provider):
        service.start()
    for service in (dealer, custodian, provider):
        service.wait_until_ready()
    try:
        ada, ben = join(provider, "ada"), join(provider, "ben")
        manifest = current_manifest(ada.http)
        first, second, third = tokens(ada, manifest, 3)
        for bits, token in ((listed, first), (unlisted, second)):
            pending = question(manifest, bits)
            answer = ask(ada, token, pending.request.body)
            assert answer.status_code == 200, answer.text
            made, _ = pending.finish(answer.content)
            submission = {"option": made.option, "epoch": made.epoch, "body": made.body}
            assert ada.post(ada.media("ben", submission=submission)).status_code == 202
        (delivery,) = ben.mailbox(wait_seconds=20)
        assert delivery["receipt"]["submission_digest"] == made.digest
        assert held_kinds(ada.http, 1) == ["confirmed"]
        # As a word: a request's random number in hex may hold these letters.
        assert not re.search(r"\bada\b", custodian.log.read_text())
        custodian.stop()
        answer = ask(ada, third, question(manifest, unlisted).request.body)
        assert (answer.status_code, answer.json()["error"]) == (503, "CustodianUnavailable")
        voucher = base64.b64decode(answer.json()["voucher"])
        outage = {"option": "outage", "epoch": manifest.epoch, "body": voucher}
        assert ada.post(ada.media("ben", submission=outage)).status_code == 202
        assert sorted(held_kinds(ada.http, 2)) == ["confirmed", "outage"]
        assert len(ben.mailbox()) == 1
    finally:
        for service in (provider, custodian, dealer):
            service.stop()


def held_kinds(http: httpx.Client, expected: int) -> list[str]:
    kinds: list[str] = []
    for _ in range(200):
        answer = http.get("/v1/staff/holds", headers={"authorization": "Bearer t"})
        kinds = [hold["kind"] for hold in answer.json()["holds"]]
        if len(kinds) == expected:
            break
        time.sleep(0.05)
    return kinds
