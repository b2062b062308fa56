import hashlib
import io
import secrets
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from softfall.edge.logs import make_logger
from softfall.lists.facts import EntryFacts
from softfall.messaging.envelope import RECEIPT
from softfall.provider import telling
from softfall.provider.casework_tables import handovers
from softfall.provider.figures import Figures
from softfall.provider.handover import Handover, Pictures
from softfall.provider.relay import CustodianUnavailable
from softfall.provider.tables import reported_messages, reports

from .cast import LISTED, Custodian
from .conftest import House, Open
from .fake_console import FakeConsole
from .test_clearances import ask, open_desk
from .test_reports import PICTURE, Talk, encoded, file

URL = "https://console"


@pytest.fixture
def fake() -> FakeConsole:
    return FakeConsole()


@pytest.fixture
def manned(open_house: Open, fake: FakeConsole) -> Iterator[House]:
    """A provider whose cases go to a console."""
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, console=fake.console(), console_url=URL) as opened:
        yield opened


def until(met: Callable[[], bool]) -> None:
    """The worker runs in a thread of its own: wait for what it is bound to do."""
    for _ in range(2000):
        if met():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def waiting(house: House) -> int:
    with house.service.db.read() as tx:
        return house.service.outbox.waiting(tx)[0]


def settled(house: House) -> None:
    until(lambda: waiting(house) == 0)


def hold(house: House, sender: str = "ada", recipient: str = "") -> str:
    """A held message; the reference of its case."""
    ada = house.join(sender)
    recipient = house.join(recipient or f"friend-of-{sender}").name
    envelope_id = secrets.token_bytes(16)
    house.send(ada, ada.media(recipient, word=LISTED, envelope_id=envelope_id))
    return f"hold:{sender}:{envelope_id.hex()}"


def test_a_hold_becomes_a_case_with_facts_and_no_ciphertext(
    manned: House, fake: FakeConsole
) -> None:
    reference = hold(manned)
    settled(manned)
    case = fake.cases[reference]
    assert (case.source, case.subject, case.kind) == ("hold", "ada", "candidate")
    assert case.reason == "a word of the list"
    assert case.held is not None
    assert case.facts is not None
    assert (case.facts.option, case.facts.epoch, case.facts.confirmed) == ("split", 1, False)
    assert case.messages == ()


def test_what_the_clock_does_to_a_hold_is_told_after_it(manned: House, fake: FakeConsole) -> None:
    reference = hold(manned)
    manned.clock.pass_hours(80)
    manned.service.upkeep.round()
    settled(manned)
    assert fake.order == [reference, f"released {reference}"]


def test_a_report_goes_whole_and_its_words_and_picture_are_here_no_more(
    manned: House, fake: FakeConsole
) -> None:
    talk = Talk(manned)
    first, second = talk.message(), talk.message(PICTURE)
    told = file(talk.ben, encoded(first, second, reason="threat")).json()
    settled(manned)
    case = fake.cases[f"report:{told['report_id']}:0"]
    assert (case.source, case.subject, case.reporter, case.reason) == (
        "report", "ada", "ben", "threat",
    )  # fmt: skip
    assert [message.text for message in case.messages] == ["hello there", "hello there"]
    digest = hashlib.sha256(PICTURE)
    assert case.messages[1].picture_sha256 == digest.hexdigest()
    assert fake.pictures == {digest.hexdigest(): PICTURE}
    with manned.service.db.read() as tx:
        rows = tx.execute(select(reported_messages)).all()
    assert all((r.content, r.franking_key, r.opening, r.manifest) == (None,) * 4 for r in rows)
    until(lambda: manned.service.reports.pictures.all() == [])  # files go after their rows
    refused = file(talk.ben, encoded(first))
    assert refused.json()["error"] == "ReportReplayed", "it still can't be reported twice"


def test_staff_read_of_a_handed_over_report_what_is_left(manned: House) -> None:
    talk = Talk(manned)
    report_id = file(talk.ben, encoded(talk.message())).json()["report_id"]
    settled(manned)
    read = manned.staff("GET", f"/v1/staff/reports/{report_id}").json()
    assert read["messages"][0]["text"] == ""
    assert read["messages"][0]["handed_over"] is True


def test_an_anonymous_reporter_is_named_to_nobody(manned: House, fake: FakeConsole) -> None:
    talk = Talk(manned)
    body = encoded(talk.message(), anonymous=1, in_danger_now=1)
    report_id = file(talk.ben, body).json()["report_id"]
    listed = manned.staff("GET", "/v1/staff/reports").json()["reports"]
    assert listed[0]["reporter"] is None
    settled(manned)
    case = fake.cases[f"report:{report_id}:0"]
    assert case.child_at_risk_now
    assert case.reporter is None
    assert "ben" not in case.model_dump_json()
    assert case.messages[0].conversation.startswith("hidden:")
    read = manned.staff("GET", f"/v1/staff/reports/{report_id}").json()
    assert "ben" not in repr(read)


