import hashlib

import pytest
from sqlalchemy import select

from softfall.audit import trail
from softfall.casework.decisions import AccountsNotNamed
from softfall.casework.effects import HoldState
from softfall.casework.evidence.vault import forget_case
from softfall.casework.incoming import HoldMoved, Incoming
from softfall.casework.intake import (
    RELEASED_BY_TIME,
    NotYoursToTell,
    PictureAltered,
    PictureNotWanted,
    PictureTaken,
    ReferenceTaken,
    ReferenceUnknown,
)
from softfall.casework.joining import MAX_SOURCES
from softfall.casework.model import CaseState, EvidenceKind, Outcome, Source
from softfall.casework.tables import join_keys, pictures, sources

from .office import (
    CERTIFIED,
    MO,
    ONE_CERTIFIER,
    PROVIDER,
    UNCONFIRMED,
    Office,
    hold,
    reference,
    report,
)

PICTURE = b"a harmless photograph's bytes"
DIGEST = hashlib.sha256(PICTURE).hexdigest()


def from_tool(**changes: object) -> Incoming:
    values: dict[str, object] = {
        "reference": reference("tool"), "source": Source.TOOL, "subject": "ada",
        "reason": "a tool's own", "arrived_at_ms": 1,
    }  # fmt: skip
    return Incoming.model_validate({**values, **changes})


def test_what_comes_twice_is_there_once(office: Office) -> None:
    incoming = report(picture=DIGEST)
    first = office.desk.take_in(PROVIDER, incoming)
    again = office.desk.take_in(PROVIDER, incoming)
    assert first == again
    assert first.wanted == (DIGEST,)
    view = office.see(first.case_id)
    assert (len(view.sources), len(view.evidence)) == (1, 1)
    assert office.audited(first.case_id) == ["case.opened"]


def test_another_thing_under_the_same_reference_is_refused(office: Office) -> None:
    incoming = report(words="one")
    office.take_in(incoming)
    other = report(words="two", reference=incoming.reference)
    with pytest.raises(ReferenceTaken):
        office.take_in(other)
    assert len(office.desk.queue(MO)) == 1


def test_two_callers_may_use_the_same_reference(office: Office) -> None:
    a = office.take_in(from_tool(reference="1", subject="ada"), "one")
    b = office.take_in(from_tool(reference="1", subject="bob"), "two")
    assert a != b
    assert office.desk.status("one", "1").case_id == a
    assert office.desk.status("two", "1").case_id == b


def test_reports_about_the_same_account_join_one_case(office: Office) -> None:
    case_id = office.take_in(report("ada"))
    assert office.take_in(report("ada", reporter="cy")) == case_id
    assert office.take_in(hold("ada")) == case_id
    assert office.take_in(report("bob")) != case_id
    view = office.see(case_id)
    assert (view.row.sources, view.row.reporters) == (3, 2)
    assert office.audited(case_id) == ["case.opened", "case.joined", "case.joined"]


def test_the_same_picture_joins_one_case_whoever_sent_it(office: Office) -> None:
    case_id = office.take_in(report("ada", picture=DIGEST))
    assert office.take_in(report("bob", picture=DIGEST)) == case_id
    assert office.see(case_id).subjects == ("ada", "bob")


def test_the_same_entry_joins_one_case_if_the_match_is_confirmed(office: Office) -> None:
    case_id = office.take_in(hold("ada", CERTIFIED))
    assert office.take_in(hold("bob", CERTIFIED)) == case_id
    assert office.take_in(hold("cy", ONE_CERTIFIER)) != case_id
    same_entry = CERTIFIED.model_copy(update={"confirmed": False})
    assert office.take_in(hold("dee", same_entry)) != case_id


def test_a_tools_claim_of_a_match_joins_nothing(office: Office) -> None:
    case_id = office.take_in(hold("ada", CERTIFIED))
    claimed = from_tool(subject="bob", facts=CERTIFIED.model_dump())
    assert office.take_in(claimed, "a tool") != case_id


