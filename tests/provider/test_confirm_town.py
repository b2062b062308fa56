"""`confirm` with real services over sockets: what is held, what is not, and what a kill changes."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from softfall.config import ProviderSettings
from softfall.edge.custodian_tokens import read_custodian_token
from softfall.edge.stock_keeping import DealerClient
from softfall.edge.tls import client_context
from softfall.lists.manifest import Manifest
from softfall.options.confirm.device import make_shares
from softfall.options.confirm.material import DealtProvider
from softfall.options.contract import Candidate, Clear, Held, ScanSecret, Verdict
from softfall.options.tags.parameters import TagParameters
from softfall.provider.confirming import Confirmer, ConfirmLink
from softfall.provider.database import CONFIRM_MIGRATIONS
from softfall.provider.relay import custodian_client
from softfall.provider.stock import ConfirmStock
from softfall.store.database import sqlite_url
from softfall.store.transactions import Database
from softfall.testing.patched import JunkSeal

from .split_epoch import random_hash
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


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One for most tests here: starting three services takes longer than what they do."""
    made = Town(tmp_path_factory.mktemp("town"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def figure(town: Town, name: str) -> float:
    """One of the custodian's figures."""
    with httpx.Client(verify=client_context(town.folder / "tls", "provider")) as http:
        lines = http.get(town.custodian.url + "/metrics").text.splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith(name + " ")))


def test_a_listed_picture_is_held_as_confirmed_and_a_near_miss_is_delivered(town: Town) -> None:
    ada, ben, manifest = town.people("ada", "ben")
    asked = figure(town, "softfall_confirms_finished_total")
    miss = town.send(ada, "ben", manifest, near_miss(manifest, 32))
    innocent = town.send(ada, "ben", manifest, random_hash(seed=5))
    near = town.send(ada, "ben", manifest, near_miss(manifest, 30))
    listed = town.send(ada, "ben", manifest, LISTED)
    assert [town.fate(sent) for sent in (miss, innocent)] == ["delivered", "delivered"]
    assert [town.fate(sent) for sent in (near, listed)] == ["confirmed", "confirmed"]
    assert len(ben.mailbox()) == 2
    # Three were candidates, and each was asked about once; the innocent one asked nothing.
    assert figure(town, "softfall_confirms_finished_total") == asked + 3
    for service in (town.custodian, town.dealer):
        # As a word: a request's random number in hex may hold these letters.
        assert not re.search(r"\bada\b", service.log.read_text())


def test_a_share_whose_seal_is_junk_is_held_as_malformed(town: Town) -> None:
    cai, _, manifest = town.people("cai", "dee")
    sent = town.send(cai, "dee", manifest, LISTED, cheat=JunkSeal)
    assert town.fate(sent) == "malformed"


def test_a_number_that_the_custodian_does_not_list_holds_nobody_and_hides_nothing(
    town: Town, tmp_path: Path
) -> None:
    _, _, manifest = town.people("ida", "jon")
    db = Database(sqlite_url(tmp_path / "confirm.db"), CONFIRM_MIGRATIONS)
    stock = ConfirmStock(db, lambda: 0)
    dealer = DealerClient(town.dealer.url, town.folder / "tls", "provider")
    stock.put(dealer.fetch(100))
    dealer.close()
    secret = ScanSecret(bytes([7]) * 32, manifest.option, manifest.epoch)
    shares = make_shares(LISTED, secret, secret.key(LISTED), manifest.confirm_key).body

    def verdicts(*asked: tuple[int, ...]) -> list[Verdict]:
        async def run() -> list[Verdict]:
            settings = ProviderSettings(
                custodian_url=town.custodian.url,
                tls_dir=town.folder / "tls",
                custodian_timeout_seconds=20.0,
            )
            async with custodian_client(settings) as client:
                link = ConfirmLink.to(client, asyncio.get_running_loop(), 20.0)
                decide = Confirmer(stock, link.ask).decide
                return [
                    await asyncio.to_thread(
                        decide, manifest.option, manifest.epoch, Candidate("c", {}, entries, shares)
                    )
                    for entries in asked
                ]

        return asyncio.run(run())

    innocent, listed = verdicts((900, 901), (902, 1, 903))
    assert isinstance(innocent, Clear)
    assert isinstance(listed, Held)
    assert listed.evidence["entry"] == 1
    db.close()