def test_no_name_of_a_conversation_keeps_a_report_from_being_told(
    manned: House, fake: FakeConsole
) -> None:
    talk = Talk(manned)
    opened = talk.message()
    report_id = file(talk.ben, encoded(opened)).json()["report_id"]
    settled(manned)
    row = types.SimpleNamespace(
        receipt=RECEIPT.encode({**opened["receipt"], "conversation": "no\0name"}),
        content=opened["content"],
        sender="ada",
        picture_sha256=None,
        lie=None,
        finding=None,
    )
    told = telling._message(row, None)  # type: ignore[arg-type]  # as much of a row as is read
    assert told.conversation == "no\N{REPLACEMENT CHARACTER}name"
    assert f"report:{report_id}:0" in fake.cases


def test_a_conversation_is_named_by_text_that_every_database_keeps(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    answer = ada.post(ada.text(ben.name, conversation="no\0name"))
    assert (answer.status_code, answer.json()["error"]) == (400, "MalformedMessage")


def test_one_conversation_stays_one_in_anonymous_reports(manned: House, fake: FakeConsole) -> None:
    talk = Talk(manned)
    for _ in range(2):
        file(talk.ben, encoded(talk.message(), anonymous=1))
    settled(manned)
    assert len({case.messages[0].conversation for case in fake.cases.values()}) == 1


def test_a_console_that_is_down_loses_nothing_and_gets_nothing_twice(
    manned: House, fake: FakeConsole
) -> None:
    fake.down = True
    references = [hold(manned, sender) for sender in ("ada", "ada2", "ada3")]
    until(lambda: fake.posts > 1)
    assert waiting(manned) == 3
    fake.down, fake.lose_answers = False, 2
    settled(manned)
    assert sorted(fake.order) == sorted(references)


def test_what_casework_refuses_holds_up_nobody_and_is_tried_again(
    manned: House, fake: FakeConsole
) -> None:
    fake.refuses = lambda request: "SomethingWrong" if b"hold:ada:" in request.content else None
    poisoned, other = hold(manned), hold(manned, "eve", "eva")
    until(lambda: waiting(manned) == 1)
    assert list(fake.cases) == [other]
    with manned.service.db.read() as tx:
        assert manned.service.outbox.waiting(tx) == (1, 1)
        row = tx.execute(select(handovers).where(handovers.c.handover_key == poisoned)).one()
    assert row.refused == "SomethingWrong"
    fake.refuses = lambda request: None
    manned.clock.pass_hours(2)
    settled(manned)
    assert poisoned in fake.cases


def test_what_waited_before_there_was_a_console_is_told_once_there_is(
    open_house: Open, fake: FakeConsole
) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian) as alone:
        held = hold(alone, "cy", "dora")
        talk = Talk(alone)
        report_id = file(talk.ben, encoded(talk.message())).json()["report_id"]
        with alone.service.db.read() as tx:
            assert tx.execute(select(handovers)).all() == []
        clock = alone.clock
    for _ in range(2):
        with open_house(custodian, clock, console=fake.console(), console_url=URL) as manned:
            settled(manned)
    assert sorted(fake.order) == sorted([held, f"report:{report_id}:0"])


def test_a_report_of_two_people_is_a_case_of_each_with_the_whole_of_it(
    manned: House, fake: FakeConsole
) -> None:
    talk = Talk(manned)
    opened = [talk.message(), talk.message(sender="eve")]
    report_id = file(talk.ben, encoded(*opened)).json()["report_id"]
    settled(manned)
    cases = [fake.cases[f"report:{report_id}:{n}"] for n in (0, 1)]
    assert [case.subject for case in cases] == ["ada", "eve"]
    assert [[m.sender for m in case.messages] for case in cases] == [["ada", "eve"]] * 2


class Facts:
    """What a custodian says of entry 1, or that it is away."""

    def __init__(self) -> None:
        self.away = True

    def of(self, option: str, epoch: int, entry: int) -> EntryFacts | None:
        if self.away:
            raise CustodianUnavailable("away")
        return EntryFacts(entry, ("a label",), ("a list",), ("one", "two"))