def test_a_case_in_review_may_be_joined_and_a_decided_one_is_followed(office: Office) -> None:
    case_id = office.take_in(report("ada"))
    office.desk.take(case_id, MO)
    assert office.take_in(report("ada")) == case_id
    office.decide(case_id, Outcome.WARN)
    later = office.take_in(report("ada"))
    assert later != case_id
    assert [link.case_id for link in office.see(later).links] == [case_id]
    assert [link.case_id for link in office.see(case_id).links] == [later]
    assert office.see(case_id).row.state is CaseState.DECIDED
    assert office.see(case_id).row.sources == 2


def test_something_that_belongs_to_two_cases_joins_the_accounts_and_links_the_other(
    office: Office,
) -> None:
    by_picture = office.take_in(report("ada", picture=DIGEST))
    by_account = office.take_in(report("bob"))
    assert office.take_in(report("bob", picture=DIGEST)) == by_account
    assert [link.case_id for link in office.see(by_account).links] == [by_picture]


def test_a_full_case_is_followed_by_a_linked_one(office: Office) -> None:
    case_id = office.take_in(report("ada"))
    with office.db.write() as tx:
        first = tx.execute(select(sources)).one()._asdict()
        first.pop("row")
        copies = [{**first, "reference": f"copy {i}"} for i in range(MAX_SOURCES - 1)]
        tx.execute(sources.insert(), copies)
    following = office.take_in(report("ada"))
    assert following != case_id
    assert [link.case_id for link in office.see(following).links] == [case_id]


def test_words_lie_in_the_vault_and_no_digest_can_be_guessed(office: Office) -> None:
    words = "see you at the swimming pool"
    case_id = office.take_in(report(words=words, picture=DIGEST))
    (told,) = office.see(case_id).evidence
    assert told.kind is EvidenceKind.MESSAGE
    assert words not in told.label
    with office.db.read() as tx:
        assert words.encode() in office.vault.open(tx, told.evidence_id)
        kept = [
            value
            for table in (sources, pictures, join_keys)
            for row in tx.execute(select(table))
            for value in row
        ]
    known = {words, DIGEST, bytes.fromhex(DIGEST), hashlib.sha256(words.encode()).digest()}
    assert known.isdisjoint(value for value in kept if isinstance(value, str | bytes))


def test_a_picture_is_kept_once_and_only_if_it_was_told_of(office: Office) -> None:
    incoming = report(picture=DIGEST)
    case_id = office.take_in(incoming)
    assert office.see(case_id).sources[0].pictures_missing == 1
    put = office.desk.put_picture
    with pytest.raises(ReferenceUnknown):
        put(PROVIDER, "another", DIGEST, PICTURE)
    with pytest.raises(ReferenceUnknown):
        put("a tool", incoming.reference, DIGEST, PICTURE)
    with pytest.raises(PictureNotWanted):
        put(PROVIDER, incoming.reference, "0" * 64, PICTURE)
    with pytest.raises(PictureAltered):
        put(PROVIDER, incoming.reference, DIGEST, PICTURE + b"!")
    assert put(PROVIDER, incoming.reference, DIGEST, PICTURE) is PictureTaken.KEPT
    assert put(PROVIDER, incoming.reference, DIGEST, PICTURE) is PictureTaken.KNOWN
    view = office.see(case_id)
    assert [each.kind for each in view.evidence] == [EvidenceKind.MESSAGE, EvidenceKind.PICTURE]
    assert view.sources[0].pictures_missing == 0
    assert office.desk.take_in(PROVIDER, incoming).wanted == ()
    with office.db.read() as tx:
        assert office.vault.open(tx, view.evidence[1].evidence_id) == PICTURE


