"""All four services as processes: what is listed is held, the rest delivered, whatever restarts."""

from collections.abc import Iterator

import pytest

from tests.provider.split_epoch import random_hash

from .town import LISTED, Town, altered


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One for most tests here: starting four services takes longer than what they do."""
    made = Town(tmp_path_factory.mktemp("town"))
    try:
        made.start()
        made.wait_for_list()
        yield made
    finally:
        made.stop()


def test_what_is_within_31_bits_is_held_as_confirmed_and_the_rest_is_delivered(town: Town) -> None:
    ada, ben, manifest = town.people("ada", "ben")
    pictures = {
        LISTED: "confirmed",
        altered(LISTED, 30): "confirmed",
        altered(LISTED, 31): "confirmed",
        altered(LISTED, 32): "delivered",
        random_hash(seed=5): "delivered",
        None: "delivered",
    }
    sent = [town.send(ada, "ben", manifest, bits) for bits in pictures]
    assert [town.fate(each) for each in sent] == list(pictures.values()), town.logs()
    hold = town.hold(sent[0])
    assert hold["evidence"] == {"confirmed": True, "entry": 1}
    assert len(ben.mailbox()) == 3