def test_the_lists_word_goes_along_and_is_not_waited_for_for_ever(
    manned: House, fake: FakeConsole
) -> None:
    facts = Facts()
    assert manned.service.handover is not None
    manned.service.handover._facts = facts
    with manned.service.db.write() as tx:
        for number in range(2):
            manned.service.outbox.hand_over(tx, surface(f"match {number}", manned.clock()), {}, 1)
    until(lambda: tried(manned) > 0)
    assert fake.cases == {}
    facts.away = False
    manned.clock.pass_hours(0.1)
    settled(manned)
    known = fake.cases["match 0"].facts
    assert known is not None
    assert (known.label, known.sources, known.certifiers) == (
        "a label",
        ("a list",),
        ("one", "two"),
    )
    facts.away = True
    with manned.service.db.write() as tx:
        late = surface("match 2", manned.clock() - 3_600_000)
        manned.service.outbox.hand_over(tx, late, {}, manned.clock())
    settled(manned)
    assert fake.cases["match 2"].facts is not None
    assert fake.cases["match 2"].facts.certifiers == ()


def tried(house: House) -> int:
    with house.service.db.read() as tx:
        return max(tx.execute(select(handovers.c.tries)).scalars())


def surface(reference: str, at_ms: int) -> Any:
    from softfall.casework.incoming import Incoming
    from softfall.provider.telling import facts_of

    facts = facts_of("split", 1, {"entry": 1, "confirmed": True})
    values = {"reference": reference, "source": "surface", "subject": "ada", "reason": "a match"}
    return Incoming.model_validate({**values, "arrived_at_ms": at_ms, "facts": facts})


def test_a_public_picture_is_kept_until_casework_has_it(manned: House, fake: FakeConsole) -> None:
    assert manned.service.handover is not None
    manned.service.handover._facts = None
    fake.down = True
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    case = surface("a public picture", manned.clock()).model_copy(update={"pictures": (sha256,)})
    with manned.service.db.write() as tx:
        manned.service.outbox.hand_over(tx, case, {sha256: PICTURE}, manned.clock())
        manned.service.outbox.hand_over(tx, case, {sha256: PICTURE}, manned.clock())
    assert len(manned.service.outbox.pictures.all()) == 1
    fake.down = False
    settled(manned)
    assert fake.pictures == {sha256: PICTURE}
    until(lambda: manned.service.outbox.pictures.all() == [])


def test_with_casework_set_up_the_old_route_decides_nothing(
    manned: House, fake: FakeConsole
) -> None:
    envelope_id = hold(manned).rpartition(":")[2]
    asked = {"decision": "release", "reason": "looks fine"}
    answer = manned.staff("POST", f"/v1/staff/holds/{envelope_id}", json=asked)
    assert (answer.status_code, answer.json()["error"]) == (409, "DecidedInCasework")


def test_several_workers_share_the_work_and_tell_it_once_in_order(
    manned: House, fake: FakeConsole
) -> None:
    service = manned.service
    fake.down = True
    references = [f"match {number}" for number in range(12)]
    with service.db.write() as tx:
        for reference in references:
            case = surface(reference, manned.clock()).model_copy(update={"facts": None})
            service.outbox.hand_over(tx, case, {}, manned.clock())
    pictures = Pictures(service.db, service.outbox, service.reports)
    log = make_logger("another provider", io.StringIO())
    others = [
        Handover(
            service.db, service.outbox, fake.console(), None, pictures, manned.clock,
            Figures(CollectorRegistry()), log,
        )
        for _ in range(2)
    ]  # fmt: skip
    for other in others:
        other.start()
    fake.down = False
    settled(manned)
    for other in others:
        other.stop()
    assert fake.order == references


def test_reports_count_as_told_in_their_own_transaction(manned: House, fake: FakeConsole) -> None:
    fake.down = True
    talk = Talk(manned)
    file(talk.ben, encoded(talk.message()))
    with manned.service.db.read() as tx:
        report = tx.execute(select(reports.c.row)).scalar_one()
        told = tx.execute(select(handovers.c.report)).scalars().all()
    assert told == [report]


def test_what_was_blocked_before_there_was_a_console_is_told_once_there_is(
    open_house: Open,
) -> None:
    custodian, later = Custodian(), FakeConsole()
    custodian.publish(1)
    with open_house(custodian) as alone:
        open_desk(alone, per_day=100)
        assert ask(alone.join("kim"), LISTED).json()["answer"] == "blocked"
        clock = alone.clock
    for _ in range(2):
        with open_house(custodian, clock, console=later.console(), console_url=URL) as house:
            settled(house)
    (case,) = later.cases.values()
    assert (case.subject, case.kind) == ("kim", "confirmed")
