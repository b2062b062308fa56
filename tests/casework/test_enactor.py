import itertools
import threading
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import select

from softfall.casework.described import EnactmentSeen, QueueFilter, Shelf
from softfall.casework.enacting import EnactmentUnknown
from softfall.casework.enactor import (
    LEASE_MS,
    MAX_WAIT_MS,
    NOT_UNDERSTOOD,
    UNREACHABLE,
    Enactor,
    wait_ms,
)
from softfall.casework.model import CaseState, Outcome
from softfall.casework.reasons import ReasonMissing
from softfall.casework.rights import NotYourRole
from softfall.casework.tables import enactments

from .fake_provider import FakeProvider
from .office import DAY_MS, LEA, MO, Office, hold, report


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    made = FakeProvider()
    yield made
    made.stop()


def bringer(office: Office, provider: FakeProvider, name: str = "one") -> Enactor:
    headers = {"authorization": "Bearer staff"}
    client = httpx.Client(base_url=provider.url, headers=headers)
    return Enactor(office.db, client, office.clock, name)


def blocked(office: Office, subject: str = "ada") -> str:
    incoming = hold(subject, hold().facts.model_copy(update={"entry": hash(subject) % 1000}))  # type: ignore[union-attr]
    case_id = office.take_in(incoming)
    office.decide(case_id, Outcome.BLOCK)
    return case_id


def standing(office: Office, case_id: str) -> EnactmentSeen:
    return office.see(case_id).enactments[-1]


def test_what_was_decided_is_brought_and_written_down(
    office: Office, provider: FakeProvider
) -> None:
    case_id = blocked(office)
    (order,) = office.orders(case_id)
    at_work = bringer(office, provider)
    assert at_work.run_once()
    assert not at_work.run_once()
    assert provider.done == {order.enactment_id: order.model_dump(mode="json")}
    assert provider.tokens == {"Bearer staff"}
    view = office.see(case_id)
    assert (view.enactments[0].state, view.enactments[0].trouble) == ("done", None)
    assert view.sources[0].hold_state == "blocked"
    assert office.audited(case_id)[-1] == "decision.enacted"


def test_a_hold_that_the_clock_moved_first_is_on_the_cases_record(
    office: Office, provider: FakeProvider
) -> None:
    incoming = hold()
    case_id = office.take_in(incoming)
    office.decide(case_id, Outcome.BLOCK)
    held = incoming.held
    assert held is not None
    provider.late = [[held.model_dump(), "expired"]]
    bringer(office, provider).run_once()
    told = standing(office, case_id)
    assert told.late == (("ada", held.envelope_id, "expired"),)
    view = office.see(case_id)
    assert view.sources[0].hold_state == "expired"
    assert view.timeline[-1].what == "late"


def test_what_gets_no_answer_is_brought_again_later_each_time(
    office: Office, provider: FakeProvider
) -> None:
    case_id = blocked(office)
    provider.behave = lambda _: None
    at_work = bringer(office, provider)
    waits = []
    for _ in range(4):
        assert at_work.run_once()
        told = standing(office, case_id)
        assert (told.state, told.trouble) == ("waiting", UNREACHABLE)
        waits.append(told.next_try_at_ms - office.now_ms)
        assert not at_work.run_once()
        office.later(waits[-1])
    assert waits == sorted(set(waits))
    provider.behave = None
    assert at_work.run_once()
    assert standing(office, case_id).state == "done"
    assert list(provider.done) == [office.orders(case_id)[0].enactment_id]


def test_waits_grow_to_a_bound() -> None:
    waits = [wait_ms(tries) for tries in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[-1] == MAX_WAIT_MS


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (500, {"error": "InternalError"}, "InternalError"),
        (507, {"error": "StorageFull"}, "StorageFull"),
        (401, {"error": "NotAuthenticated"}, "NotAuthenticated"),
        (404, {"error": "StaffRoutesOff"}, "StaffRoutesOff"),
        (404, {"error": "RouteUnknown"}, "RouteUnknown"),
        (429, {"error": "RateLimited"}, "RateLimited"),
        (502, "<html>", "HTTP 502"),
        (503, {"error": "<b>"}, "HTTP 503"),
        (200, {"enactment_id": "0" * 32}, NOT_UNDERSTOOD),
        (200, {"nothing": 1}, NOT_UNDERSTOOD),
    ],
)
def test_what_time_or_an_operator_mends_is_tried_again(
    office: Office, provider: FakeProvider, status: int, body: object, trouble: str
) -> None:
    case_id = blocked(office)
    provider.behave = lambda _: (status, body)
    bringer(office, provider).run_once()
    told = standing(office, case_id)
    assert (told.state, told.trouble) == ("waiting", trouble)
    (row,) = office.desk.queue(MO, QueueFilter(shelf=Shelf.TROUBLE))
    assert row.case_id == case_id


def test_what_is_refused_by_name_is_shown_never_lost_and_not_tried_by_itself(
    office: Office, provider: FakeProvider
) -> None:
    case_id = blocked(office)
    provider.behave = lambda _: (404, {"error": "EnvelopeUnknown"})
    at_work = bringer(office, provider)
    assert at_work.run_once()
    office.later(365 * DAY_MS)
    assert not at_work.run_once()
    told = standing(office, case_id)
    assert (told.state, told.trouble) == ("failed", "EnvelopeUnknown")
    assert office.desk.queue(MO, QueueFilter(shelf=Shelf.TROUBLE))
    assert office.desk.tick().closed == 0
    with pytest.raises(NotYourRole):
        office.desk.retry_enactment(told.enactment_id, MO)
    office.desk.retry_enactment(told.enactment_id, LEA)
    with pytest.raises(EnactmentUnknown):
        office.desk.retry_enactment(told.enactment_id, LEA)
    provider.behave = None
    assert at_work.run_once()
    assert standing(office, case_id).state == "done"
    assert office.audited(case_id)[-3:] == [
        "decision.refused",
        "decision.retried",
        "decision.enacted",
    ]


