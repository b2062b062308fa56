"""What was decided, as a device tells it."""

from itertools import product

import pytest

from softfall.device import wording
from softfall.device.notices import AppealTextUnusable, NoAppealHere, NoticeMissing
from softfall.device.outcomes import Notice
from softfall.device.transport import BadServiceReply, RefusedByService
from softfall.messaging.notices import NoticeKind, Told

from .conftest import Town

DAY_MS = 86_400_000


def told(town: Town, name: str, *args, **values) -> Notice:
    town[name]
    town.provider.tell(name, *args, **values)
    (notice,) = town[name].sync()
    assert isinstance(notice, Notice)
    return notice


def test_a_decision_is_told_once_and_kept(town: Town) -> None:
    until_ms = town.clock.ms + DAY_MS
    notice = told(
        town,
        "ada",
        NoticeKind.DECIDED,
        Told.BLOCKED,
        envelopes=[bytes(16)],
        appeal_until_ms=until_ms,
    )
    assert notice.envelope_ids == (bytes(16),)
    assert "another look until 15 November 2023" in " ".join(notice.words)
    assert notice.help[0].about_own_pictures
    assert town["ada"].sync() == []
    assert town["ada"].notices() == [notice]
    assert town.restart("ada").notices() == [notice]
    assert town["ada"].sync() == []


def test_messages_and_notices_come_together_in_one_sync(town: Town) -> None:
    town["ben"]
    town["ada"].send_text("ben", "hello")
    town.provider.tell("ben", NoticeKind.NOT_DELIVERED, Told.BLOCKED, account="ada")
    message, notice = town["ben"].sync()
    assert message.text == "hello"
    assert notice.account == "ada"
    assert "You did nothing wrong" in " ".join(notice.words)


def test_many_notices_come_page_by_page_in_order(town: Town) -> None:
    town["ada"]
    for number in range(120):
        town.provider.tell("ada", NoticeKind.REPORT_DECIDED, Told.ACTED, report_id=f"{number}")
    assert [notice.report_id for notice in town["ada"].sync()] == [f"{n}" for n in range(120)]


@pytest.mark.parametrize("call", ["notices", "acknowledge_notices"])
def test_a_notice_that_was_cut_off_is_neither_lost_nor_told_twice(town: Town, call: str) -> None:
    town["ada"]
    town.provider.tell("ada", NoticeKind.WARNED, Told.WARNED)

    def cut(account: str, called: str, done: bool) -> None:
        if called == call and not done:
            raise ConnectionResetError("cut off")

    town.provider.on_call = cut
    with pytest.raises(ConnectionResetError):
        town["ada"].sync()
    town.provider.on_call = lambda *_: None
    later = town.restart("ada").sync()
    assert len(later) == (1 if call == "notices" else 0), "kept before the provider may forget it"
    assert len(town["ada"].notices()) == 1


def test_an_appeal_goes_once_and_is_remembered(town: Town) -> None:
    notice = told(
        town, "ada", NoticeKind.WARNED, Told.WARNED, appeal_until_ms=town.clock.ms + DAY_MS
    )
    assert not notice.appealed
    assert town["ada"].appeal(notice.notice_id, "It was a joke between us.").appealed
    assert town.provider.members["ada"].appeals == {notice.notice_id: "It was a joke between us."}
    town["ada"].appeal(notice.notice_id, "It was a joke between us.")
    with pytest.raises(RefusedByService) as refused:
        town["ada"].appeal(notice.notice_id, "Something else.")
    assert refused.value.name == "AppealedAlready"
    assert town.restart("ada").notices()[0].appealed


def test_what_can_not_be_appealed_is_refused_here(town: Town) -> None:
    notice = told(town, "ada", NoticeKind.LIFTED, Told.NO_ACTION)
    with pytest.raises(NoAppealHere):
        town["ada"].appeal(notice.notice_id, "why not")
    with pytest.raises(NoticeMissing):
        town["ada"].appeal(bytes(16), "why not")
    for text in ("", "x" * 4001):
        with pytest.raises(AppealTextUnusable):
            town["ada"].appeal(notice.notice_id, text)


def test_notices_out_of_order_are_refused(town: Town) -> None:
    town["ada"]
    for _ in range(2):
        town.provider.tell("ada", NoticeKind.WARNED, Told.WARNED)
    town.provider.members["ada"].notices.reverse()
    with pytest.raises(BadServiceReply):
        town["ada"].sync()
    assert town["ada"].notices() == []


def test_help_is_that_of_the_persons_country(town: Town) -> None:
    town.join("zoe", country="ZA")
    town.provider.tell("zoe", NoticeKind.REPORT_DECIDED, Told.NO_ACTION, account="ada")
    (notice,) = town["zoe"].sync()
    assert notice.help[0].country == "ZA"


PAIRS = list(product(NoticeKind, Told))


@pytest.mark.parametrize(("kind", "outcome"), PAIRS)
def test_there_are_words_for_whatever_comes(town: Town, kind: NoticeKind, outcome: Told) -> None:
    notice = told(town, "ada", kind, outcome)
    assert notice.title
    assert notice.words
    assert "{" not in " ".join(notice.words)


def test_the_words_threaten_nobody_and_name_no_staff() -> None:
    harsh = ("punish", "police", "illegal", "criminal", "banned", "must ", "consequence", "offence")
    for row in (*wording.WORDINGS.values(), wording.UNKNOWN):
        said = f"{row.title} {' '.join(row.words)}".lower()
        assert not [word for word in harsh if word in said]


def test_who_may_have_sent_a_picture_of_themselves_is_met_with_support() -> None:
    about_sending = [
        (NoticeKind.DECIDED, Told.BLOCKED),
        (NoticeKind.DECIDED, Told.AGAINST_RULES),
        (NoticeKind.WARNED, Told.WARNED),
    ]
    for kind, outcome in about_sending:
        row = wording.wording_of(kind, outcome)
        assert wording.OWN_PICTURE in row.words
        assert row.helps
        assert row.own_pictures


def test_a_decision_that_names_no_message_fits_words_a_picture_and_a_public_name() -> None:
    row = wording.wording_of(NoticeKind.DECIDED, Told.AGAINST_RULES)
    first = row.words[0]
    assert all(what in first for what in ("a message", "a picture", "a name"))
    assert wording.OWN_PICTURE.startswith("If a picture of yourself")  # it may be none
    assert "that you sent" not in " ".join((row.title, *row.words))


def test_what_cannot_be_appealed_does_not_offer_an_appeal(town: Town) -> None:
    assert "another look" not in " ".join(told(town, "ada", NoticeKind.WARNED, Told.WARNED).words)
