"""The sender against the authority, in one process, on both databases."""

import hashlib
import itertools

import pytest

from softfall.casework.referral import sending
from softfall.casework.referral.life import Event, State
from softfall.testing.cybertipline import Fate, Fault
from tests.casework.referral.town import CASE, Town


def finished(town: Town) -> list[int]:
    return [each.report_id for each in town.authority.reports() if each.fate is Fate.FINISHED]


def test_a_referral_is_sent_with_every_file_described_as_the_audit_log_has_it(town: Town) -> None:
    town.queue()
    town.run()
    (report,) = town.authority.reports()
    assert report.fate is Fate.FINISHED
    assert b"see you at the park" in report.document
    assert [file.md5 for file in report.files] == [
        hashlib.md5(town.casefile.bodies[number]).hexdigest() for number in (11, 12)
    ]
    viewed = [b"<fileViewedByEsp>true<" in (file.details or b"") for file in report.files]
    assert viewed == [True, False]
    standing = town.referrals.status(CASE)
    assert standing.state is State.FINISHED
    assert standing.report_id == report.report_id
    asked = [step.request_id for step in standing.steps if step.event is Event.ACCEPTED]
    assert len(asked) == 6
    assert all(asked)


CALLS = ("/submit", "/upload", "/fileinfo", "/finish")
PASSING = (
    Fault.ERROR, Fault.ERROR_AFTER, Fault.DROP, Fault.DROP_AFTER, Fault.NO_XML, Fault.WRONG_DIGEST
)  # fmt: skip


def test_whatever_passes_there_is_one_finished_report_with_each_file_once(town: Town) -> None:
    for number, (call, fault) in enumerate(itertools.product(CALLS, PASSING)):
        before = len(town.authority.reports())
        town.queue(f"{number:032x}")
        town.authority.fail(call, fault, times=2)
        town.run()
        town.clock.now_ms += 25 * 3_600_000  # what was left unfinished there expires
        since = town.authority.reports()[before:]
        (report,) = [each for each in since if each.fate is Fate.FINISHED]
        assert sorted(file.md5 for file in report.files) == sorted(
            hashlib.md5(body).hexdigest() for body in town.casefile.bodies.values()
        )
        assert all(file.details for file in report.files)
        others = {each.fate for each in since} - {Fate.FINISHED}
        assert others <= {Fate.RETRACTED, Fate.EXPIRED}, "nothing is left open"


@pytest.mark.parametrize(
    ("fault", "note"),
    [(Fault.EMPTY_LOGIN, Event.LOGIN_REFUSED), (Fault.INVALID, Event.INVALID)],
)
def test_a_refused_login_or_document_stops_and_is_not_asked_again(
    town: Town, fault: Fault, note: Event
) -> None:
    for number, call in enumerate(CALLS, 1):
        town.queue(f"{number:032x}")
        town.authority.fail(call, fault)
        town.run()
        asked = len(town.authority.calls)
        town.clock.now_ms += 3_600_000
        town.run()
        assert len(town.authority.calls) == asked
        (standing,) = town.referrals.attention()
        assert standing.state is State.STOPPED
        assert standing.what_to_do
        assert standing.steps[-1].event is note
        town.referrals.begin_again(f"{number:032x}", "lena", "the cause is mended")
        town.run()
        assert len(finished(town)) == number
        assert not town.referrals.attention()


