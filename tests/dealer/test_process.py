"""The real service: mutual TLS, what it has loaded and logged, and kill -9 in the middle."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from softfall.crypto.shares import product_share
from softfall.edge.dealer_tokens import DealerParty, read_token, token_file
from softfall.edge.tls import client_context
from softfall.options.confirm import wire
from softfall.options.confirm.material import DealtCustodian, DealtProvider
from tests.dealer.dealing import MESSAGES
from tests.dealer.test_stock import a_stock, on_disk
from tests.provider.process import Served
from tests.provider.test_what_runs import Spy, holds_any, mapped

KILLS = 5

# A dealer's process has no use for anything that touches a message, a picture, a list or a hash.
# (The command line loads the list's file formats for its own verbs; the dealer uses none.)
NOTHING_OF_A_MESSAGE = (
    "vodozemac", "softfall.device", "softfall.messaging", "softfall.media.decode",
    "softfall.media.files", "softfall.lists.index", "softfall.lists.manifest",
    "softfall.provider", "softfall.custodian", "softfall.enclave",
    "softfall.options.split", "softfall.options.on_device",
    "softfall.options.enclave", "softfall.options.tags", "softfall.options.confirm.device",
    "softfall.options.confirm.provider", "softfall.options.confirm.custodian",
    "softfall.options.homomorphic.device", "softfall.options.homomorphic.opening",
    "softfall.options.homomorphic.provider", "softfall.options.homomorphic.keyholder",
    "softfall.options.homomorphic.custodian", "softfall.crypto.lattice", "softfall.keyholder",
    "softfall.crypto.oprf", "softfall.testing", "softfall.compare", "PIL", "simplejpeg",
)  # fmt: skip


class Caller:
    """One of the dealer's parties, with its own certificate and token."""

    def __init__(self, served: Served, party: DealerParty) -> None:
        tls_dir = served.folder / "tls"
        self.party = party
        self.http = httpx.Client(
            base_url=served.url,
            verify=client_context(tls_dir, party),
            headers={"Authorization": f"Bearer {read_token(tls_dir, party)}"},
            timeout=20,
        )

    def fetch(self, count: int) -> list[tuple[int, bytes]]:
        reply = self.http.post("/v1/stock", json={"count": count})
        assert reply.status_code == 200, reply.text
        return wire.decode_stock(MESSAGES[self.party], reply.content)


class Greedy(threading.Thread):
    """A party that fetches and fetches, whatever happens to the dealer."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self.caller = caller
        self.stopping = threading.Event()
        self.got: list[tuple[int, bytes]] = []
        self.lost = 0

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.got += self.caller.fetch(16)
            except httpx.HTTPError:
                self.lost += 1
                time.sleep(0.01)


def wait_for_both(greedy: list[Greedy]) -> None:
    """Until each has fetched something since now."""
    before = [len(one.got) for one in greedy]
    while any(len(one.got) == had for one, had in zip(greedy, before, strict=True)):
        time.sleep(0.01)


def test_a_running_dealer_holds_no_code_of_messages_and_logs_nothing_it_dealt(
    tmp_path: Path,
) -> None:
    spy = Spy(tmp_path)
    served = Served(tmp_path, "dealer", environment=spy.environment)
    served.start()
    served.wait_until_ready()
    try:
        dealt = [half for party in MESSAGES for _, half in Caller(served, party).fetch(30)]  # type: ignore[arg-type]
        with pytest.raises(httpx.TransportError), served.client() as stranger:
            stranger.get("/v1/health")  # no certificate
        enclave = client_context(tmp_path / "tls", "enclave")
        with pytest.raises(httpx.TransportError), httpx.Client(verify=enclave) as serving_only:
            serving_only.get(served.url + "/v1/health")
        modules = spy.modules()
        assert served.process is not None
        libraries = mapped(served.process.pid)
    finally:
        assert served.stop() == 0
    assert "softfall.dealer.app" in modules
    assert holds_any(modules, NOTHING_OF_A_MESSAGE) == []
    assert "vodozemac" not in libraries
    log = served.log.read_text()
    assert log.count('"route": "/v1/stock"') == 2
    for half in dealt:
        assert half.hex() not in log
    for party in MESSAGES:
        assert read_token(tmp_path / "tls", party) not in log


def test_killed_at_random_instants_it_hands_no_half_out_twice(tmp_path: Path) -> None:
    served = Served(tmp_path, "dealer", requests_per_minute=1_000_000)
    served.start()
    served.wait_until_ready()
    chance = random.Random(7)
    parties: list[DealerParty] = ["provider", "custodian"]
    greedy = [Greedy(Caller(served, party)) for party in parties]
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
    provider, custodian = (one.got for one in greedy)
    assert all(one.lost for one in greedy)  # the kills were felt
    assert min(len(provider), len(custodian)) > 16 * KILLS
    for got in (provider, custodian):
        assert len({serial for serial, _ in got}) == len(got)
    left = on_disk(served.folder / "dealer")
    assert not [half for _, half in provider + custodian if half in left]
    both = dict(provider).keys() & dict(custodian).keys()
    assert both
    for serial in both:  # halves of one serial fit, on whichever side of a kill they were fetched
        ours = DealtProvider.decode(dict(provider)[serial]).spend().product
        theirs = DealtCustodian.decode(dict(custodian)[serial]).spend().product
        assert product_share(theirs.mask, ours.mask, ours.share) == theirs.share


DIES = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from softfall.dealer import stock

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

engine = stock.open_database(Path(sys.argv[1]))
shelf = stock.Stock(engine, 1000, lambda: 5, os.urandom)
if sys.argv[2] == "before":
    event.listen(engine, "commit", die)
else:
    stock.empty_the_log = die
shelf.hand_out("provider", 5)
"""


@pytest.mark.parametrize(("instant", "next_first"), [("before", 0), ("after", 5)])
def test_a_kill_around_the_commit_loses_serials_at_worst(
    tmp_path: Path, instant: str, next_first: int
) -> None:
    """Before it: nothing was handed out, so the same serials come. After it: they are gone."""
    with a_stock(tmp_path) as shelf:
        first = DealtProvider.decode(shelf.hand_out("provider", 1)[0]).serial + 1
    died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path), instant], check=False)
    assert died.returncode == -signal.SIGKILL
    with a_stock(tmp_path) as shelf:
        serials = [DealtProvider.decode(half).serial for half in shelf.hand_out("provider", 3)]
        theirs = [DealtCustodian.decode(half).serial for half in shelf.hand_out("custodian", 20)]
    assert serials == [first + next_first + i for i in range(3)]
    assert len(set(theirs)) == len(theirs) == 20


def test_a_second_dealer_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    served = Served(tmp_path, "dealer")
    served.start()
    served.wait_until_ready()
    other = Served(tmp_path, "dealer")
    try:
        other.start()
        assert other.process is not None
        assert other.process.wait(60) == 2
        assert other.process.stdout is not None
        other.process.stdout.close()
    finally:
        served.stop()
    assert "FolderHeld" in other.log.read_text()


def test_without_its_tokens_it_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    served = Served(tmp_path, "dealer")
    token_file(tmp_path / "tls", "custodian").unlink()
    served.start()
    assert served.process is not None
    assert served.process.wait(60) == 2
    assert served.process.stdout is not None
    served.process.stdout.close()
    log = served.log.read_text()
    assert "DealerTokenUnusable" in log
    assert "softfall keys init" in log
