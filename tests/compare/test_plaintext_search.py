"""The plaintext search: what all services hold after a conversation, byte by byte.

Files, logs and whole memory of the real services are searched while they run, for all the words,
photographs, hashes and keys that devices kept to themselves. The same pass must find everything
that was planted, and what each service is meant to hold. Nothing is reported in the conversation.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from softfall.device.outcomes import Shown
from softfall.edge.tls import client_context
from tests.compare import haystack, needles
from tests.compare.conversation import Picture, Played, listed_pictures, never_sent, play
from tests.compare.needles import HASH, SECRET_KINDS, Needle
from tests.compare.planting import being_received, plant_files, plant_log
from tests.compare.running import House, Served, running
from tests.compare.searching import CHANNELS, FILES, LOG, MEMORY, Search, Searched

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="processes are looked into through /proc"
)

RANDOM_ENTRIES: Final = 500
PROVIDER, CUSTODIAN, DEALER = "provider", "custodian", "dealer"
SERVICES: Final = (PROVIDER, CUSTODIAN, DEALER)
# A request to the dealer has no room for anything to plant, so its memory is searched without.
PLANTED: Final = [
    (service, channel)
    for service in SERVICES
    for channel in (FILES, LOG, MEMORY)
    if (service, channel) != (DEALER, MEMORY)
]
PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Sought:
    """Everything that is looked for, and who is meant to hold it."""

    planted: Sequence[Needle]
    private: Sequence[Needle]  # of the conversation: devices alone
    listed: Sequence[Needle]  # hashes of the list: the custodian
    carried: Sequence[Needle]  # ciphertext and account names: the provider

    @property
    def everything(self) -> list[Needle]:
        return [*self.planted, *self.private, *self.listed, *self.carried]

    def foreign_to(self, service: str) -> list[Needle]:
        """What this service must not hold."""
        if service == PROVIDER:
            return [*self.private, *self.listed]
        if service == DEALER:
            return [*self.private, *self.listed, *self.carried]
        # Of an edited copy's hash, some 8-byte words are those of the photograph that is listed.
        listed = {needle.body for needle in self.listed}
        return [*(n for n in self.private if n.body not in listed), *self.carried]


@dataclass(frozen=True)
class Outcome:
    """One conversation, and what came of searching each service. unreadable: why memory was not."""

    played: Played
    sought: Sought
    searched: Mapping[str, Mapping[str, Searched]]
    spent_tags: Searched
    unreadable: str

    def of(self, service: str, channel: str) -> Searched:
        if channel == MEMORY and self.unreadable:
            pytest.skip(self.unreadable)
        return self.searched[service][channel]


def balanced_hashes() -> list[bytes]:
    """Random hashes with as many ones as zeros, as PDQ's have."""
    chance = np.random.default_rng(20261123)
    half = np.repeat(np.array([0, 1], np.uint8), 128)
    return [np.packbits(chance.permutation(half)).tobytes() for _ in range(RANDOM_ENTRIES)]


def sought(played: Played, listed: Sequence[bytes]) -> Sought:
    words, decoy = never_sent()
    return Sought(
        planted=needles.one_of_each(
            [
                *needles.text_needles(words.name, words.text, words.marker),
                *of_picture(decoy),
                *needles.key_needles("planted", bytes(range(100, 132))),
            ]
        ),
        private=[
            *(n for w in played.words for n in needles.text_needles(w.name, w.text, w.marker)),
            *(n for p in (*played.unlisted, *played.edited) for n in of_picture(p)),
            *(n for p in played.listed for n in needles.picture_needles(p.name, p.file)),
            *(n for key in played.kept.keys for n in needles.key_needles("a key", key)),
        ],
        listed=[n for bits in listed for n in needles.hash_needles("the list", bits)],
        carried=[
            *(n for body in played.kept.sealed for n in needles.sealed_needles("a file", body)),
            *(n for account in played.accounts for n in needles.name_needles(account)),
        ],
    )


def of_picture(shown: Picture) -> Iterator[Needle]:
    yield from needles.picture_needles(shown.name, shown.file)
    yield from needles.hash_needles(shown.name, shown.bits)


@contextlib.contextmanager
def planted_everywhere(
    house: House, played: Played, planted: Sequence[Needle], readable: bool
) -> Iterator[None]:
    """In all services' files and logs, and in the memory of those that take in what is sent."""
    for served in (house.provider, house.custodian, house.dealer):
        plant_files(served, planted)
        plant_log(served, planted)
    token = played.kept.tokens[0]
    to_provider = f"POST /v1/envelopes HTTP/1.1\nauthorization: Bearer {token}\n"
    to_custodian = "POST /v1/options/split/answer HTTP/1.1\n"
    own, relay = client_context(house.tls), client_context(house.tls, PROVIDER)
    with (
        being_received(house.provider, own, to_provider, planted) as last_to_provider,
        being_received(house.custodian, relay, to_custodian, planted) as last_to_custodian,
    ):
        if readable:
            wait_until_received(house.provider, last_to_provider)
            wait_until_received(house.custodian, last_to_custodian)
        yield


def wait_until_received(served: Served, last: Needle) -> None:
    """Until the process has read from its socket what was sent last."""
    end, search = time.monotonic() + PATIENCE_SECONDS, Search([last])
    while not search.memory(served).found:
        assert time.monotonic() < end, f"the {served.place.name} did not read the request"


