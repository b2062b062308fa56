"""All four services as processes: what is listed is held, the rest delivered, whatever restarts."""

from collections.abc import Iterator

import pytest

from softfall.options.contract import Submission
from softfall.options.framed import Frames
from tests.provider.split_epoch import random_hash

from .town import LISTED, Town, altered, submitted


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


def test_what_joins_or_leaves_the_list_counts_within_the_epoch_and_devices_need_nothing_new(
    town: Town,
) -> None:
    cai, _, manifest = town.people("cai", "dee")
    joined, version = random_hash(seed=77), int(str(town.health()["list_version"])) + 1
    before = town.send(cai, "dee", manifest, joined)
    assert town.fate(before) == "delivered"
    town.add(joined)
    town.withdraw(random_hash(seed=1005))
    assert town.publish_changes() == version
    town.wait_for_list(version)
    for bits, fate in {
        joined: "confirmed",
        random_hash(seed=1005): "delivered",
        random_hash(seed=1006): "confirmed",
    }.items():
        assert town.fate(town.send(cai, "dee", manifest, bits)) == fate


def test_a_keyholder_killed_while_pictures_are_judged_costs_none_its_verdict(town: Town) -> None:
    eve, _, manifest = town.people("eve", "fay")
    sent = [town.send(eve, "fay", manifest, LISTED) for _ in range(2)]
    town.keyholder.kill()
    sent += [town.send(eve, "fay", manifest, bits) for bits in (LISTED, random_hash(seed=8))]
    town.start(town.keyholder)
    fates = [town.fate(each) for each in sent]
    assert fates == ["confirmed", "confirmed", "confirmed", "delivered"], town.logs()


def test_a_keyholder_that_lost_its_lists_is_carried_them_again(town: Town) -> None:
    gil, _, manifest = town.people("gil", "hal")
    town.keyholder.stop()
    for path in (town.folder / "keyholder").rglob("*"):
        if path.is_file() and path.suffix not in (".key", ".pub"):
            path.unlink()
    town.start(town.keyholder)
    assert town.fate(town.send(gil, "hal", manifest, LISTED)) == "confirmed", town.logs()


def test_a_provider_started_anew_goes_on_without_its_custodian_and_repairs_what_is_damaged(
    town: Town,
) -> None:
    ida, _, manifest = town.people("ida", "jon")
    version = int(str(town.health()["list_version"]))
    town.provider.stop()
    town.custodian.stop()
    prepared = sorted((town.folder / "provider" / "homomorphic" / "prepared").glob("*.prepared"))
    damaged = bytearray(prepared[0].read_bytes())
    damaged[-1] ^= 1
    prepared[0].write_bytes(damaged)
    try:
        town.start(town.provider)
        town.wait_for_list(version)
        assert town.fate(town.send(ida, "jon", manifest, LISTED)) == "confirmed", town.logs()
        damaged[-1] ^= 1
        assert prepared[0].read_bytes() == bytes(damaged)
    finally:
        town.start(town.custodian)


def test_a_video_is_judged_frame_by_frame_in_few_runs(town: Town) -> None:
    max_, _, manifest = town.people("max", "nan")
    frames = [submitted(manifest, random_hash(seed=300 + number)) for number in range(3)]
    clean = framed(frames)
    listed = framed([*frames, submitted(manifest, LISTED)])
    assert town.fate(town.post(max_, "nan", clean)) == "delivered", town.logs()
    hold = town.hold(town.post(max_, "nan", listed))
    evidence = hold["evidence"]
    assert isinstance(evidence, dict)
    assert (evidence["confirmed"], evidence["frame"], evidence["frames"]) == (True, 3, 4)


def framed(frames: list[Submission]) -> Submission:
    body = Frames(tuple(each.body for each in frames), is_live=False).encode()
    return Submission(frames[0].option, frames[0].epoch, body)
