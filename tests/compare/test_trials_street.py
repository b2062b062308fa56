"""Trials on a small list, with real devices: the thing under trial switched off, the cell turns."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softfall.compare.plan import Cheat
from softfall.compare.results import Outcome, TrialResult
from softfall.compare.trials import enclave_host, linking, list_files, lists, senders
from softfall.compare.trials.scene import Finding
from softfall.compare.trials.street import SUBMISSIONS, NoStreet, Street
from softfall.config import DeviceSettings
from softfall.device.device import HONEST
from softfall.device.epochs import Epochs
from softfall.device.lists import ListKeeper
from softfall.device.outcomes import Quarantined
from softfall.device.surroundings import REAL
from softfall.lists.manifest import read, verify
from softfall.options.on_device.map_view import MapView
from softfall.testing.patched import AnotherPicture, DeniesCandidates, LooksAway, cheating
from tests.compare.staged import scene, sent
from tests.device.pictures import ASTRONAUT, CHINA, FLOWER, hash_of, jpeg

OPTIONS = sorted(SUBMISSIONS)


@pytest.fixture(params=OPTIONS)
def street(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Street]:
    with Street(request.param, tmp_path) as made:
        yield made


def test_two_lists_under_one_number_are_caught_when_people_write_and_one_list_is_not(
    street: Street, tmp_path: Path
):
    listed = hash_of(jpeg(CHINA)).bits
    caught = lists.split_view(street, jpeg(FLOWER), [listed], [])
    assert caught.result is TrialResult.CAUGHT
    assert "ManifestRolledBack" in caught.told
    (tmp_path / "second").mkdir()
    with Street(street.option, tmp_path / "second") as second:
        same = lists.split_view(second, jpeg(FLOWER), [listed], [listed])
    assert same.result is TrialResult.ESCAPES


def test_two_deltas_of_one_version_are_caught_when_people_write_and_one_delta_is_not(
    tmp_path: Path,
):
    listed = hash_of(jpeg(CHINA)).bits
    told = []
    for name, others in (("two", []), ("one", [listed])):
        (tmp_path / name).mkdir()
        with Street("on_device", tmp_path / name) as street:
            told.append(lists.split_delta(street, jpeg(FLOWER), [listed], others))
    assert [each.result for each in told] == [TrialResult.CAUGHT, TrialResult.ESCAPES]
    assert "another list" in told[0].told


def test_two_deltas_escape_devices_that_do_not_compare_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(MapView, "digest", bytes(32))
    listed = hash_of(jpeg(CHINA)).bits
    with Street("on_device", tmp_path) as street:
        escaped = lists.split_delta(street, jpeg(FLOWER), [listed], [])
    assert escaped.result is TrialResult.ESCAPES
    caught = Finding(TrialResult.CAUGHT, "caught", by_whom="recipient's app")
    assert lists.and_its_deltas(caught, escaped).result is TrialResult.ESCAPES
    assert lists.and_its_deltas(caught, caught).result is TrialResult.CAUGHT


def test_only_a_list_that_devices_hold_grows_within_an_epoch(tmp_path: Path):
    with Street("split", tmp_path) as street, pytest.raises(NoStreet, match="grows"):
        street.grow(street.publish(1), [])


def test_two_lists_escape_devices_that_do_not_compare_them(
    street: Street, monkeypatch: pytest.MonkeyPatch
):
    def believes(epochs: Any, body: bytes) -> Any:
        return verify(body, epochs._custodian_key)

    monkeypatch.setattr(Epochs, "compare", believes)
    listed = hash_of(jpeg(CHINA)).bits
    assert lists.split_view(street, jpeg(FLOWER), [listed], []).result is TrialResult.ESCAPES


def test_an_old_list_is_refused_by_name_unless_the_device_forgets_what_it_saw(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = hash_of(jpeg(CHINA)).bits
    refused = lists.old_list_again(street, jpeg(FLOWER), listed)
    assert refused.result is TrialResult.CAUGHT
    assert "ManifestRolledBack" in refused.told
    monkeypatch.setattr(Epochs, "adopt", lambda epochs, body, now_ms: read(body))
    monkeypatch.setattr(Epochs, "newest", lambda epochs, option: epochs.test_newest)
    adopt = Epochs.adopt

    def forgets(epochs: Any, body: bytes, now_ms: int) -> Any:
        epochs.test_newest = body
        return adopt(epochs, body, now_ms)

    monkeypatch.setattr(Epochs, "adopt", forgets)
    monkeypatch.setattr(Epochs, "test_newest", None, raising=False)
    (tmp_path / "second").mkdir()
    with Street(street.option, tmp_path / "second") as second:
        found = lists.old_list_again(second, jpeg(FLOWER), listed)
    assert found.result is TrialResult.ESCAPES


def test_the_lists_old_files_are_refused_by_name_unless_the_device_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one, two = hash_of(jpeg(CHINA)).bits, hash_of(jpeg(FLOWER)).bits
    refusal = list_files.old_files_again(tmp_path / "one", one, two)
    assert refusal.startswith("ListRolledBack: ")
    update = ListKeeper.update

    def forgets(keeper: Any) -> Any:
        for path in (tmp_path / "two" / "device").rglob("*"):
            if path.is_file():
                path.unlink()
        keeper.__init__(
            tmp_path / "two" / "device", keeper._transport, keeper._trusted_root,
            keeper._custodian_key, DeviceSettings(), REAL,
        )  # fmt: skip
        return update(keeper)

    monkeypatch.setattr(ListKeeper, "update", forgets)
    taken = list_files.old_files_again(tmp_path / "two", one, two)
    assert taken == ""
    found = Finding(TrialResult.CAUGHT, "refused")
    assert lists.and_its_files(found, refusal).result is TrialResult.CAUGHT
    assert lists.and_its_files(found, taken).result is TrialResult.ESCAPES


@pytest.mark.parametrize("looks", [True, False])
def test_the_cell_of_a_lie_turns_when_the_recipient_stops_looking(
    street: Street, tmp_path: Path, looks: bool
):
    listed = hash_of(jpeg(CHINA))
    street.use(street.publish(1, [listed.bits]))
    recipient = HONEST if looks else replace(HONEST, incoming=LooksAway)
    decoy = hash_of(jpeg(ASTRONAUT))
    lying = cheating(lambda half: AnotherPicture(half, decoy), HONEST)
    eve, ben = street.person("eve", lying), street.person("ben", recipient)
    eve.send_photo("ben", jpeg(CHINA))
    (arrival,) = ben.sync()
    outcome = Outcome.QUARANTINED if isinstance(arrival, Quarantined) else Outcome.SHOWN
    staged = scene(tmp_path / "staged", street.option)
    staged.run = staged.run.model_copy(update={"sent": sent(staged.conversation.turns, outcome)})
    found = senders.lies(Cheat.WHOLE)(staged)
    assert found.result is (TrialResult.CAUGHT if looks else TrialResult.ESCAPES)


@pytest.mark.parametrize("looks", [True, False])
def test_a_denied_candidate_is_caught_by_a_recipient_who_looks_into_the_map(
    tmp_path: Path, looks: bool
):
    lying = cheating(DeniesCandidates, HONEST)
    with Street("on_device", tmp_path) as street:
        recipient = HONEST if looks else replace(HONEST, incoming=LooksAway)
        street.use(street.publish(1))
        street.person("deny ben", recipient)
        found = senders.denial(street, jpeg(CHINA), hash_of(jpeg(CHINA)).bits, lying)
    assert "an unpatched app: PictureBlocked" in found.told
    assert found.result is (TrialResult.CAUGHT if looks else TrialResult.ESCAPES)
    assert ("omitted candidate" in found.told) is looks


@pytest.mark.parametrize("option", OPTIONS)
def test_across_epochs_a_provider_links_nothing(tmp_path: Path, option: str):
    staged = scene(tmp_path, option)
    try:
        found = linking.after_the_epoch(staged)
    finally:
        staged.close()
    assert found.result is TrialResult.CANNOT


def test_a_custodian_that_signs_for_an_enclave_of_its_own_opens_hashes(tmp_path: Path):
    staged = scene(tmp_path, "enclave")
    try:
        found = enclave_host.custodian_names_its_own(staged)
        assert found.result is TrialResult.SEES
        street = staged.street
        sender = street.people["own ida"]
        submitted = street.submitted(sender, "own jon", jpeg(FLOWER))
        assert enclave_host.opened_with(submitted.body, bytes(96), submitted.epoch) is None
        assert enclave_host.opened_with(submitted.body, bytes(32), submitted.epoch) is None
    finally:
        staged.close()


def test_an_option_without_epochs_has_no_street(tmp_path: Path):
    with pytest.raises(NoStreet):
        Street("in_transit", tmp_path)
