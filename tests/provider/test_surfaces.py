"""What is public: a match opens one case, nothing else leaves a trace of the picture."""

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from sqlalchemy import select

from softfall.lists.facts import EntryFacts
from softfall.media.hashed import Refused
from softfall.media.pdq import PdqHash, Unhashable
from softfall.provider.database import open_main
from softfall.provider.relay import CustodianUnavailable
from softfall.provider.surfaces import (
    KEPT_MS,
    Answer,
    Kind,
    ReferenceReused,
    Submitted,
    SurfaceDesk,
    Words,
    WordsUnreadable,
    forget,
)
from softfall.provider.tables import surface_checks
from softfall.store.database import sqlite_url

LISTED = PdqHash(bytes(range(32)), 90, np.ones(256, np.float32))
ENTRY = EntryFacts(7, ("a label",), ("hotline", "ngo"), ("hotline", "ngo"))
PICTURE = b"a picture's bytes"


@dataclass
class Played:
    """The hasher, the custodian and casework, as each answers in a test."""

    hashed: object = LISTED
    listed: tuple = (ENTRY,)
    handed: list = field(default_factory=list)
    away: bool = False
    looked: int = 0

    def hash(self, picture, within_seconds):
        self.looked += 1
        return self.hashed

    def find(self, public):
        if self.away:
            raise CustodianUnavailable("away")
        return self.listed

    def hand_over(self, tx, incoming, pictures, now_ms):
        self.handed.append((incoming, dict(pictures)))


class Facts:
    def __init__(self, played):
        self.listed = played.find


@pytest.fixture
def db(tmp_path):
    opened = open_main(sqlite_url(tmp_path / "provider.db"))
    yield opened
    opened.close()


@pytest.fixture
def played():
    return Played()


@pytest.fixture
def desk(db, played):
    words = Words.of(["Blue Heron", "", "# kept out by `read` alone"])
    return SurfaceDesk(db, played, Facts(played), words, played.hand_over, lambda: 1_000)


def picture(reference="p1", content=PICTURE, kind=Kind.PROFILE_PICTURE):
    return Submitted(reference, kind, "ada", content)


def name(text, reference="n1"):
    return Submitted(reference, Kind.GROUP_NAME, "group 4", text.encode())


def test_a_listed_picture_opens_one_case_with_its_facts_and_no_hash(desk, played):
    assert desk.check(picture()).answer is Answer.MATCHED
    ((incoming, pictures),) = played.handed
    assert incoming.facts.confirmed
    assert incoming.facts.certifiers == ("hotline", "ngo")
    assert list(pictures.values()) == [PICTURE]
    assert LISTED.bits.hex()[:16] not in incoming.model_dump_json()


def test_the_same_submission_again_is_answered_again_and_opens_no_second_case(desk, played):
    assert desk.check(picture()) == desk.check(picture())
    assert (len(played.handed), played.looked) == (1, 1)


def test_the_same_reference_for_something_else_is_refused(desk):
    desk.check(picture())
    for other in (picture(content=b"another"), picture(kind=Kind.GROUP_PICTURE)):
        with pytest.raises(ReferenceReused):
            desk.check(other)


def test_two_connections_that_submit_the_same_at_once_open_one_case(desk, played):
    gate = threading.Barrier(4)

    def submit():
        gate.wait()
        desk.check(picture())

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(played.handed) == 1


@pytest.mark.parametrize(
    ("hashed", "listed", "answer"),
    [
        (LISTED, (), Answer.CLEAR),
        (Unhashable("too little structure", 10), (ENTRY,), Answer.UNHASHABLE),
        (Refused("not a picture"), (ENTRY,), Answer.UNREADABLE),
    ],
)
def test_what_matches_nothing_goes_no_further_and_says_why(desk, played, hashed, listed, answer):
    played.hashed, played.listed = hashed, listed
    found = desk.check(picture())
    assert found.answer is answer
    assert found.reason
    assert played.handed == []


def test_while_the_custodian_is_away_nothing_is_kept_and_it_may_be_submitted_again(desk, played):
    played.away = True
    with pytest.raises(CustodianUnavailable):
        desk.check(picture())
    played.away = False
    assert desk.check(picture()).answer is Answer.MATCHED


@pytest.mark.parametrize(
    "text", ["blue heron", "The BLUE  heron-club", "\uff22lue\u00a0Heron", "x blue.heron x"]
)
def test_a_name_that_holds_one_of_the_platforms_words_opens_a_case(desk, played, text):
    assert desk.check(name(text)).answer is Answer.MATCHED
    assert played.handed[0][0].text == text


@pytest.mark.parametrize("text", ["blue herons", "bluheron", "heron blue", "", "\U0001f426"])
def test_only_whole_words_count(desk, text):
    assert desk.check(name(text)).answer is Answer.CLEAR


def test_words_come_from_a_file_without_its_comments(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("# a comment\nBlue Heron\n\n", "utf-8")
    assert Words.read(str(file)).words == {"blue heron"}
    assert Words.read("").words == frozenset()
    file.write_bytes(b"\xff\xfe")
    for bad in (file, tmp_path, tmp_path / "none"):
        with pytest.raises(WordsUnreadable):
            Words.read(str(bad))


def test_old_answers_are_forgotten(desk, db):
    desk.check(picture())
    for later_ms, kept in ((1_000 + KEPT_MS, 1), (1_001 + KEPT_MS, 0)):
        with db.write() as tx:
            forget(tx, later_ms)
            assert len(tx.execute(select(surface_checks)).all()) == kept
