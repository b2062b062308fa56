"""What photographs do while the custodian is away, and as epochs come and go."""

import pytest

from softfall.device.outcomes import (
    CHECKED,
    UNCHECKED_OUTAGE,
    Quarantined,
    Queued,
    Sent,
)
from softfall.device.transport import ServiceUnreachable
from softfall.lists.manifest import (
    BadManifest,
    ManifestExpired,
    ManifestRolledBack,
)
from softfall.testing.epochs import SmallCustodian

from .conftest import Town

DAY_MS = 86_400_000


def test_while_the_custodian_is_away_text_flows_and_a_photograph_says_it_went_unchecked(
    split: Town, flower
):
    ada, ben = split["ada"], split["ben"]
    split.provider.custodian_away = True
    assert isinstance(ada.send_text("ben", "words flow"), Sent)
    began_ms = split.clock.ms
    sent = ada.send_photo("ben", flower)
    assert isinstance(sent, Sent)
    assert sent.checked == UNCHECKED_OUTAGE
    assert split.clock.ms - began_ms >= 10_000  # device.media_wait_seconds
    words, photo = ben.sync()
    assert words.text == "words flow"
    assert (photo.picture, photo.checked) == (flower, UNCHECKED_OUTAGE)


def test_a_custodian_that_comes_back_in_time_is_used(split: Town, flower):
    asked = []

    def back(account, call, done):
        if call == "ask":
            asked.append(call)
            split.provider.custodian_away = len(asked) < 3

    split.provider.on_call = back
    assert split["ada"].send_photo("ben", flower).checked == CHECKED
    assert len(asked) > 2


def test_an_outage_photograph_whose_voucher_grew_old_is_submitted_anew(split: Town, flower):
    ada, ben = split["ada"], split["ben"]
    ada.send_text("ben", "hello")
    split.provider.custodian_away = True

    def cut(account, call, done):
        if call == "post_envelope":
            raise ServiceUnreachable("the network went")

    split.provider.on_call = cut
    assert isinstance(ada.send_photo("ben", flower), Queued)
    split.provider.on_call = lambda *_: None
    split.provider.vouchers.clear()
    split.provider.custodian_away = False
    split.restart("ada").sync()
    photo = ben.sync()[-1]
    assert (photo.picture, photo.checked) == (flower, CHECKED)


def test_an_epoch_that_ends_between_question_and_sending_is_noticed_and_redone(split: Town, flower):
    ada = split["ada"]

    def turn_over(account, call, done):
        if call == "put_attachment":
            split.provider.on_call = lambda *_: None
            split.publish(2)

    split.provider.on_call = turn_over
    sent = ada.send_photo("ben", flower)
    assert isinstance(sent, Sent)
    (shown,) = split["ben"].sync()
    assert (shown.checked, shown.envelope_id) == (CHECKED, sent.envelope_id)
    assert split.provider.passed["ada", sent.envelope_id].receipt.epoch == 2


def test_a_question_for_the_wrong_epoch_is_asked_again_for_the_right_one(split: Town, flower):
    ada = split["ada"]
    ada.send_photo("ben", flower)
    split.publish(2)
    ada.send_photo("ben", flower)
    assert [a.checked for a in split["ben"].sync()] == [CHECKED, CHECKED]


def test_a_photograph_of_an_ended_epoch_is_still_checked_when_it_comes_late(split: Town, flower):
    split.provider.hold_everything = True
    sent = split["ada"].send_photo("ben", flower)
    split.publish(2)
    split.clock.ms += 40 * DAY_MS
    split.provider.deliver("ada", sent.envelope_id)
    (shown,) = split["ben"].sync()
    assert shown.checked == CHECKED


def test_an_epoch_never_goes_back(split: Town, flower):
    first = split.provider.epoch
    split.publish(2)
    split["ada"].send_photo("ben", flower)
    split.provider.epoch = first
    split.restart("ada")
    with pytest.raises(ManifestRolledBack):
        split["ada"].send_photo("ben", flower)


def test_two_versions_of_one_epoch_are_found_out(split: Town, flower):
    split["ada"].send_photo("ben", flower)
    split["ben"].sync()
    split.publish(1)  # the same number, another key: a list for ben alone
    with pytest.raises(ManifestRolledBack):
        split["ben"].send_photo("ada", flower)


def test_people_shown_two_versions_find_out_when_they_write_to_each_other(split: Town, flower):
    split["ben"].send_photo("ada" if split["ada"] else "", flower)
    split.publish(1)
    split.join("carol").send_photo("ben", flower)
    caught = [a for a in split["ben"].sync() if isinstance(a, Quarantined)]
    assert [c.reason for c in caught] == ["the epoch can't be checked: ManifestRolledBack"]


def test_a_manifest_that_the_pinned_custodian_did_not_sign_is_refused(split: Town, flower):
    split.provider.epoch = SmallCustodian(split.clock.now_ms).publish(3)
    with pytest.raises(BadManifest):
        split["ada"].send_photo("ben", flower)


def test_an_expired_manifest_is_refused(split: Town, flower):
    split.clock.ms += 31 * DAY_MS
    with pytest.raises(ManifestExpired):
        split["ada"].send_photo("ben", flower)
