"""The real keyholder, as an operator starts it, over HTTPS: answered, killed, looked into."""

import random
import threading
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from softfall.edge.dealer_tokens import read_token, token_file
from softfall.edge.tls import client_context
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Match, NoMatch
from tests.options.homomorphic.parties import SECRET, hash_at, random_hashes
from tests.provider.process import Served
from tests.provider.test_what_runs import NOBODYS_BUSINESS, Spy, holds_any, mapped

from .street import LISTED, Refused, Street, until

UNLISTED = random_hashes(1, seed=99)[0]
KILLS = 3

NOTHING_OF_A_LIST = (
    "softfall.options.homomorphic.encrypting", "softfall.options.homomorphic.device",
    "softfall.options.homomorphic.opening", "softfall.options.homomorphic.provider",
    "softfall.options.homomorphic.provider_modes", "softfall.options.homomorphic.custodian",
    "softfall.options.homomorphic.laying", "softfall.options.homomorphic.changing",
    "softfall.options.homomorphic.dealer", "softfall.crypto.lattice.public",
    "softfall.media.pdq", "softfall.provider", "softfall.custodian", "softfall.lists.index",
)  # fmt: skip


@pytest.mark.parametrize("mode", list(Mode))
def test_a_listed_picture_matches_over_https_and_nothing_of_it_stays(
    tmp_path: Path, mode: Mode
) -> None:
    street = Street(tmp_path, mode)
    with street.running():
        street.carry()
        assert street.state()["lists"] == [{"epoch": 7, "list_version": 0, "missing": []}]
        near, far = hash_at(LISTED[5], 31), hash_at(LISTED[5], 32)
        pictures = street.submit(near, "near"), street.submit(far, "far")
        assert street.persistent_outcomes(*pictures) == [Match((5,)), NoMatch()]
        assert street.call("GET", "/v1/health").json()["lists"] == 1
        metrics = street.call("GET", "/metrics").text
        kept, logged = street.on_disk(), street.keyholder.log.read_bytes()
    for secret in (near, far, *LISTED.values()):
        for place in (kept, logged):
            assert secret not in place
            assert secret.hex().encode() not in place
    for submission in pictures:
        values = wire.decode(wire.QUERY, submission.body)
        for name in ("query", "capsule"):
            assert wire.octets(values, name)[:64] not in kept + logged
        assert wire.octets(values, "commitment").hex().encode() not in logged
    assert read_token(tmp_path / "tls", "keyholder").encode() not in kept + logged
    assert SECRET not in logged
    assert "softfall_keyholder_begun_total" in metrics
    assert not [line for line in metrics.splitlines() if "match" in line]


def test_it_holds_no_code_that_reads_queries_lays_lists_or_opens_pictures(tmp_path: Path) -> None:
    spy = Spy(tmp_path)
    street = Street(tmp_path, environment=spy.environment)
    with street.running():
        street.carry()
        street.persistent_outcomes(street.submit(LISTED[1]))
        for path in ("lists", "begin", "finish"):
            with pytest.raises(Refused, match="MalformedMessage"):
                street.call("POST", f"/v1/{path}", b"junk")
        street.call("GET", "/metrics")
        modules = spy.modules()
        assert street.keyholder.process is not None
        libraries = mapped(street.keyholder.process.pid)
    assert "softfall.keyholder.app" in modules
    assert holds_any(modules, (*NOBODYS_BUSINESS, *NOTHING_OF_A_LIST)) == []
    assert "vodozemac" not in libraries


def test_only_the_installations_parties_are_answered(tmp_path: Path) -> None:
    street = Street(tmp_path)
    with street.running():
        for context in (
            client_context(tmp_path / "tls"),
            client_context(tmp_path / "tls", "enclave"),
        ):
            with pytest.raises(httpx.TransportError), httpx.Client(verify=context) as stranger:
                stranger.get(street.keyholder.url + "/v1/health")
        assert street.call("GET", "/v1/health").json()["ok"]


def test_killed_between_the_two_questions_it_begins_anew_and_gives_its_verdict(
    tmp_path: Path,
) -> None:
    street = Street(tmp_path)
    with street.running():
        street.carry()
        run = street.run(street.submit(LISTED[9]))
        begin = run.begin()
        finish = run.go_on(until(lambda: answered(street, begin)))
        street.restart()
        with pytest.raises(Refused, match="RunUnknown"):
            street.call("POST", "/v1/finish", finish)
        with pytest.raises(Refused, match="MaterialSpent"):
            street.call("POST", "/v1/begin", begin)
        assert street.state()["lists"][0]["missing"] == []  # nothing has to be carried again
        assert street.persistent_outcomes(street.submit(LISTED[9], "anew")) == [Match((9,))]


def answered(street: Street, begin: bytes) -> bytes:
    """The first answer; empty where the serial has yet to come."""
    try:
        return street.call("POST", "/v1/begin", begin).content
    except Refused as refused:
        if str(refused) != "MaterialUnknown":
            raise
        return b""


