"""The pages of the work, without a browser: what they show, what they refuse, what they record."""

import hashlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Response
from sqlalchemy import select, update

from softfall.casework.described import QueueFilter, Shelf
from softfall.casework.evidence.tables import views
from softfall.casework.incoming import AppealMade, Incoming
from softfall.casework.model import Outcome, Role, Source
from softfall.casework.rights import StaffRef
from softfall.casework.tables import enactments
from softfall.config import CaseworkSettings

from .house import Browser, House, console
from .office import harmless_jpeg, held, reported

WORDS = "nobody must know that we write"
MO, LEE = StaffRef("mo", Role.MODERATOR), StaffRef("lee", Role.LEAD)


class Desk:
    """Stands in for the office in making what comes in."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.count = 0

    def reference(self, kind: str) -> str:
        self.count += 1
        return f"{kind}:{self.count}"

    def hand_in(self, incoming: Incoming, picture: bytes = b"") -> str:
        desk = self.house.service.desk
        taken = desk.take_in("provider", incoming)
        for digest in taken.wanted:
            desk.put_picture("provider", incoming.reference, digest, picture)
        return taken.case_id

    def report(self, *texts: str, picture: bytes | None = None, subject: str = "vic") -> str:
        incoming = reported(self, subject, *(texts or (WORDS,)), picture=picture)  # type: ignore[arg-type]
        return self.hand_in(incoming, picture or b"")

    def hold(self, subject: str = "sam") -> str:
        return self.hand_in(held(self, subject))  # type: ignore[arg-type]

    def evidence(self, case_id: str) -> list[int]:
        seen = self.house.service.desk.case(case_id, LEE)
        return [piece.evidence_id for piece in seen.evidence]


@pytest.fixture
def house(tmp_path: Path, tls_dir: Path) -> Iterator[House]:
    rules = CaseworkSettings(items_per_day=2)
    with console(tmp_path / "console", tls_dir, casework=rules) as running:
        yield running


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house)


@pytest.fixture
def mo(house: House) -> Browser:
    return house.person(Role.MODERATOR, "mo")


def start(browser: Browser, *skip: str) -> None:
    assert browser.post("/shift/start", {"skip": list(skip)}).status_code == 303  # type: ignore[dict-item]


def take(browser: Browser, case_id: str) -> None:
    assert browser.post(f"/cases/{case_id}/take").headers["location"] == f"/cases/{case_id}"


def read(browser: Browser, case_id: str, evidence: int, reason: str = "it decides") -> Response:
    return browser.post(f"/cases/{case_id}/evidence/{evidence}/read", {"reason": reason})


def test_no_answer_to_a_get_holds_reported_words_or_names_a_digest(
    house: House, desk: Desk, mo: Browser
) -> None:
    picture = harmless_jpeg()
    case_id = desk.report(picture=picture)
    start(mo)
    take(mo, case_id)
    paths = [f"/cases/{case_id}", f"/cases/{case_id}/referral", "/queue", "/shift", "/"]
    paths += [f"/cases/{case_id}/evidence/{number}" for number in desk.evidence(case_id)]
    digest = hashlib.sha256(picture).hexdigest()
    for path in paths:
        answer = mo.get(path)
        assert answer.status_code == 200, path
        assert WORDS not in answer.text
        assert digest not in answer.text
        assert "<img" not in answer.text
        assert answer.headers["cache-control"] == "no-store", path


def test_words_open_with_a_reason_only_and_the_reason_is_on_record(
    house: House, desk: Desk, mo: Browser
) -> None:
    case_id = desk.report()
    (message,) = desk.evidence(case_id)
    start(mo)
    take(mo, case_id)
    assert WORDS not in read(mo, case_id, message, reason="").text
    assert not house.lines("evidence.viewed")
    opened = read(mo, case_id, message, reason="the report's own words decide")
    assert WORDS in opened.text
    assert opened.headers["cache-control"] == "no-store"
    (line,) = house.lines("evidence.viewed")
    assert line.who == "mo"
    assert json.loads(line.details)["reason"] == "the report's own words decide"


@pytest.mark.parametrize("how", ["no shift", "stopped", "not taken", "another's"])
def test_nothing_opens_without_a_shift_or_the_case(
    house: House, desk: Desk, mo: Browser, how: str
) -> None:
    case_id = desk.report(picture=harmless_jpeg())
    message, picture = desk.evidence(case_id)
    if how != "no shift":
        start(mo)
    if how == "another's":
        house.service.desk.take(case_id, LEE)
    elif how != "not taken":
        house.service.desk.take(case_id, MO)
    if how == "stopped":
        mo.post("/shift/stop")
        house.service.desk.take(case_id, MO)
    words = read(mo, case_id, message)
    region = mo.post(
        f"/cases/{case_id}/evidence/{picture}/open", {"region": "4", "reason": "it decides"}
    )
    assert WORDS not in words.text
    assert not region.content.startswith(b"\x89PNG")
    assert {words.status_code, region.status_code} <= {409, 429}
    assert not house.lines("evidence.viewed")


def test_todays_cap_holds_for_words_pictures_and_second_readers_alike(
    house: House, desk: Desk, mo: Browser
) -> None:
    case_id = desk.report("one", "two", "three", picture=harmless_jpeg())
    *messages, picture = desk.evidence(case_id)
    start(mo)
    take(mo, case_id)
    for number in messages[:2]:
        assert read(mo, case_id, number).status_code == 200
    over = read(mo, case_id, messages[2])
    assert over.status_code == 409
    assert "three" not in over.text
    assert "Not now" in over.text
    asked = {"region": "4", "reason": "it decides"}
    region = mo.post(f"/cases/{case_id}/evidence/{picture}/open", asked)
    assert region.status_code == 429
    assert "NotNow" in region.text
    documents = mo.post(f"/cases/{case_id}/referral/read", {"reason": "it decides"})
    assert documents.status_code == 409
    assert "chatIMExcerpt" not in documents.text
    assert len(house.lines("evidence.viewed")) == 2
    # What was opened before counts once: it may be read again.
    assert read(mo, case_id, messages[0]).status_code == 200


def test_a_region_is_a_small_png_that_nobody_keeps(house: House, desk: Desk, mo: Browser) -> None:
    case_id = desk.report(picture=harmless_jpeg())
    picture = desk.evidence(case_id)[-1]
    start(mo)
    take(mo, case_id)
    path = f"/cases/{case_id}/evidence/{picture}"
    answer = mo.post(f"{path}/open", {"region": "4", "reason": "it decides"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    width, height = (int.from_bytes(answer.content[at : at + 4], "big") for at in (16, 20))
    assert 0 < width <= 192
    assert 0 < height <= 192
    (line,) = house.lines("evidence.viewed")
    assert (json.loads(line.details)["region"], json.loads(line.details)["blur"]) == (4, 0)
    house.clock.pass_minutes(0.1)
    assert mo.post(f"{path}/close", {"view": answer.headers["x-view"]}).status_code == 303
    with house.service.db.read() as tx:
        assert tx.execute(views.select()).one().closed_at_ms == house.clock()


def test_a_known_match_needs_nothing_opened_and_is_decided_so(
    house: House, desk: Desk, mo: Browser
) -> None:
    case_id = desk.hold()
    start(mo)
    take(mo, case_id)
    page = mo.get(f"/cases/{case_id}").text
    assert "Nothing needs to be opened" in page
    assert "/evidence/" not in page
    assert "suggested" in page
    assert not re.search(r'name="outcome"[^>]*checked', page)  # a referral is never the default
    assert decide(house, mo, case_id, "block").status_code == 303
    seen = house.service.desk.case(case_id, MO)
    assert seen.decisions[-1].outcome is Outcome.BLOCK
    assert not house.lines("evidence.viewed")


def test_what_was_typed_is_kept_when_a_decision_is_refused(
    house: House, desk: Desk, mo: Browser
) -> None:
    case_id = desk.report()
    start(mo)
    take(mo, case_id)
    refused = decide(house, mo, case_id, "restrict", reason="typed with care")
    assert refused.status_code == 409
    assert "typed with care" in refused.text
    assert "a restriction needs its days" in refused.text.lower()
    late = decide(house, mo, case_id, "warn", version="0")
    assert "joined this case since" in late.text
    assert house.service.desk.case(case_id, MO).decisions == ()


def test_a_young_persons_own_picture_is_never_a_moderators_to_refer(
    house: House, desk: Desk, mo: Browser
) -> None:
    case_id = desk.report()
    start(mo)
    take(mo, case_id)
    mo.post(f"/cases/{case_id}/own-picture", {"own": "yes", "reason": "both say so"})
    page = mo.get(f"/cases/{case_id}").text
    assert "never referred automatically" in page
    assert re.search(r'value="refer" required disabled', page)
    assert re.search(r'value="warn" required checked', page)
    assert "only a lead" in decide(house, mo, case_id, "refer").text.lower()


def test_take_next_leaves_out_what_is_skipped_and_asks_for_a_shift(
    house: House, desk: Desk, mo: Browser
) -> None:
    desk.report()
    known = desk.hold()
    assert mo.post("/queue/next").headers["location"] == "/shift"
    start(mo, "child safety report")
    assert mo.post("/queue/next").headers["location"] == f"/cases/{known}"
    assert mo.post("/queue/next").headers["location"] == "/queue?done=none-left"


def test_stopping_takes_one_request_and_leaves_nothing_of_the_work(
    house: House, desk: Desk, mo: Browser
) -> None:
    case_id = desk.report()
    start(mo)
    take(mo, case_id)
    assert mo.post("/shift/stop").headers["location"] == "/rest"
    rest = mo.get("/rest").text
    assert "You have stopped for today" in rest
    assert case_id[:8] not in rest
    assert "/queue" not in rest
    open_again = QueueFilter(Shelf.OPEN)
    assert [row.case_id for row in house.service.desk.queue(MO, open_again)] == [case_id]
    assert mo.post("/shift/start").status_code == 409


def test_a_lead_sees_one_word_of_others_and_lets_them_start_sooner(
    house: House, desk: Desk, mo: Browser
) -> None:
    lee = house.person(Role.LEAD, "lee")
    case_id = desk.report("one", "two")
    start(mo)
    take(mo, case_id)
    for number in desk.evidence(case_id):
        read(mo, case_id, number)
    row = re.search(r"<th scope=\"row\">mo</th>.*?</tr>", lee.get("/lead").text, re.DOTALL)
    assert row is not None
    words = html.unescape(re.sub("<[^>]*>", " ", row[0]))
    assert " ".join(words.split()) == "mo has reached today's cap"
    mo.post("/shift/stop")
    assert mo.post("/shift/start").status_code == 409
    assert lee.post("/lead/let-start", {"name": "mo"}).status_code == 303
    start(mo)


@pytest.mark.parametrize("name", ["nobody", "au", "gone", "", "mo\0"])
def test_only_somebody_who_has_shifts_here_may_be_let_start_sooner(house: House, name: str) -> None:
    lee = house.person(Role.LEAD, "lee")
    house.add("au", Role.AUDITOR)
    house.add("gone", Role.MODERATOR)
    house.service.office.disable("operator", "gone")
    assert lee.post("/lead/let-start", {"name": name}).status_code in {400, 403, 404, 422}
    assert house.lines("shift.allowed") == []


def test_the_second_reader_reads_the_documents_and_agrees_to_those_alone(
    house: House, desk: Desk, mo: Browser
) -> None:
    lee = house.person(Role.LEAD, "lee")
    case_id = desk.report()
    (message,) = desk.evidence(case_id)
    start(mo)
    take(mo, case_id)
    read(mo, case_id, message)
    decide(house, mo, case_id, "refer")
    path = f"/cases/{case_id}/second-read"
    assert mo.get(path).status_code == 403
    assert WORDS not in lee.get(path).text
    start(lee)
    shown = lee.post(f"{path}/open", {"reason": "second reading"})
    assert WORDS in shown.text
    digest = re.search(r'name="documents_digest" value="([0-9a-f]{64})"', shown.text)
    assert digest is not None
    answer = {
        "agrees": "yes",
        "reason": "the words bear it out",
        "documents_digest": digest[1],
        "version": str(house.service.desk.case(case_id, LEE).version),
    }
    assert lee.post(path, answer).status_code == 303
    (decision,) = house.service.desk.case(case_id, LEE).decisions
    assert (decision.state, decision.second_reader) == ("final", "lee")
    assert lee.post(path, answer).status_code == 409


def test_a_lead_has_what_was_refused_tried_again_or_sets_it_aside(
    house: House, desk: Desk, mo: Browser
) -> None:
    lee = house.person(Role.LEAD, "lee")
    case_id = desk.hold()
    start(mo)
    take(mo, case_id)
    decide(house, mo, case_id, "block")
    refused = update(enactments).values(state="failed", trouble="EnvelopeUnknown")
    with house.service.db.write() as tx:
        number = tx.execute(select(enactments.c.enactment_id)).scalar_one()
        tx.execute(refused)
    assert "Try again" not in mo.get(f"/cases/{case_id}").text
    assert "Try again" in lee.get(f"/cases/{case_id}").text
    assert f"/cases/{case_id}" in lee.get("/lead").text
    assert lee.post(f"/enactments/{number}/retry", {"case_id": case_id}).status_code == 303
    with house.service.db.write() as tx:
        tx.execute(refused)
    aside = {"case_id": case_id, "reason": "the account was deleted before"}
    assert lee.post(f"/enactments/{number}/set-aside", aside).status_code == 303
    assert f"/cases/{case_id}" not in lee.get("/lead").text
    (line,) = house.lines("decision.set_aside")
    assert json.loads(line.details)["reason"] == "the account was deleted before"


def decide(house: House, browser: Browser, case_id: str, outcome: str, **more: str) -> Response:
    version = str(house.service.desk.case(case_id, LEE).version)
    asked = {"outcome": outcome, "policy": "child-safety", "reason": "as the facts are"}
    return browser.post(f"/cases/{case_id}/decide", {"version": version, **asked, **more})


def test_a_listed_public_picture_needs_nothing_opened_and_its_viewer_says_so(
    house: House, desk: Desk, mo: Browser
) -> None:
    picture = harmless_jpeg()
    listed = held(desk, "sam").model_copy(  # type: ignore[arg-type]
        update={
            "source": Source.SURFACE,
            "held": None,
            "kind": "profile picture",
            "pictures": (hashlib.sha256(picture).hexdigest(),),
        }
    )
    case_id = desk.hand_in(listed, picture)
    start(mo)
    take(mo, case_id)
    page = mo.get(f"/cases/{case_id}").text
    assert "Nothing needs to be opened" in page
    assert "nobody needs to look at the picture" in page
    assert "suggested" in page
    assert not re.search(r'name="outcome"[^>]*checked', page)
    (piece,) = desk.evidence(case_id)
    closed = mo.get(f"/cases/{case_id}/evidence/{piece}").text
    assert "nothing needs to be opened" in closed


def test_an_appeal_that_no_lead_is_left_for_says_so(house: House, desk: Desk, mo: Browser) -> None:
    lee = house.person(Role.LEAD, "lee")
    case_id = desk.hold()
    start(lee)
    take(lee, case_id)
    assert decide(house, lee, case_id, "block").status_code == 303
    told = AppealMade(
        reference="appeal:1", case_id=case_id, account="sam", text="", at_ms=house.clock()
    )
    appeal_id = house.service.desk.appeal_made("provider", told)
    page = lee.get(f"/appeals/{appeal_id}").text
    assert "needs a lead who has not decided" in page
    assert "There is none" in page
    house.person(Role.LEAD, "lou")
    assert "There is none" not in lee.get(f"/appeals/{appeal_id}").text
