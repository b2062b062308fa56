"""The real keyholder killed, and its dealer: nothing is answered twice, and all go on."""

import random
import threading
import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from softfall.options.homomorphic.provider import Match
from tests.options.homomorphic.parties import random_hashes

from .street import LISTED, Refused, Street, until

UNLISTED = random_hashes(1, seed=99)[0]
KILLS = 3


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
                time.sleep(0.3)
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