def test_killed_at_random_instants_it_answers_no_serial_twice(tmp_path: Path) -> None:
    street = Street(tmp_path, runs_per_query=1000, runs_at_once=4000, stock=4)
    chance = random.Random(11)
    with street.running():
        street.carry()
        stopping = threading.Event()
        asker = Asker(street, stopping)
        asker.start()
        try:
            for _ in range(KILLS):
                count = len(asker.answered)
                assert until(partial(asker.has_more_than, count))
                time.sleep(chance.uniform(0, 0.1))
                street.restart()
                asker.before_kills += asker.answered[-3:]
        finally:
            stopping.set()
            asker.join()
        assert asker.failure is None
        for begin in asker.answered[-3 * KILLS :] + asker.before_kills:
            with pytest.raises(Refused, match="MaterialSpent"):
                street.call("POST", "/v1/begin", begin)
        assert street.persistent_outcomes(street.submit(LISTED[2], "last")) == [Match((2,))]
    assert len(asker.answered) > KILLS


class Asker(threading.Thread):
    """A provider that begins one run after another, whatever happens to the keyholder."""

    def __init__(self, street: Street, stopping: threading.Event) -> None:
        super().__init__()
        self.street, self.stopping = street, stopping
        self.answered: list[bytes] = []
        self.before_kills: list[bytes] = []
        self.failure: Exception | None = None

    def has_more_than(self, count: int) -> bool:
        return len(self.answered) > count or self.failure is not None

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            begin = self.street.run(self.street.submit(UNLISTED, f"{number}")).begin()
            try:
                self.street.call("POST", "/v1/begin", begin)
                self.answered.append(begin)
            except httpx.HTTPError:  # killed: perhaps it was spent, and the answer lost
                time.sleep(0.01)
            except Refused as refused:
                if str(refused) not in ("MaterialUnknown", "MaterialSpent"):
                    self.failure = refused
                    return


def test_killed_while_hints_are_carried_it_has_them_whole_or_not_at_all(tmp_path: Path) -> None:
    street = Street(tmp_path)
    chance = random.Random(5)
    with street.running():
        (digest,) = street.call("POST", "/v1/lists", street.carried()).json()["missing"]
        content = street.parties.shelf.files[bytes.fromhex(digest)]

        def carry_slowly() -> None:
            def pieces() -> "list[bytes]":
                return [content[i : i + 1000] for i in range(0, len(content), 1000)]

            with street.client() as http:
                try:
                    http.put(f"/v1/hints/{digest}", content=iter(pieces()))
                except httpx.HTTPError:
                    return

        for _ in range(2):
            carrier = threading.Thread(target=carry_slowly)
            carrier.start()
            time.sleep(chance.uniform(0, 0.03))
            street.restart()
            carrier.join()
            (told,) = street.state()["lists"]
            assert told["missing"] in ([], [digest])
        street.carry()
        assert street.persistent_outcomes(street.submit(LISTED[4])) == [Match((4,))]


def test_without_a_dealer_it_waits_a_bounded_time_and_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    street = Street(tmp_path, stock_wait_seconds=0.1, stock=2)
    with street.running():
        street.half()  # four serials, of which the keyholder has none yet
        street.dealer.kill()
        street.carry()
        with pytest.raises(Refused, match="MaterialUnknown"):
            street.outcomes(street.submit(LISTED[4], "early"))
        street.dealer.start()
        street.dealer.wait_until_ready()
        assert street.persistent_outcomes(street.submit(LISTED[4], "later")) == [Match((4,))]
    assert "no dealt material" in street.keyholder.log.read_text()


def test_a_second_keyholder_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    street = Street(tmp_path)
    with street.running():
        other = Served(tmp_path, "keyholder", custodian_key_file=tmp_path / "custodian.pub")
        other.start()
        assert other.process is not None
        assert other.process.wait(60) == 2
        assert other.process.stdout is not None
        other.process.stdout.close()
    assert "FolderHeld" in other.log.read_text()


@pytest.mark.parametrize(
    ("missing", "error"),
    [("key", "SealingKeyUnusable"), ("pin", "CustodianKeyUnusable"), ("token", "DealerToken")],
)
def test_without_what_it_needs_it_does_not_start_and_says_what_to_do(
    tmp_path: Path, missing: str, error: str
) -> None:
    street = Street(tmp_path)
    {
        "key": street.data_dir / "sealing-1.key",
        "pin": tmp_path / "custodian.pub",
        "token": token_file(tmp_path / "tls", "keyholder"),
    }[missing].unlink()
    street.keyholder.start()
    process = street.keyholder.process
    assert process is not None
    assert process.wait(60) == 2
    assert process.stdout is not None
    process.stdout.close()
    log = street.keyholder.log.read_text()
    assert error in log
    assert "softfall keys init" in log
