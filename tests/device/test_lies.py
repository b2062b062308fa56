"""A report proves a sender's lie to the real provider, and no reporter can make one up."""

import dataclasses
from pathlib import Path

import pytest

from softfall.device.device import HONEST, Parts
from softfall.device.outcomes import CHECKED, Quarantined
from softfall.device.transport import AccusedByService
from softfall.media.pdq import Unhashable
from softfall.messaging.envelope import REPORT
from softfall.options.contract import DeviceHalf
from softfall.testing.patched import (
    AnotherPicture,
    AnotherPicturesTags,
    Junk,
    LooksAway,
    OldTags,
    PassedOffAsText,
    cheating,
)

from .pictures import ASTRONAUT, CHINA, FLAT, FLOWER, hash_of, jpeg
from .test_real_services import Street, shown_next, street  # noqa: F401 - the fixture

HIDDEN = "a picture was sent without telling the provider"
SUBMISSION = "the submission is not the one that its opening yields"
PICTURE = "the opening is not the reported picture's"


def another_picture(half: DeviceHalf) -> DeviceHalf:
    return AnotherPicture(half, hash_of(jpeg(ASTRONAUT)))


def another_pictures_tags(half: DeviceHalf) -> DeviceHalf:
    return AnotherPicturesTags(half, hash_of(jpeg(ASTRONAUT)))


def a_stand_in(half: DeviceHalf) -> DeviceHalf:
    return AnotherPicture(half, Unhashable("flat", 0))


CHEATS = {
    "junk": (cheating(Junk, HONEST), SUBMISSION, "not this submission"),
    "old-tags": (cheating(OldTags, HONEST), SUBMISSION, "not this submission"),
    "another-pictures-tags": (cheating(another_pictures_tags, HONEST), SUBMISSION, "bad proof"),
    "another-picture": (cheating(another_picture, HONEST), PICTURE, "another picture"),
    "stand-in": (cheating(a_stand_in, HONEST), PICTURE, "claims unhashable"),
    "passed-off-as-text": (dataclasses.replace(HONEST, outgoing=PassedOffAsText), HIDDEN, None),
}


def reporters(street: Street) -> set[str]:  # noqa: F811
    return {report["reporter"] for report in street.staff("GET", "reports")["reports"]}


def caught(street: Street, name: str, parts: Parts):  # noqa: F811 - the fixture
    """An honest recipient, and the id of the message in which it caught its sender."""
    victim, eve = street.join(f"lied-to-by-{name}"), street.join(f"liar-{name}", parts)
    eve.send_photo(victim.account, jpeg(FLOWER))
    shown_next(victim)
    sent = eve.send_photo(victim.account, jpeg(CHINA))
    (arrival,) = shown_next(victim)
    assert isinstance(arrival, Quarantined)
    return victim, sent.envelope_id


@pytest.mark.parametrize("name", CHEATS)
def test_a_report_proves_to_the_provider_what_its_recipient_found(street: Street, name):  # noqa: F811
    parts, lie, reason = CHEATS[name]
    victim, envelope_id = caught(street, name, parts)
    told = victim.report([envelope_id], "child-safety")
    assert (told.accepted, told.lies_proved) == (1, 1)
    read = street.staff("GET", f"reports/{told.report_id}")
    (message,) = read["messages"]
    assert (message["lie"], message["sender"]) == (lie, f"liar-{name}")
    assert reason in (None, message["finding"])


def test_a_lie_about_which_picture_needs_the_picture(street: Street, monkeypatch):  # noqa: F811
    victim, envelope_id = caught(street, "unseen", CHEATS["another-picture"][0])
    monkeypatch.setattr(victim._incoming.shelf, "picture", lambda *key: None)
    told = victim.report([envelope_id], "child-safety")
    assert (told.accepted, told.lies_proved) == (1, 0)
    (message,) = street.staff("GET", f"reports/{told.report_id}")["messages"]
    assert message["finding"] == "not compared: the picture was not handed over"


def test_an_honest_sender_is_never_found_a_liar(street: Street):  # noqa: F811
    ada, ben = street.join("honest-ada"), street.join("honest-ben")
    ids = [ada.send_text("honest-ben", "see you at the lake").envelope_id]
    ids += [ada.send_photo("honest-ben", data).envelope_id for data in (jpeg(FLOWER), FLAT)]
    seen = []
    while len(seen) < len(ids):
        seen += shown_next(ben)
    told = ben.report(ids, "unwanted")
    assert (told.accepted, told.lies_proved) == (3, 0)
    messages = street.staff("GET", f"reports/{told.report_id}")["messages"]
    agrees = "the submission is this picture's"
    assert [m["finding"] for m in messages] == ["", agrees, agrees]


FORGERIES = {
    "another-opening": ("CommitmentBroken", lambda m: {**m, "opening": b"not what was sent"}),
    "no-opening": ("CommitmentBroken", lambda m: {**m, "opening": b""}),
    "another-manifest": ("CommitmentBroken", lambda m: {**m, "manifest": bytes(40)}),
    "another-key": ("CommitmentBroken", lambda m: {**m, "franking_key": bytes(32)}),
    "another-attachment-key": (
        "CommitmentBroken",
        lambda m: {**m, "content": m["content"][:60] + b"\0" * 8 + m["content"][68:]},
    ),
    "another-picture": ("OpeningMismatch", lambda m: {**m, "picture": jpeg(ASTRONAUT)}),
    "another-submission": (
        "ReceiptForged",
        lambda m: {**m, "receipt": {**m["receipt"], "submission_digest": bytes(32)}},
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_reporter_who_would_frame_an_honest_sender_is_refused_by_name(
    street: Street,  # noqa: F811
    name,
):
    refusal, forge = FORGERIES[name]
    ada, ben = street.join(f"framed-{name}"), street.join(f"framer-{name}")
    sent = ada.send_photo(ben.account, jpeg(FLOWER))
    (arrival,) = shown_next(ben)
    assert arrival.checked == CHECKED
    transport = ben._kit.transport
    real = transport.report

    def report(body):
        values = REPORT.decode(body)
        return real(REPORT.encode({**values, "messages": [forge(values["messages"][0])]}))

    transport.report = report
    with pytest.raises(AccusedByService) as said:
        ben.report([sent.envelope_id], "child-safety")
    assert said.value.name == refusal
    assert ben.account not in reporters(street)


def test_the_provider_has_looked_at_pictures_and_still_holds_no_code_that_opens_one(
    street: Street,  # noqa: F811
):
    ada, ben = street.join("last-ada"), street.join("last-ben")
    sent = ada.send_photo("last-ben", jpeg(FLOWER))
    assert shown_next(ben)
    told = ben.report([sent.envelope_id], "unwanted")
    (message,) = street.staff("GET", f"reports/{told.report_id}")["messages"]
    assert message["finding"] == "the submission is this picture's"
    assert street.provider.process is not None
    mapped = Path(f"/proc/{street.provider.process.pid}/maps").read_text()
    assert "numpy" in mapped
    for library in ("simplejpeg", "PIL", "libheif", "libavif", "vodozemac"):
        assert library not in mapped


def test_a_colluding_pair_reports_nothing_and_that_is_the_limit(street: Street):  # noqa: F811
    zoe = street.join("zoe", dataclasses.replace(HONEST, incoming=LooksAway))
    eve = street.join("eve-colluding", cheating(Junk, HONEST))
    eve.send_photo("zoe", jpeg(CHINA))
    (shown,) = shown_next(zoe)
    assert shown.picture == jpeg(CHINA)
    assert "zoe" not in reporters(street)
