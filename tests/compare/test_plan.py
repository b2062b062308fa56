from collections import Counter

import numpy as np
import pytest

from softfall.compare.edits import EDITS
from softfall.compare.known import make_list, random_hashes
from softfall.compare.photographs import Photograph, default_paths, open_photographs
from softfall.compare.plan import (
    AS_IT_IS,
    MAX_PLANTED,
    Cheat,
    Kind,
    NothingListed,
    NothingUnlisted,
    plan,
    plant,
)
from softfall.config import MediaLimits
from softfall.media.pdq import PdqHash, Unhashable


def ignore(done: int, total: int) -> None:
    del done, total


@pytest.fixture(scope="module")
def photographs() -> list[Photograph]:
    wanted = ("chelsea", "coffee", "coins", "rocket", "clock_motion")
    paths = [path for path in default_paths() if path.stem in wanted]
    return open_photographs(paths, MediaLimits(), ignore)[0]


def bits(photograph: Photograph) -> bytes:
    assert isinstance(photograph.hash, PdqHash)
    return photograph.hash.bits


def test_the_same_seed_makes_the_same_conversation(photographs: list[Photograph]):
    first, second = (
        plan(photographs, plant(photographs, 100, 3), 3, MediaLimits(), ignore) for _ in range(2)
    )
    assert first.turns == second.turns
    assert [each.data for each in first.pictures] == [each.data for each in second.pictures]
    other = plan(photographs, plant(photographs, 100, 4), 4, MediaLimits(), ignore)
    assert other.turns != first.turns


def test_every_edit_of_every_listed_photograph_is_sent_once(photographs: list[Photograph]):
    made = plan(photographs, plant(photographs, 100, 1), 1, MediaLimits(), ignore)
    listed = {each.photograph for each in made.pictures if each.edit == AS_IT_IS and each.listed}
    sent = Counter(
        (made.pictures[turn.picture].photograph, made.pictures[turn.picture].edit)
        for turn in made.turns
        if turn.kind is Kind.EDITED and turn.picture is not None
    )
    assert sent == {(name, edit.name): 1 for name in listed for edit in EDITS}


def test_half_of_the_hashable_photographs_are_planted_and_drawn_by_the_seed(
    photographs: list[Photograph],
):
    planted = [set(plant(photographs, 0, seed).hashes) for seed in range(6)]
    assert {len(each) for each in planted} == {2}
    assert len({frozenset(each) for each in planted}) > 1


def test_no_more_than_a_few_of_many_photographs_are_planted():
    margins = np.zeros(256, dtype=np.float32)
    many = [
        Photograph(str(n), b"x", np.zeros((1, 1, 3), np.uint8), "png", PdqHash(h, 100, margins))
        for n, h in enumerate(random_hashes(40, 1))
    ]
    assert len(plant(many, 0, 1).hashes) == MAX_PLANTED


def test_unlisted_pictures_are_all_far_from_every_entry(photographs: list[Photograph]):
    made = plan(photographs, plant(photographs, 1000, 1), 1, MediaLimits(), ignore)
    rows = [turn.picture for turn in made.turns if turn.kind is Kind.UNLISTED]
    assert rows
    assert not any(made.pictures[row].listed for row in rows if row is not None)
    assert any(isinstance(made.pictures[row].hashed, Unhashable) for row in rows if row is not None)


def test_every_cheat_is_played_with_a_listed_picture(photographs: list[Photograph]):
    made = plan(photographs, plant(photographs, 10, 1), 1, MediaLimits(), ignore)
    cheats = [turn for turn in made.turns if turn.kind is Kind.CHEAT]
    assert {turn.cheat for turn in cheats} == set(Cheat)
    pairs = [turn for turn in made.turns if turn.kind is Kind.COLLUDING]
    assert pairs
    for turn in (*cheats, *pairs):
        assert turn.picture is not None
        assert made.pictures[turn.picture].listed


def test_text_flows_before_between_and_after(photographs: list[Photograph]):
    made = plan(photographs, plant(photographs, 10, 1), 1, MediaLimits(), ignore)
    texts = [at for at, turn in enumerate(made.turns) if turn.kind is Kind.TEXT]
    assert texts[0] == 0
    assert texts[-1] == len(made.turns) - 1
    assert any(10 < at < len(made.turns) - 10 for at in texts)


def test_photographs_of_which_none_is_listed_are_refused(photographs: list[Photograph]):
    known = make_list([], 50, 1, "test")
    with pytest.raises(NothingListed):
        plan(photographs, known, 1, MediaLimits(), ignore)


def test_photographs_that_are_all_listed_are_refused(photographs: list[Photograph]):
    hashable = [each for each in photographs if isinstance(each.hash, PdqHash)]
    known = make_list([bits(each) for each in hashable], 0, 1, "test")
    with pytest.raises(NothingUnlisted):
        plan(hashable, known, 1, MediaLimits(), ignore)


def test_one_photograph_alone_is_refused(photographs: list[Photograph]):
    hashable = [each for each in photographs if isinstance(each.hash, PdqHash)]
    with pytest.raises(NothingUnlisted):
        plant(hashable[:1], 10, 1)


def test_photographs_without_a_hash_alone_are_refused(photographs: list[Photograph]):
    flat = [each for each in photographs if isinstance(each.hash, Unhashable)]
    with pytest.raises(NothingListed):
        plant(flat, 10, 1)
