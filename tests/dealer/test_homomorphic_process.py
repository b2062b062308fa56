"""The real dealer and homomorphic material: kill -9 in the middle, streams, memory, and its log."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.edge.dealer_tokens import HomomorphicParty
from softfall.edge.dealt_fetching import HomomorphicDealerClient
from softfall.edge.stock_keeping import DealerUnavailable
from softfall.options.homomorphic import dealer
from softfall.options.homomorphic.dealer import Seeds
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider, OneBitKeyholder
from softfall.options.homomorphic.parameters import Mode
from tests.dealer.test_homomorphic_stock import SMALL, a_stock, on_disk, serials
from tests.provider.process import Served

KILLS = 3
ROWS = 1024
LARGE_ROWS = 1_015_808


class Greedy(threading.Thread):
    """A party that fetches and fetches, whatever happens to the dealer."""

    def __init__(self, served: Served, party: HomomorphicParty) -> None:
        super().__init__()
        self.client = HomomorphicDealerClient(served.url, served.folder / "tls", party)
        self.stopping = threading.Event()
        self.got: list[tuple[int, bytes]] = []
        self.lost = 0

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.got += self.client.fetch(Mode.ONE_BIT, ROWS, 4)
            except DealerUnavailable:
                self.lost += 1
                time.sleep(0.01)


def wait_for_both(greedy: list[Greedy]) -> None:
    """Until each has fetched something since now."""
    before = [len(one.got) for one in greedy]
    while any(len(one.got) == had for one, had in zip(greedy, before, strict=True)):
        time.sleep(0.01)


def test_killed_at_random_instants_it_hands_no_half_out_twice(tmp_path: Path) -> None:
    served = Served(tmp_path, "dealer", requests_per_minute=1_000_000)
    served.start()
    served.wait_until_ready()
    chance = random.Random(11)
    greedy = [Greedy(served, "provider"), Greedy(served, "keyholder")]
    for one in greedy:
        one.start()
    try:
        for _ in range(KILLS):
            wait_for_both(greedy)
            time.sleep(chance.uniform(0, 0.1))
            served.kill()
            served.start()
            served.wait_until_ready()
        wait_for_both(greedy)
    finally:
        for one in greedy:
            one.stopping.set()
        for one in greedy:
            one.join()
        served.stop()
    provider, keyholder = (one.got for one in greedy)
    assert all(one.lost for one in greedy)  # the kills were felt
    for got in (provider, keyholder):
        assert len({serial for serial, _ in got}) == len(got) > KILLS
    left = on_disk(served.folder / "dealer")
    both = dict(provider).keys() & dict(keyholder).keys()
    assert both
    for serial in both:  # halves of one serial fit, on whichever side of a kill they were fetched
        ours = DealtProvider.decode(dict(provider)[serial]).spend().expansion
        theirs = DealtKeyholder.decode(dict(keyholder)[serial]).spend().expansion
        seeds = Seeds(ours.seed, theirs.seed)
        whole = b"".join(dealer.keyholder_half(serial, Mode.ONE_BIT, ROWS, seeds))
        assert whole == dict(keyholder)[serial]
        assert ours.seed not in left
        assert theirs.seed not in left


DIES = """
import os, signal, sys, threading
from pathlib import Path
from sqlalchemy import event
from softfall.dealer import homomorphic_stock
from softfall.dealer.stock import open_database
from softfall.options.homomorphic.parameters import Mode

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

engine = open_database(Path(sys.argv[1]))
plenty = homomorphic_stock.Backlog(1000, 1 << 30)
shelf = homomorphic_stock.HomomorphicStock(engine, plenty, threading.Lock(), lambda: 5, os.urandom)
if sys.argv[2] == "before":
    event.listen(engine, "commit", die)
else:
    homomorphic_stock.empty_the_log = die
shelf.hand_out("keyholder", homomorphic_stock.Kind(Mode.ONE_BIT, 1024), 2)
"""


@pytest.mark.parametrize(("instant", "gone"), [("before", 0), ("after", 2)])
def test_a_kill_around_the_commit_loses_serials_at_worst(
    tmp_path: Path, instant: str, gone: int
) -> None:
    """Before it: nothing was handed out, so the same serials come. After it: they are gone."""
    with a_stock(tmp_path) as shelf:
        dealt = serials(shelf.hand_out("provider", SMALL, 5))
    died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path), instant], check=False)
    assert died.returncode == -signal.SIGKILL
    with a_stock(tmp_path) as shelf:
        assert serials(shelf.hand_out("keyholder", SMALL, 5 - gone)) == dealt[gone:]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    service = Served(tmp_path, "dealer")
    service.start()
    service.wait_until_ready()
    try:
        yield service
    finally:
        assert service.stop() == 0


def resident_bytes(served: Served) -> int:
    assert served.process is not None
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def test_halves_for_a_million_entries_are_streamed_in_little_memory_and_nothing_is_logged(
    served: Served,
) -> None:
    parties: tuple[HomomorphicParty, ...] = ("provider", "keyholder")
    tls_dir = served.folder / "tls"
    provider, keyholder = (HomomorphicDealerClient(served.url, tls_dir, party) for party in parties)
    ours = provider.fetch(Mode.ONE_BIT, ROWS, 1)
    keyholder.fetch(Mode.ONE_BIT, ROWS, 1)  # what is compiled is compiled and loaded
    before = resident_bytes(served)
    ours += provider.fetch(Mode.ONE_BIT, LARGE_ROWS, 3)
    theirs = keyholder.fetch(Mode.ONE_BIT, LARGE_ROWS, 3)
    grown = resident_bytes(served) - before
    size = len(theirs[0][1])
    assert size > 6_000_000
    assert grown < 2 * size  # not three halves, nor one with all that it is made of
    assert [serial for serial, _ in ours[1:]] == [serial for serial, _ in theirs]
    log = served.log.read_text()
    for _, half in ours:
        assert half.hex() not in log
        assert DealtProvider.decode(half).spend().expansion.seed.hex() not in log
    whole = DealtKeyholder.decode(theirs[2][1]).spend()
    assert isinstance(whole, OneBitKeyholder)
    assert whole.digest_key == DealtProvider.decode(ours[3][1]).spend().digest_key  # type: ignore[union-attr]
