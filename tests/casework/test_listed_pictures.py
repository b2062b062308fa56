"""What a referral rests on: a listed public picture that nobody looked at is a match alone."""

import hashlib
from collections.abc import Iterator

import pytest

from softfall.casework import shifts
from softfall.casework.decisions import ReferralNotAllowed
from softfall.casework.evidence.views import Asked, View, Views
from softfall.casework.incoming import HashFacts, Incoming
from softfall.casework.model import Outcome, Source
from softfall.media.rendered import CLEAREST, REGIONS, WHOLE
from tests.databases import Databases

from .office import (
    CERTIFIED,
    LEA,
    MO,
    ONE_CERTIFIER,
    START_MS,
    Office,
    new_office,
    reference,
    report,
    ruling,
)

SCENE = b"the bytes of a harmless photograph"
DIGEST = hashlib.sha256(SCENE).hexdigest()


@pytest.fixture
def trusting(databases: Databases) -> Iterator[Office]:
    """An office where a second reader is switched off wherever that is possible."""
    made = new_office(databases, second_reader=False)
    yield made
    made.db.close()


def surface(office: Office, facts: HashFacts | None) -> str:
    """A case of a profile picture that is there to be looked at."""
    incoming = Incoming(
        reference=reference("surface"), source=Source.SURFACE, subject="ada",
        reason="a public picture", kind="profile picture", arrived_at_ms=START_MS, facts=facts,
        pictures=(DIGEST,),
    )  # fmt: skip
    case_id = office.take_in(incoming)
    office.desk.put_picture("provider", incoming.reference, DIGEST, SCENE)
    return case_id


def look(office: Office, case_id: str, regions: range, blur: int) -> None:
    """Whoever has the case looks at regions of the first piece of its evidence."""
    piece = office.see(case_id).evidence[0].evidence_id
    views = Views(office.vault, office.rules)
    for region in regions:
        asked = Asked(case_id, piece, region, "to decide the case", blur)
        with office.db.write() as tx:
            assert isinstance(views.open_view(tx, MO, asked, office.now_ms), View)
        office.later(60_000)


def take(office: Office, case_id: str) -> None:
    office.desk.take(case_id, MO)
    with office.db.write() as tx:
        shifts.start(tx, MO, office.rules, office.now_ms)


def test_a_listed_public_picture_certified_once_is_not_referred_unseen(trusting: Office) -> None:
    case_id = surface(trusting, ONE_CERTIFIER)
    take(trusting, case_id)
    with pytest.raises(ReferralNotAllowed, match="from a match alone"):
        trusting.desk.decide(case_id, MO, ruling(Outcome.REFER))
    look(trusting, case_id, range(REGIONS - 1), CLEAREST)
    with pytest.raises(ReferralNotAllowed, match="from a match alone"):
        trusting.desk.decide(case_id, MO, ruling(Outcome.REFER))
    look(trusting, case_id, range(REGIONS - 1, REGIONS), CLEAREST)
    assert trusting.desk.decide(case_id, MO, ruling(Outcome.REFER)).final


def test_one_certified_by_two_goes_to_a_second_reader_whatever_the_setting(
    trusting: Office,
) -> None:
    case_id = surface(trusting, CERTIFIED)
    seen = trusting.see(case_id)
    assert seen.hash_alone
    assert seen.nothing_to_open
    assert seen.proposed.outcome is Outcome.REFER
    take(trusting, case_id)
    look(trusting, case_id, range(WHOLE, WHOLE + 1), 0)  # one tiny tile is no looking
    assert not trusting.desk.decide(case_id, MO, ruling(Outcome.REFER)).final
    assert trusting.desk.second_read(case_id, LEA, True, "agreed").final


def test_a_public_picture_without_a_match_has_to_be_looked_at(office: Office) -> None:
    seen = office.see(surface(office, None))
    assert not seen.hash_alone
    assert not seen.nothing_to_open
    assert seen.proposed.outcome is None


def test_words_that_were_reported_beside_it_are_something_to_read(office: Office) -> None:
    case_id = surface(office, ONE_CERTIFIER)
    assert office.take_in(report("ada")) == case_id
    seen = office.see(case_id)
    assert not seen.hash_alone
    assert not seen.nothing_to_open
    assert {one.outcome: one.allowed for one in seen.offers}[Outcome.REFER]


def test_without_a_second_reader_nobody_refers_words_that_they_did_not_read(
    trusting: Office,
) -> None:
    unread = trusting.take_in(report("ada"))
    take(trusting, unread)
    assert not trusting.desk.decide(unread, MO, ruling(Outcome.REFER)).final
    read = trusting.take_in(report("bob"))
    trusting.desk.take(read, MO)
    look(trusting, read, range(WHOLE, WHOLE + 1), 0)
    assert trusting.desk.decide(read, MO, ruling(Outcome.REFER)).final
