"""Photographs: checked, held, cheated with, and sent while the custodian is away."""

import dataclasses

import pytest

from softfall.config import MediaLimits
from softfall.device.options import OptionMissing
from softfall.device.outcomes import (
    CHECKED,
    UNCHECKED_NONE,
    Quarantined,
    Sent,
    Shown,
)
from softfall.device.transport import RequestRejected, SaidByService
from softfall.lists.manifest import (
    read,
    sign,
)
from softfall.media.decode import TooManyPixels
from softfall.media.headers import BrokenPicture, EmptyPicture, UnsupportedPicture
from softfall.messaging.envelope import RECEIPT
from softfall.options.contract import Held
from softfall.testing.patched import (
    AnotherPicture,
    AnotherPicturesTags,
    FalseOutage,
    Junk,
    LooksAway,
    NothingSubmitted,
    OldTags,
    PassedOffAsText,
    cheating,
)

from .conftest import Town
from .pictures import ASTRONAUT, FLAT, FLOWER, hash_of, jpeg

DAY_MS = 86_400_000


def test_a_photograph_arrives_byte_for_byte_and_checked(split: Town, flower):
    sent = split["ada"].send_photo("ben", flower, text="from the garden")
    assert isinstance(sent, Sent)
    assert sent.checked == CHECKED
    (shown,) = split["ben"].sync()
    assert isinstance(shown, Shown)
    assert (shown.picture, shown.text, shown.checked) == (flower, "from the garden", CHECKED)
    assert split.restart("ben").history() == [shown]


def test_a_listed_photograph_is_held_and_its_sender_cannot_tell(split: Town, china, flower):
    ada = split["ada"]
    held, free = ada.send_photo("ben", china), ada.send_photo("ben", flower)
    assert dataclasses.replace(held, envelope_id=free.envelope_id) == free
    assert isinstance(split.provider.passed["ada", held.envelope_id].verdict, Held)
    (shown,) = split["ben"].sync()
    assert shown.envelope_id == free.envelope_id


def test_a_held_photograph_that_is_released_arrives_checked(split: Town, china):
    sent = split["ada"].send_photo("ben", china)
    for line in range(5):
        split["ada"].send_text("ben", f"line {line}")
    assert len(split["ben"].sync()) == 5
    split.provider.deliver("ada", sent.envelope_id)
    (shown,) = split["ben"].sync()
    assert (shown.picture, shown.checked) == (china, CHECKED)


def test_a_group_is_not_locked_out_by_a_held_photograph(split: Town, china):
    carol = split["carol"]
    held = split["ada"].send_photo(["ben", "carol"], china)
    split["ada"].send_text(["ben", "carol"], "words after it")
    assert [a.text for a in carol.sync()] == ["words after it"]
    split.provider.deliver("ada", held.envelope_id)
    assert [a.picture for a in carol.sync()] == [china]


def test_a_photograph_without_a_hash_goes_as_any_other(split: Town):
    assert split["ada"].send_photo("ben", FLAT).checked == CHECKED
    (shown,) = split["ben"].sync()
    assert (shown.picture, shown.checked) == (FLAT, CHECKED)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyPicture),
        (b"no picture", UnsupportedPicture),
        (jpeg(FLOWER)[:300], BrokenPicture),
    ],
)
def test_what_is_no_photograph_is_not_sent(split: Town, data, error):
    with pytest.raises(error):
        split["ada"].send_photo("ben", data)
    assert split["ada"].outbox() == []
    assert ("ada", "ask") not in split.provider.calls


def test_too_large_a_photograph_is_not_sent(split: Town, flower):
    parts = dataclasses.replace(split.parts(), limits=MediaLimits(max_pixels=100))
    with pytest.raises(TooManyPixels):
        split.join("ada", parts).send_photo("ben", flower)