def test_failures_are_repeated_ever_more_slowly() -> None:
    waits = [sending.backoff_ms(count) for count in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[0] == sending.FIRST_BACKOFF_MS
    assert waits[-1] == sending.LAST_BACKOFF_MS


def test_one_that_does_not_get_on_for_long_is_shown_to_people_and_goes_on(town: Town) -> None:
    town.queue()
    town.authority.fail("/submit", Fault.ERROR, times=sending.SHOWN_FROM_FAILURES + 2)
    for failures in range(1, sending.SHOWN_FROM_FAILURES + 2):
        town.clock.now_ms += sending.LAST_BACKOFF_MS
        town.sender().run_once()
        shown = [each.failures for each in town.referrals.attention()]
        assert shown == ([failures] if failures >= sending.SHOWN_FROM_FAILURES else [])
    town.run()
    assert len(finished(town)) == 1
    assert not town.referrals.attention()


def test_a_report_that_expired_there_is_begun_again(town: Town) -> None:
    town.queue()
    steps: list[str] = []

    def stop_after_two(place: str) -> None:
        steps.append(place)
        if steps.count("recorded") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        town.sender(stop_after_two).run_once()
    town.clock.now_ms += 25 * 3_600_000
    town.run()
    assert len(finished(town)) == 1
    assert [each.fate for each in town.authority.reports()] == [Fate.EXPIRED, Fate.FINISHED]


def test_a_finish_that_may_have_happened_is_never_begun_again_by_itself(town: Town) -> None:
    town.queue()
    town.authority.fail("/finish", Fault.DROP)
    town.sender().run_once()
    town.clock.now_ms += 30 * 3_600_000  # it expired there meanwhile
    town.run()
    (standing,) = town.referrals.attention()
    assert standing.state is State.STOPPED
    assert not finished(town)
    town.referrals.begin_again(CASE, "lena", "the authority says that it has no such report")
    town.run()
    assert len(finished(town)) == 1


def test_a_person_takes_it_back_before_it_is_finished(town: Town) -> None:
    town.queue()
    places: list[str] = []

    def withdraw_in_flight(place: str) -> None:
        places.append(place)
        if places.count("asking") == 2 and place == "asking":
            town.referrals.withdraw(CASE, "lena", "decided otherwise")

    town.sender(withdraw_in_flight).run_once()
    assert town.referrals.status(CASE).state is State.WITHDRAWN
    assert [each.fate for each in town.authority.reports()] == [Fate.RETRACTED]
    town.referrals.edit_again(CASE, "lena", "the words were wrong")
    assert town.referrals.draft(CASE).approved_by is None
    town.queue()
    town.run()
    assert len(finished(town)) == 1


def test_a_decision_that_is_reversed_midway_takes_the_report_back(town: Town) -> None:
    town.queue()

    def reverse(place: str) -> None:
        town.casefile.decided = False

    town.sender(reverse).run_once()
    assert town.referrals.status(CASE).state is State.WITHDRAWN
    assert not finished(town)


def test_what_was_viewed_since_the_approval_must_be_read_again(town: Town) -> None:
    town.queue()
    town.casefile.viewed_now.add(12)
    town.run()
    assert town.referrals.status(CASE).state is State.DRAFT
    assert not town.authority.reports()
    (standing,) = town.referrals.attention()
    assert "viewed since" in standing.what_to_do
    town.queue()
    assert not town.referrals.attention()
    town.run()
    (report,) = town.authority.reports()
    assert all(b"<fileViewedByEsp>true<" in (file.details or b"") for file in report.files)


def test_a_picture_that_is_not_the_approved_one_is_never_sent(town: Town) -> None:
    town.queue()
    town.casefile.bodies[12] = b"other bytes"
    town.run()
    assert town.referrals.status(CASE).state is State.STOPPED
    assert not finished(town)


def test_documents_that_can_no_longer_be_opened_stop_it(town: Town) -> None:
    town.queue()
    town.casefile.key_gone = True
    town.run()
    assert town.referrals.status(CASE).state is State.STOPPED
    assert not town.authority.reports()


def test_a_sender_that_outlived_its_lease_changes_nothing(town: Town) -> None:
    town.queue()
    places: list[str] = []

    def asleep(place: str) -> None:
        """Between the answer to the first upload and its record, another process does it all."""
        places.append(place)
        if places.count("answered") == 2 and place == "answered":
            town.clock.now_ms += sending.LEASE_MS + 1
            town.run()
            assert len(finished(town)) == 1

    town.sender(asleep).run_once()
    assert len(finished(town)) == 1
    assert town.referrals.status(CASE).state is State.FINISHED


def test_two_senders_never_have_the_same_referral(town: Town) -> None:
    town.queue()
    others: list[bool] = []

    def another(place: str) -> None:
        others.append(town.sender().run_once())

    town.sender(another).run_once()
    assert len(others) == 18
    assert not any(others)
    assert len(finished(town)) == 1


def test_without_an_authority_nothing_is_taken_up(town: Town) -> None:
    town.queue()
    sender = sending.Sender(town.db, town.clock, None, town.casefile)
    assert not sender.run_once()