def test_a_picture_that_the_case_has_is_not_asked_for_again(office: Office) -> None:
    first, second = report(picture=DIGEST), report("ada", picture=DIGEST)
    office.take_in(first)
    assert office.desk.take_in(PROVIDER, second).wanted == (DIGEST,)
    office.desk.put_picture(PROVIDER, first.reference, DIGEST, PICTURE)
    assert office.desk.take_in(PROVIDER, second).wanted == ()
    third = office.desk.take_in(PROVIDER, report("ada", picture=DIGEST))
    assert third.wanted == ()
    kinds = [each.kind for each in office.see(third.case_id).evidence]
    assert kinds.count(EvidenceKind.PICTURE) == 1


def test_a_picture_for_a_case_whose_key_is_gone_is_not_kept(office: Office) -> None:
    incoming = report(picture=DIGEST)
    office.take_in(incoming)
    with office.db.write() as tx:
        forget_case(tx, tx.execute(select(sources.c.case)).scalar_one(), office.now_ms)
    taken = office.desk.put_picture(PROVIDER, incoming.reference, DIGEST, PICTURE)
    assert taken is PictureTaken.TOO_LATE
    assert office.desk.take_in(PROVIDER, incoming).wanted == ()


@pytest.mark.parametrize(
    "claim",
    [
        {"source": Source.HOLD},
        {"source": Source.REPORT},
        {"source": Source.BLOCKED},
        {"held": {"sender": "ada", "envelope_id": "0" * 32}},
        {"escalated": True},
        {"reporter": "ben"},
        {"messages": [report().messages[0].model_dump()]},
    ],
)
def test_a_tool_claims_nothing_that_only_the_provider_proves(
    office: Office, claim: dict[str, object]
) -> None:
    with pytest.raises(NotYoursToTell):
        office.take_in(from_tool(**claim), "a tool")
    assert office.desk.queue(MO) == []


def test_a_tool_may_say_that_a_child_is_at_risk_now(office: Office) -> None:
    office.take_in(report("bob", reason="child-safety"))
    case_id = office.take_in(from_tool(child_at_risk_now=True), "a tool")
    assert office.desk.queue(MO)[0].case_id == case_id


def test_an_unconfirmed_hold_that_time_released_closes_its_case(office: Office) -> None:
    incoming = hold(facts=UNCONFIRMED)
    case_id = office.take_in(incoming)
    office.moved(incoming, "released")
    office.moved(incoming, "released")
    view = office.see(case_id)
    assert (view.row.state, view.closed_why) == (CaseState.CLOSED, RELEASED_BY_TIME)
    assert view.sources[0].hold_state is HoldState.RELEASED
    assert office.audited(case_id) == ["case.opened", "hold.moved", "case.closed"]
    assert office.orders(case_id) == []


def test_a_case_with_more_than_the_released_hold_stays(office: Office) -> None:
    incoming = hold(facts=UNCONFIRMED)
    case_id = office.take_in(incoming)
    office.take_in(report())
    office.moved(incoming, "released")
    assert office.see(case_id).row.state is CaseState.OPEN


def test_a_confirmed_hold_that_nobody_decided_goes_to_leads(office: Office) -> None:
    incoming = hold()
    case_id = office.take_in(incoming)
    office.desk.take(case_id, MO)
    office.moved(incoming, "escalated")
    office.moved(incoming, "escalated")
    view = office.see(case_id)
    assert view.row.escalated
    assert (view.row.state, view.row.assigned_to) == (CaseState.OPEN, None)
    assert office.audited(case_id).count("case.escalated") == 1
    assert view.row.reasons[0] == "a confirmed match that nobody decided in time"


def test_an_expired_hold_can_neither_be_released_nor_blocked(office: Office) -> None:
    incoming = hold()
    case_id = office.take_in(incoming)
    office.moved(incoming, "expired")
    allowed = {each.outcome for each in office.see(case_id).offers if each.allowed}
    assert allowed == {Outcome.WARN, Outcome.RESTRICT, Outcome.REFER, Outcome.NO_ACTION}