CHEATS = {
    "another picture": lambda half: AnotherPicture(half, hash_of(jpeg(ASTRONAUT))),
    "another picture's tags": lambda half: AnotherPicturesTags(half, hash_of(jpeg(ASTRONAUT))),
    "junk": Junk,
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_patched_sender_is_caught_by_an_honest_recipient(split: Town, china, cheat):
    eve = split.join("eve", cheating(CHEATS[cheat], split.parts()))
    sent = eve.send_photo("ben", china)
    # The cheat works on the provider: what was listed is delivered.
    assert split.provider.passed["eve", sent.envelope_id].delivered
    (caught,) = split["ben"].sync()
    assert isinstance(caught, Quarantined)
    assert caught.reason.startswith("the submission is not this picture's")
    assert split["ben"].history() == [caught]


def test_old_tags_are_caught(split: Town, china, flower):
    eve = split.join("eve", cheating(OldTags, split.parts()))
    eve.send_photo("ben", flower)
    eve.send_photo("ben", china)
    shown, caught = split["ben"].sync()
    assert isinstance(shown, Shown)
    assert isinstance(caught, Quarantined)


def test_a_photograph_passed_off_as_text_is_caught(split: Town, china):
    parts = dataclasses.replace(split.parts(), outgoing=PassedOffAsText)
    split.join("eve", parts).send_photo("ben", china)
    (caught,) = split["ben"].sync()
    assert isinstance(caught, Quarantined)
    assert caught.reason == "a picture without a submission"


@pytest.mark.parametrize(
    ("outgoing", "name"), [(NothingSubmitted, "MediaIncomplete"), (FalseOutage, "VoucherRefused")]
)
def test_the_provider_refuses_nothing_submitted_and_a_false_outage(
    split: Town, china, outgoing, name
):
    eve = split.join("eve", dataclasses.replace(split.parts(), outgoing=outgoing))
    with pytest.raises(SaidByService) as caught:
        eve.send_photo("ben", china)
    assert caught.value.name == name
    assert split["ben"].sync() == []


def test_a_colluding_pair_is_not_caught_and_that_is_the_limit(split: Town, china):
    """Printed as a limit: two patched apps may show each other what they like."""
    zoe = split.join("zoe", dataclasses.replace(split.parts(), incoming=LooksAway))
    split.join("eve", cheating(Junk, split.parts())).send_photo("zoe", china)
    (shown,) = zoe.sync()
    assert isinstance(shown, Shown)
    assert shown.picture == china


def test_a_tampered_file_is_quarantined(split: Town, flower):
    split["ada"].send_photo("ben", flower)
    for digest, body in split.provider.files.items():
        split.provider.files[digest] = body[:-1] + bytes([body[-1] ^ 1])
    (caught,) = split["ben"].sync()
    assert isinstance(caught, Quarantined)
    assert "another file" in caught.reason


def test_a_missing_file_is_quarantined(split: Town, flower):
    split["ada"].send_photo("ben", flower)
    split.provider.files.clear()
    (caught,) = split["ben"].sync()
    assert caught.reason == "the file is missing"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"attachment": bytes(32)}, "another file than the one submitted"),
        ({"attachment": None}, "a picture without a submission"),
        ({"submission_digest": None}, "a picture without a submission"),
        ({"submission_digest": bytes(32)}, "the submission is not this picture's"),
        ({"epoch": 2}, "the manifest of another epoch"),
        ({"option": "other"}, "the manifest of another epoch"),
        ({"received_at_ms": 1}, "submitted for an epoch that was not in use"),
    ],
)
def test_a_receipt_that_says_something_else_quarantines(split: Town, flower, change, reason):
    assert set(change) <= {field.name for field in RECEIPT.fields}
    split.provider.tamper = lambda delivery: {
        **delivery,
        "receipt": split.provider.restamp(delivery["receipt"], **change),
    }
    split["ada"].send_photo("ben", flower)
    (caught,) = split["ben"].sync()
    assert isinstance(caught, Quarantined)
    assert caught.reason.startswith(reason)


def test_a_submission_for_words_is_quarantined(split: Town):
    split.provider.tamper = lambda delivery: {
        **delivery,
        "receipt": split.provider.restamp(delivery["receipt"], submission_digest=bytes(32)),
    }
    split["ada"].send_text("ben", "hello")
    (caught,) = split["ben"].sync()
    assert caught.reason == "a submission without a picture"


def test_a_service_with_an_option_of_the_future_gets_words_but_no_photograph(split: Town, flower):
    told = dataclasses.replace(read(split.provider.epoch.manifest), option="later")
    manifest = sign(told, split.custodian._identity.sign)
    split.provider.epoch = dataclasses.replace(
        split.provider.epoch, option="later", manifest=manifest
    )
    with pytest.raises(OptionMissing):
        split["ada"].send_photo("ben", flower)
    assert isinstance(split["ada"].send_text("ben", "words flow"), Sent)


def test_where_nothing_is_matched_the_recipient_is_told(town: Town, flower):
    ben = town["ben"]
    assert town["ada"].send_photo("ben", flower).checked == UNCHECKED_NONE
    (shown,) = ben.sync()
    assert (shown.picture, shown.checked) == (flower, UNCHECKED_NONE)


def test_a_received_file_that_is_no_picture_is_quarantined(split: Town, flower, monkeypatch):
    ada = split["ada"]
    honest = hash_of(flower)
    monkeypatch.setattr(ada._kit, "hash_picture", lambda data: (honest, "jpeg"))
    ada.send_photo("ben", b"GIF89a and then nothing of the kind")
    (caught,) = split["ben"].sync()
    assert caught.reason.startswith("the picture does not open: ")


def test_a_received_picture_over_the_limits_is_quarantined(split: Town, flower):
    parts = dataclasses.replace(split.parts(), limits=MediaLimits(max_pixels=100))
    split.restart("ben", parts)
    split["ada"].send_photo("ben", flower)
    (caught,) = split["ben"].sync()
    assert caught.reason == "the picture does not open: TooManyPixels"


def test_two_sends_under_one_id_are_told_apart(split: Town):
    ada = split["ada"]
    sent = ada.send_text("ben", "first")
    body = split.provider.passed["ada", sent.envelope_id].outgoing
    kit = ada._kit
    with kit.store.transaction():
        kit.surroundings.random_bytes(1)
    ids = iter([sent.envelope_id])
    object.__setattr__(
        kit.surroundings,
        "random_bytes",
        lambda count, real=kit.surroundings.random_bytes: (
            next(ids, real(count)) if count == 16 else real(count)
        ),
    )
    with pytest.raises(SaidByService) as caught:
        ada.send_text("ben", "second")
    assert caught.value.name == "EnvelopeIdReused"
    assert body.envelope_id == sent.envelope_id
    assert [a.text for a in split["ben"].sync()] == ["first"]


def test_timings_are_kept_for_every_step(split: Town, flower):
    split["ada"].send_photo("ben", flower)
    split["ben"].sync()
    assert {"hash_ms", "begin_ms", "ask_ms", "finish_ms", "seal_ms", "encrypt_ms"} <= set(
        split["ada"].timings
    )
    assert {"fetch_ms", "decrypt_ms", "unseal_ms", "rehash_ms", "check_ms"} <= set(
        split["ben"].timings
    )


def test_an_upload_refused_by_name_is_told(split: Town, flower):
    def refuse(account, call, done):
        if call == "put_attachment":
            raise RequestRejected("the body is over the route's limit", "RequestTooLarge")

    split.provider.on_call = refuse
    with pytest.raises(RequestRejected) as caught:
        split["ada"].send_photo("ben", flower)
    assert caught.value.name == "RequestTooLarge"
    assert split["ada"].outbox() == []
