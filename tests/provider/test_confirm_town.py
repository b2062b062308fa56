"""`confirm` with real services over sockets: what is held, what is not, and what a kill changes."""

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from softfall.edge.stock_keeping import DealerClient
from softfall.edge.tls import client_context, init_tls
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash
from softfall.options.confirm.material import DealtProvider
from softfall.options.contract import ScanSecret
from softfall.options.split.device import SplitDevice
from softfall.options.tags.parameters import TagParameters
from softfall.testing.patched import JunkSeal

from .split_epoch import random_hash
from .test_serve import ask, tokens
from .town import LISTED, Town, gate, step_with


def near_miss(manifest: Manifest, distance_bits: int) -> bytes:
    """A hash that shares every piece with the listed one, and is this far from it."""
    used = {
        place for table in TagParameters.decode(manifest.parameters).positions for place in table
    }
    bits = np.unpackbits(np.frombuffer(LISTED, np.uint8))
    free = [place for place in range(256) if place not in used]
    bits[free[:distance_bits]] ^= 1
    return np.packbits(bits).tobytes()


def delivered(town: Town, count: int) -> bool:
    with town.provider.client() as http:
        for _ in range(400):
            holds = http.get("/metrics").text
            if f'softfall_moves_total{{end="delivered",who="judge"}} {count}.0' in holds:
                return True
            time.sleep(0.05)
    return False


def test_a_listed_picture_is_held_as_confirmed_and_a_near_miss_is_delivered(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path)
    try:
        town.start()
        ada, ben, manifest = town.people()
        town.send(ada, manifest, near_miss(manifest, 32))
        assert len(ben.mailbox(wait_seconds=20)) == 1
        town.send(ada, manifest, near_miss(manifest, 30))
        town.send(ada, manifest, LISTED)
        town.send(ada, manifest, random_hash(seed=5))
        assert town.holds(2) == ["confirmed", "confirmed"]
        assert delivered(town, 2)
        assert len(ben.mailbox(wait_seconds=20)) == 2
        custodian = httpx.Client(
            base_url=town.custodian.url, verify=client_context(tmp_path / "tls", "provider")
        )
        figures = custodian.get("/metrics").text
        assert "softfall_confirms_finished_total 3.0" in figures  # the innocent one asked nothing
        for service in (town.custodian, town.dealer):
            assert "ada" not in service.log.read_text()
    finally:
        town.stop()


def test_with_no_dealt_material_a_candidate_is_held_as_an_outage_and_the_next_confirmed(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path)
    try:
        town.start(town.custodian, town.provider)
        ada, ben, manifest = town.people()
        town.send(ada, manifest, random_hash(seed=5))
        town.send(ada, manifest, LISTED)
        assert town.holds(1) == ["outage"]
        assert len(ben.mailbox(wait_seconds=20)) == 1  # who is no candidate waits for no dealer
        town.start(town.dealer)
        wait_for_stock(town)
        town.send(ada, manifest, LISTED)
        assert sorted(town.holds(2)) == ["confirmed", "outage"]
    finally:
        town.stop()


def wait_for_stock(town: Town) -> None:
    with town.provider.client() as http:
        for _ in range(400):
            if "softfall_confirm_stock 0.0" not in http.get("/metrics").text:
                return
            time.sleep(0.05)
    raise AssertionError("no dealt material came")


def test_a_share_whose_seal_is_junk_is_held_as_malformed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    try:
        town.start()
        ada, _, manifest = town.people()
        parameters = TagParameters.decode(manifest.parameters)
        device = SplitDevice(manifest.epoch, manifest.public_key, parameters, manifest.confirm_key)
        secret = ScanSecret(secrets.token_bytes(32), "split", manifest.epoch)
        media = PdqHash(LISTED, 100, np.ones(256, np.float32))
        pending = JunkSeal(device).begin(media, secret)
        assert pending.request is not None
        (token,) = tokens(ada, manifest, 1)
        answer = ask(ada, token, pending.request.body)
        assert answer.status_code == 200, answer.text
        made, _ = pending.finish(answer.content)
        submission = {"option": "split", "epoch": manifest.epoch, "body": made.body}
        assert ada.post(ada.media("ben", submission=submission)).status_code == 202
        assert town.holds(1) == ["malformed"]
    finally:
        town.stop()


def test_a_custodian_killed_in_the_middle_of_a_confirmation_loses_nothing(tmp_path: Path) -> None:
    town = Town(tmp_path)
    try:
        town.start()
        _, _, manifest = town.people()
        dealer = DealerClient(town.dealer.url, tmp_path / "tls", "provider")
        ((_, material),) = dealer.fetch(1)
        step = step_with(DealtProvider.decode(material), manifest, LISTED)
        context = client_context(tmp_path / "tls", "provider")

        def post(path: str, body: bytes) -> httpx.Response:
            return httpx.post(town.custodian.url + path, content=body, verify=context, timeout=20)

        begin = step.begin()
        begun = until(200, lambda: post("/v1/confirm/begin", begin))
        town.custodian.kill()
        town.start(town.custodian)
        assert post("/v1/confirm/begin", begin).content == begun
        finish = step.go_on(begun)
        assert isinstance(finish, bytes)
        finished = post("/v1/confirm/finish", finish).content
        town.custodian.kill()
        town.start(town.custodian)
        assert post("/v1/confirm/finish", finish).content == finished
        assert step.bit(finished)
        dealer.close()
    finally:
        town.stop()


def until(status: int, call: Callable[[], httpx.Response]) -> bytes:
    """The custodian may be fetching its half still."""
    for _ in range(200):
        answer = call()
        if answer.status_code == status:
            return answer.content
        time.sleep(0.05)
    raise AssertionError(answer.text)


@pytest.mark.parametrize("moment", ["before begin", "after begin", "before finish", "after finish"])
def test_a_provider_killed_in_the_middle_of_a_confirmation_judges_again_and_holds_as_confirmed(
    tmp_path: Path, moment: str
) -> None:
    init_tls(tmp_path / "tls")
    place, step = moment.split()
    custodian: list[Town] = []
    with gate(tmp_path, lambda: custodian[0].custodian.url) as way:
        town = Town(tmp_path, through=way.url)
        custodian.append(town)
        killed = threading.Event()

        def kill(path: str) -> None:
            if path == f"v1/confirm/{step}" and not killed.is_set():
                killed.set()
                town.provider.kill()

        setattr(way, place, kill)
        try:
            town.start()
            ada, _, manifest = town.people()
            town.send(ada, manifest, LISTED)
            assert killed.wait(60)
            town.start(town.provider)
            assert town.holds(1) == ["confirmed"]
            answers = httpx.get(
                town.custodian.url + "/metrics",
                verify=client_context(tmp_path / "tls", "provider"),
            ).text
            assert "softfall_confirms_used 1.0" in answers  # no second one, no second bit
        finally:
            town.stop()


def test_a_custodian_without_the_serials_that_the_provider_has_is_caught_up_with(
    tmp_path: Path,
) -> None:
    """The custodian's halves were lost with its disk: both go on from later serials."""
    town = Town(tmp_path)
    try:
        town.start()
        ada, _, manifest = town.people()
        town.send(ada, manifest, LISTED)
        assert town.holds(1) == ["confirmed"]
        town.custodian.kill()
        for path in (tmp_path / "custodian").glob("confirm.db*"):
            path.unlink()
        town.start(town.custodian)
        town.send(ada, manifest, LISTED)
        assert town.holds(2) == ["confirmed", "confirmed"]
    finally:
        town.stop()