def test_only_the_provider_tells_of_holds(office: Office) -> None:
    incoming = hold(facts=UNCONFIRMED)
    office.take_in(incoming)
    news = HoldMoved(reference=incoming.reference, state="released", at_ms=1)
    with pytest.raises(NotYoursToTell):
        office.desk.hold_moved("a tool", news)
    with pytest.raises(ReferenceUnknown):
        office.desk.hold_moved(PROVIDER, news.model_copy(update={"reference": "another"}))
    told = report()
    office.take_in(told)
    with pytest.raises(ReferenceUnknown):
        office.desk.hold_moved(PROVIDER, news.model_copy(update={"reference": told.reference}))


def test_a_caller_sees_the_state_of_its_own_and_no_outcome_before_it_stands(
    office: Office,
) -> None:
    incoming = report()
    case_id = office.take_in(incoming)
    with pytest.raises(ReferenceUnknown):
        office.desk.status("a tool", incoming.reference)
    office.decide(case_id, Outcome.REFER)
    told = office.desk.status(PROVIDER, incoming.reference)
    assert (told.state, told.outcome) == (CaseState.IN_REVIEW, None)


def test_a_report_about_two_accounts_is_two_linked_cases_or_one_without_doubles(
    office: Office,
) -> None:
    words = report("ada").messages + report("bob").messages
    first = office.take_in(report("ada", messages=words))
    second = office.take_in(report("bob", messages=words))
    assert first != second
    (link,) = office.see(second).links
    assert (link.case_id, link.why) == (first, "the same reported message")
    shown = report("cy", picture=DIGEST).messages + report("dee").messages
    third = office.take_in(report("cy", messages=shown))
    assert office.take_in(report("dee", messages=shown)) == third
    assert len(office.see(third).evidence) == 2


def test_a_message_that_two_people_report_is_one_piece_of_evidence(office: Office) -> None:
    told = report("ada")
    case_id = office.take_in(told)
    hidden = told.messages[0].model_copy(update={"conversation": "hidden"})
    again = report("ada", reporter=None, messages=(hidden,))
    assert office.take_in(again) == case_id
    view = office.see(case_id)
    assert (len(view.sources), len(view.evidence)) == (2, 1)


def test_what_the_list_says_may_come_when_it_is_handed_in_again(office: Office) -> None:
    bare = CERTIFIED.model_copy(update={"label": "", "sources": (), "certifiers": ()})
    incoming = hold(facts=bare)
    case_id = office.take_in(incoming)
    office.take_in(incoming.model_copy(update={"facts": CERTIFIED}))
    assert office.see(case_id).sources[0].facts == CERTIFIED
    office.take_in(incoming)
    assert office.see(case_id).sources[0].facts == CERTIFIED
    unsure = bare.model_copy(update={"confirmed": False})
    with pytest.raises(ReferenceTaken):
        office.take_in(incoming.model_copy(update={"facts": unsure}))


def test_nothing_is_done_to_an_account_that_received_something(office: Office) -> None:
    received = hold("ada", source=Source.BLOCKED, kind="received", held=None)
    case_id = office.take_in(received)
    view = office.see(case_id)
    assert [each.outcome for each in view.offers if each.allowed] == [Outcome.NO_ACTION]
    assert view.proposed.outcome is Outcome.NO_ACTION
    assert office.take_in(hold("bob")) == case_id
    with pytest.raises(AccountsNotNamed):  # nothing is known against her
        office.decide(case_id, Outcome.RESTRICT, accounts=("ada", "bob"))
    office.decide(case_id, Outcome.RESTRICT, accounts=("bob",))
    (order,) = office.orders(case_id)
    assert (order.subject, order.account_action) == ("bob", "restrict")


def test_no_account_is_named_in_the_audit_log_of_what_comes_in(office: Office) -> None:
    case_id = office.take_in(hold("an account's name", reference="hold:an account's name:1"))
    office.take_in(report("an account's name", reporter="a reporter's name"))
    office.decide(case_id, Outcome.WARN)
    office.appeal(case_id, "an account's name")
    with office.db.read() as tx:
        told = str(trail.read(tx))
    assert "case.appealed" in told
    assert "name" not in told