def test_a_lead_sets_aside_what_can_never_be_done_and_the_case_may_close(
    office: Office, provider: FakeProvider
) -> None:
    case_id = blocked(office)
    provider.behave = lambda _: (404, {"error": "UnknownAccount"})
    bringer(office, provider).run_once()
    number = standing(office, case_id).enactment_id
    with pytest.raises(NotYourRole):
        office.desk.set_enactment_aside(number, MO, "the account is gone")
    with pytest.raises(ReasonMissing):
        office.desk.set_enactment_aside(number, LEA, "")
    office.desk.set_enactment_aside(number, LEA, "the account is gone")
    assert standing(office, case_id).state == "set aside"
    assert office.desk.queue(MO, QueueFilter(shelf=Shelf.TROUBLE)) == []
    office.later(31 * DAY_MS)
    assert office.desk.tick().closed == 1


def test_an_answer_that_is_lost_does_nothing_twice(office: Office, provider: FakeProvider) -> None:
    case_id = blocked(office)
    provider.hang_up_after = 2
    at_work = bringer(office, provider)
    for _ in range(3):
        at_work.run_once()
        office.later(MAX_WAIT_MS)
    assert standing(office, case_id).state == "done"
    assert (provider.asked, len(provider.done)) == (3, 1)


def test_a_cases_enactments_are_brought_in_order(office: Office, provider: FakeProvider) -> None:
    case_id = blocked(office)
    office.desk.decide_appeal(office.appeal(case_id), LEA, False, "a mistake")
    first, second = office.orders(case_id)
    provider.behave = lambda _: None
    at_work = bringer(office, provider)
    assert at_work.run_once()
    assert not at_work.run_once()  # the second waits for the first
    provider.behave = None
    office.later(MAX_WAIT_MS)
    assert at_work.run_once()
    assert at_work.run_once()
    assert provider.order == [first.enactment_id, second.enactment_id]
    assert office.see(case_id).sources[0].hold_state == "released"


def test_one_case_in_trouble_bars_no_other(office: Office, provider: FakeProvider) -> None:
    bad, good = blocked(office, "ada"), blocked(office, "bob")
    assert bad != good
    name = office.orders(bad)[0].enactment_id

    def behave(body: dict[str, object]) -> tuple[int, object] | None:
        if body["enactment_id"] == name:
            return None
        return 200, {"enactment_id": body["enactment_id"], "late": []}

    provider.behave = behave
    at_work = bringer(office, provider)
    while at_work.run_once():
        pass
    assert standing(office, good).state == "done"
    assert standing(office, bad).state == "waiting"


def test_several_who_bring_at_once_share_the_work(office: Office, provider: FakeProvider) -> None:
    names = [f"account {number}" for number in range(8)]
    cases = []
    for name in names:
        case_id = office.take_in(report(name))
        office.decide(case_id, Outcome.WARN)
        cases.append(case_id)
    crew = [bringer(office, provider, f"bringer {number}") for number in range(4)]

    def work(one: Enactor) -> None:
        while one.run_once():
            pass

    threads = [threading.Thread(target=work, args=(one,)) for one in crew]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (provider.asked, len(provider.done)) == (8, 8)
    assert {standing(office, case_id).state for case_id in cases} == {"done"}


def test_who_lost_its_lease_writes_nothing_over_the_others_answer(
    office: Office, provider: FakeProvider
) -> None:
    case_id = blocked(office)
    slow, quick = bringer(office, provider, "slow"), bringer(office, provider, "quick")

    def behave(body: dict[str, object]) -> tuple[int, object]:
        provider.behave = None  # the other's turn is answered
        office.later(LEASE_MS)
        threading.Thread(target=quick.run_once).run()
        return 404, {"error": "EnvelopeUnknown"}

    # The lock of the fake is held while it behaves; so the other asks it directly.
    provider._lock = threading.RLock()  # type: ignore[assignment]
    provider.behave = behave
    second = threading.Thread(target=slow.run_once)
    other = httpx.MockTransport(
        lambda request: httpx.Response(200, json={"enactment_id": number, "late": []})
    )
    number = office.orders(case_id)[0].enactment_id
    quick._client = httpx.Client(transport=other, base_url="http://provider")
    second.start()
    second.join()
    told = standing(office, case_id)
    assert (told.state, told.trouble) == ("done", None)


def test_the_run_goes_on_until_it_is_told_to_stop(office: Office, provider: FakeProvider) -> None:
    case_id = blocked(office)
    stop = threading.Event()
    running = threading.Thread(target=bringer(office, provider).run, args=(stop,))
    running.start()
    for _ in itertools.count():
        if standing(office, case_id).state == "done":
            break
        stop.wait(0.02)
    stop.set()
    running.join()
    with office.db.read() as tx:
        assert tx.execute(select(enactments.c.leased_by)).scalars().all() == [None]
    assert office.see(case_id).row.state is CaseState.DECIDED