def search_for_spent_tags(house: House, played: Played) -> Searched:
    """In the provider's files, once its log was emptied: that is its upkeep's work."""
    tags = played.kept.tags()
    artefacts = b"".join(
        path.read_bytes() for path in (house.custodian.place.folder / "data").rglob("*.artefact")
    )
    assert artefacts
    spent = [Needle("a tag", "tag", "raw", tag) for tag in tags if tag not in artefacts]
    assert len(spent) > len(tags) / 2
    search, end = Search(spent), time.monotonic() + PATIENCE_SECONDS
    while True:
        searched = search.files(house.provider)
        if not searched.found or time.monotonic() > end:
            return searched
        time.sleep(0.5)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("plaintext")
    pictures = listed_pictures()
    listed = [*(shown.bits for shown in pictures), *balanced_hashes()]
    with running(folder, listed) as house:
        played = play(house, folder / "devices", pictures)
        wanted = sought(played, listed)
        search = Search(wanted.everything)
        unreadable = haystack.why_unreadable(house.provider.pid)
        with planted_everywhere(house, played, wanted.planted, not unreadable):
            searched = {
                served.place.name: search.service(served)
                for served in (house.provider, house.custodian, house.dealer)
            }
        return Outcome(played, wanted, searched, search_for_spent_tags(house, played), unreadable)


def test_the_conversation_took_place(outcome: Outcome) -> None:
    played = outcome.played
    shown = [arrival for arrival in played.arrived if isinstance(arrival, Shown)]
    assert len(shown) == len(played.arrived)
    files = {arrival.picture for arrival in shown}
    assert files >= {picture.file for picture in played.unlisted}
    assert not files & {picture.file for picture in played.listed}
    held = {played.sent[envelope_id] for envelope_id in played.held}
    assert held >= set(played.listed)
    texts = {arrival.text for arrival in shown}
    silent = {played.sent[sent] for sent in set(played.held) - set(played.released)}
    captions = {f"caption of {picture.name}" for picture in silent if picture}
    assert texts == {words.text for words in played.words if words.name not in captions}
    assert set(played.released) <= {arrival.envelope_id for arrival in shown}
    # Edited copies are looked for under hashes of their own, not under those that are listed.
    listed = {needle.body for needle in outcome.sought.listed}
    assert not {picture.bits for picture in played.edited + played.unlisted} & listed


def test_every_secret_is_looked_for_in_every_kind(outcome: Outcome) -> None:
    played, private = outcome.played, outcome.sought.private
    assert {needle.kind for needle in outcome.sought.planted} == set(SECRET_KINDS)
    kinds_of = {needle.of: set[str]() for needle in private}
    for needle in private:
        kinds_of[needle.of].add(needle.kind)
    for picture in played.unlisted + played.edited:
        assert kinds_of[picture.name] == {"file", "pixels", "hash", "digest"}
        windows = [n for n in private if n.of == picture.name and n.kind == "file"]
        assert len(windows) > 20
    for words in played.words:
        assert kinds_of[words.name] == {"text"}
    # A file's key of each photograph, a franking key of each arrival, those of groups included.
    assert len(played.kept.keys) >= len(played.kept.sealed) + len(played.arrived)


@pytest.mark.parametrize(("service", "channel"), PLANTED)
def test_everything_planted_is_found(outcome: Outcome, service: str, channel: str) -> None:
    planted = outcome.sought.planted
    found = outcome.of(service, channel).of(planted)
    assert [f"{n.kind}, {n.form}" for n in planted if n not in found] == []
    if channel == FILES:
        databases = {f"data/{service}.db", f"data/{service}.db-wal"}
        for places in found.values():
            assert places >= {"data/planted", "tmp/planted"}
            assert places & databases


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("service", SERVICES)
def test_nothing_that_a_service_must_not_hold_is_found(
    outcome: Outcome, service: str, channel: str
) -> None:
    searched = outcome.of(service, channel)
    found = searched.of(outcome.sought.foreign_to(service))
    assert [f"{n.of}: {n.kind}, {n.form}, in {places}" for n, places in found.items()] == []
    assert searched.unread == []


def test_the_list_is_found_at_the_custodian(outcome: Outcome) -> None:
    plain = {n for n in outcome.sought.listed if (n.kind, n.form) == (HASH, "raw plain")}
    assert len({needle.body for needle in plain}) == RANDOM_ENTRIES + len(listed_pictures())
    found = outcome.of(CUSTODIAN, FILES).of(plain)
    assert set(found) == plain
    for places in found.values():
        assert "data/custodian.db" in places


def test_what_the_provider_carries_is_found_at_the_provider(outcome: Outcome) -> None:
    """Ciphertext of held photographs, names of accounts: the search sees what is there."""
    played, carried = outcome.played, outcome.sought.carried
    for channel in (FILES, MEMORY):
        found = outcome.of(PROVIDER, channel).of(carried)
        assert {needle.of for needle in found} >= set(played.accounts)
        assert any(needle.kind == needles.SEALED for needle in found)


def test_the_tags_of_judged_photographs_are_soon_in_no_file(outcome: Outcome) -> None:
    """Printed limit: in memory that was given back, they lie until something else is put there."""
    assert outcome.spent_tags.size_bytes > 0
    assert outcome.spent_tags.found == {}
