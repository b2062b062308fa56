"""What a theft opens is counted by what comes out equal to what was sent."""

from pathlib import Path

import numpy as np
import pytest

from softfall.compare.blast import Loot, Message
from softfall.compare.casts.cast import Place
from softfall.compare.casts.tag_theft import Logged, StolenKeys, asked_of_tags, hashes_of
from softfall.compare.cells import Tone
from softfall.compare.known import make_list
from softfall.compare.plan import AS_IT_IS, Conversation, Kind, Picture, Turn
from softfall.compare.results import BlastRadius, Counted
from softfall.compare.theft_rows import ROWS
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
from softfall.options.confirm.keys import make_keys
from softfall.options.split.wire import SUBMISSION
from softfall.options.tags.custodian import derive_secret
from tests.compare.results_at_will import comparison, option_run
from tests.device.pictures import ASTRONAUT, CHINA, FLOWER, jpeg
from tests.options.split.parties import PARAMETERS, Parties, random_hash


def picture(name: str, data: bytes) -> Picture:
    hashed = pdq(decode(data, MediaLimits()).pixels)
    return Picture(name, AS_IT_IS, data, "jpeg", hashed, None)


@pytest.fixture(scope="module")
def loot() -> Loot:
    pictures = tuple(picture(*each) for each in (("a", jpeg(CHINA)), ("b", jpeg(FLOWER)),
                                                 ("never sent", jpeg(ASTRONAUT))))  # fmt: skip
    turns = (Turn(Kind.UNLISTED, 0), Turn(Kind.UNLISTED, 1), Turn(Kind.CHEAT, 0),
             Turn(Kind.TEXT, text="hello"), Turn(Kind.TEXT, text="bye"))  # fmt: skip
    known = make_list([bytes(32)], 0, 1, "none")
    place = Place(Path("/nowhere"), Path("/nowhere"), Path("/nowhere"), "")
    return Loot(place, {}, Conversation(known, pictures, turns))


def counts(found: BlastRadius) -> list[tuple[int, int]]:
    fields = ("messages", "pictures", "texts", "hashes", "sent_known", "never_sent_taken_for_sent")
    return [(getattr(found, each).count, getattr(found, each).total) for each in fields]


def test_nothing_opened_counts_nothing(loot: Loot):
    told = loot.radius("a key", "tried", [], 9)
    assert counts(told) == [(0, 9), (0, 2), (0, 2), (0, 2), (0, 2), (0, 2)]


def test_only_what_comes_out_as_it_was_sent_counts(loot: Loot):
    opened = [
        Message("hello", None),
        Message("hello", jpeg(CHINA)),
        Message("never said", jpeg(ASTRONAUT)),
        Message("", jpeg(FLOWER)[:-1]),
    ]
    told = loot.radius("a key", "tried", opened, 4)
    assert counts(told) == [(4, 4), (1, 2), (1, 2), (1, 2), (1, 2), (0, 2)]


def test_a_hash_of_a_picture_that_nobody_sent_does_not_count(loot: Loot):
    sent = next(iter(loot.hashes))
    told = loot.radius("a key", "tried", [], 0, [sent, bytes(32)], lambda bits: bits == sent)
    assert counts(told)[3:] == [(1, 2), (1, 2), (0, 2)]
    everything = loot.radius("a key", "tried", [], 0, was_sent=lambda bits: True)
    assert counts(everything)[4:] == [(2, 2), (2, 2)]


def logged(parties: Parties, media: PdqHash, key: bytes) -> Logged:
    submission, _ = parties.send(media, parties.secret(key))
    values = SUBMISSION.decode(submission.body)
    tags = frozenset(np.frombuffer(values["tags"], ">u8").tolist())
    return Logged(parties.epoch, tags, values["shares"])


def test_stolen_keys_and_logged_submissions_give_every_hash_away_and_nothing_more():
    parties = Parties([random_hash(0)])
    sent, other = [random_hash(at) for at in (1, 2, 3)], random_hash(9)
    kept = [logged(parties, media, bytes([at]) * 32) for at, media in enumerate(sent)]
    tags = derive_secret("split", parties.seed, parties.epoch)
    confirm = parties.confirm.keys.secret
    keys = StolenKeys(parties.epoch, tags, confirm)
    assert hashes_of(kept, keys, "split") == {media.bits for media in sent}
    ask = asked_of_tags(kept, keys, "split", PARAMETERS)
    assert ask(frozenset({media.bits for media in (*sent, other)})) == {m.bits for m in sent}
    next_epoch = make_keys(bytes(32), "split", parties.epoch + 1)
    others = StolenKeys(parties.epoch, derive_secret("split", bytes(32), 9), next_epoch.secret)
    assert hashes_of(kept, others, "split") == set()
    ask = asked_of_tags(kept, others, "split", PARAMETERS)
    assert ask(frozenset({media.bits for media in sent})) == frozenset()


def test_the_table_says_what_was_opened_and_where_nothing_was_tried():
    two, none = Counted(count=2, total=3), Counted(count=0, total=3)
    blast = BlastRadius(
        stolen="a key", how="used", messages=two, pictures=none, texts=none, hashes=two,
        sent_known=two, never_sent_taken_for_sent=none,
    )  # fmt: skip
    made = comparison(option_run("one", blast=blast), option_run("two"))
    cells = {question: [answer(made, run) for run in made.options]
             for question, _, answer in ROWS}  # fmt: skip
    assert [cell.text for cell in cells["Messages that it opens"]] == ["2 of 3", "-"]
    assert cells["Messages that it opens"][0].tone is Tone.BAD
    assert cells["Pictures that it opens"][0].tone is Tone.GOOD
    assert "0 of 3" in cells["Can it tell whether picture P was sent"][0].note