def test_a_custodian_killed_in_the_middle_of_a_confirmation_loses_nothing(town: Town) -> None:
    _, _, manifest = town.people("eve", "fay")
    dealer = DealerClient(town.dealer.url, town.folder / "tls", "provider")
    ((_, material),) = dealer.fetch(1)
    step = step_with(DealtProvider.decode(material), manifest, LISTED)
    context = client_context(town.folder / "tls", "provider")

    def post(path: str, body: bytes) -> httpx.Response:
        shown = {"authorization": f"Bearer {read_custodian_token(town.folder / 'tls')}"}
        return httpx.post(
            town.custodian.url + path, content=body, headers=shown, verify=context, timeout=20
        )

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


def test_a_custodian_whose_halves_were_lost_is_caught_up_with(town: Town) -> None:
    """Its disk was lost, say: both go on from later serials."""
    gil, _, manifest = town.people("gil", "hal")
    assert town.fate(town.send(gil, "hal", manifest, LISTED)) == "confirmed"
    town.custodian.kill()
    for path in (town.folder / "custodian").glob("confirm.db*"):
        path.unlink()
    town.start(town.custodian)
    assert town.fate(town.send(gil, "hal", manifest, LISTED)) == "confirmed"


def test_with_no_dealt_material_a_candidate_is_held_as_an_outage_and_the_next_confirmed(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path)
    try:
        town.start(town.custodian, town.provider)
        ada, _, manifest = town.people("ada", "ben")
        innocent = town.send(ada, "ben", manifest, random_hash(seed=5))
        listed = town.send(ada, "ben", manifest, LISTED)
        assert town.fate(innocent) == "delivered"  # who is no candidate waits for no dealer
        assert town.fate(listed) == "outage"
        town.start(town.dealer)
        wait_for_stock(town)
        assert town.fate(town.send(ada, "ben", manifest, LISTED)) == "confirmed"
    finally:
        town.stop()


def wait_for_stock(town: Town) -> None:
    with town.provider.client() as http:
        for _ in range(400):
            if "softfall_confirm_stock 0.0" not in http.get("/metrics").text:
                return
            time.sleep(0.05)
    raise AssertionError("no dealt material came")


def until(status: int, call: Callable[[], httpx.Response]) -> bytes:
    """The custodian may be fetching its half still."""
    for _ in range(200):
        answer = call()
        if answer.status_code == status:
            return answer.content
        time.sleep(0.05)
    raise AssertionError(answer.text)


@pytest.mark.parametrize("moment", ["after begin", "before finish", "after finish"])
def test_a_provider_killed_in_the_middle_of_a_confirmation_judges_again_and_holds_as_confirmed(
    tmp_path_factory: pytest.TempPathFactory, town: Town, moment: str
) -> None:
    """A second provider, on its own folder, at the same custodian and dealer."""
    place, step = moment.split()
    killed = threading.Event()
    with gate(town.folder / "tls", lambda: town.custodian.url) as way:
        second = town.another_provider(tmp_path_factory.mktemp("provider"), way.url)

        def kill(path: str) -> None:
            if path == f"v1/confirm/{step}" and not killed.is_set():
                killed.set()
                second.provider.kill()

        setattr(way, place, kill)
        try:
            second.start(second.provider)
            ada, _, manifest = second.people("ada", "ben")
            released = figure(town, "softfall_confirms_used")
            sent = second.send(ada, "ben", manifest, LISTED)
            assert killed.wait(60)
            second.start(second.provider)
            assert second.fate(sent) == "confirmed"
            assert figure(town, "softfall_confirms_used") == released + 1  # no second bit
        finally:
            second.stop_provider()
