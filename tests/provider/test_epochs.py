import base64
import hashlib
from collections.abc import Callable

import pytest

from softfall.lists.manifest import BadManifest
from softfall.provider.epochs import GRACE_MS, EpochRejected, Epochs, WrongEpoch
from softfall.provider.files import Files

from .cast import LISTED, START_MS, WORDS, Clock, Custodian
from .conftest import House, Open


@pytest.fixture
def epochs(house: House) -> Epochs:
    assert house.service.epochs is not None
    return house.service.epochs


def test_devices_are_told_the_current_epoch_and_its_manifest(house: House) -> None:
    told = house.http.get("/v1/service").json()
    assert base64.b64decode(told["manifest"]) == house.custodian.manifest
    assert (told["option"], told["epoch"]) == ("split", 1)
    assert told["server_time_ms"] == START_MS


def test_a_new_epoch_is_judged_by_at_once_and_the_one_before_for_a_while(
    house: House, epochs: Epochs
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    epochs.install(house.custodian.publish(2, b"news"), b"news")
    house.send(ada, ada.media("ben", word=LISTED, epoch=1))
    house.send(ada, ada.media("ben", word=LISTED, epoch=2))
    house.send(ada, ada.media("ben", word=b"news", epoch=2))
    assert len(house.holds()) == 2
    assert [d["receipt"]["epoch"] for d in ben.mailbox()] == [2]
    house.clock.now_ms += GRACE_MS + 1
    answer = ada.post(ada.media("ben", epoch=1))
    assert (answer.status_code, answer.json()["error"]) == (409, "WrongEpoch")
    house.send(ada, ada.media("ben", epoch=2))


def test_an_expired_epoch_is_nobodys(house: House, epochs: Epochs) -> None:
    house.clock.pass_hours(24 * 31)
    assert epochs.current is None
    assert house.http.get("/v1/service").json()["manifest"] is None
    with pytest.raises(WrongEpoch, match="none is current"):
        epochs.accepted(1)
    assert epochs.half(1) is not None  # what was accepted in time is still judged


def test_a_restart_without_the_custodian_goes_on_with_the_kept_epochs(open_house: Open) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian) as house:
        house.service.epochs.install(custodian.publish(2, b"news"), b"news")
    away = Custodian()
    away.fault = 503
    with open_house(away) as house:
        ada, ben = house.join("ada"), house.join("ben")
        house.send(ada, ada.media("ben", word=b"news", epoch=2))
        house.send(ada, ada.media("ben", word=LISTED, epoch=1))
        assert len(house.holds()) == 2
        assert ben.mailbox() == []


def test_a_damaged_artefact_on_disk_is_fetched_again(open_house: Open) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian) as house:
        folder = house.service.settings.data_dir / "epochs"
    Files(folder).path(hashlib.sha256(LISTED).digest()).write_bytes(b"dama")
    with open_house(custodian) as house:
        ada, _ = house.join("ada"), house.join("ben")
        house.send(ada, ada.media("ben", word=LISTED))
        assert len(house.holds()) == 1


Publish = Callable[[Custodian], bytes]
UNUSABLE: list[tuple[str, Publish]] = [
    ("older", lambda c: c.publish(1)),
    ("the same number, another list", lambda c: c.publish(2, b"othe")),
    ("another option", lambda c: c.publish(3, b"othe", option="enclave")),
]


@pytest.mark.parametrize("publish", [row[1] for row in UNUSABLE], ids=[r[0] for r in UNUSABLE])
def test_what_can_not_follow_the_epoch_in_use_is_refused(
    house: House, epochs: Epochs, publish: Publish
) -> None:
    epochs.install(house.custodian.publish(2, b"news"), b"news")
    manifest = publish(house.custodian)
    with pytest.raises(EpochRejected):
        epochs.install(manifest, house.custodian.artefact)
    assert epochs.current is not None
    assert epochs.current.epoch == 2


def test_an_artefact_that_the_manifest_does_not_name_is_not_used(
    house: House, epochs: Epochs
) -> None:
    with pytest.raises(EpochRejected):
        epochs.install(house.custodian.publish(2, b"news"), b"swap")
    with pytest.raises(BadManifest):
        epochs.install(b"junk", b"news")
    assert epochs.current is not None
    assert epochs.current.epoch == 1


def test_only_two_epochs_are_kept_on_disk(house: House, epochs: Epochs) -> None:
    for number in range(2, 6):
        word = b"w%03d" % number
        epochs.install(house.custodian.publish(number, word), word)
    folder = house.service.settings.data_dir / "epochs"
    kept = {hashlib.sha256(word).digest() for word in (b"w004", b"w005")}
    assert set(Files(folder).all()) == kept
    again = Epochs(house.service.db, folder, WORDS, Clock())
    assert [again.half(number) is not None for number in (3, 4, 5)] == [False, True, True]


def test_trouble_with_the_custodian_is_logged_once_and_without_words(open_house: Open) -> None:
    custodian = Custodian()
    custodian.fault = 503
    with open_house(custodian) as house:
        while "no new epoch" not in house.log.getvalue():
            house.http.get("/v1/service")
        custodian.publish(1)
        custodian.fault = None
        while "epoch in use" not in house.log.getvalue():
            house.http.get("/v1/service")
        assert house.log.getvalue().count("no new epoch") == 1
