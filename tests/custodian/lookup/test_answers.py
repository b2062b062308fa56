"""What a tool is told of its matches: facts by number; never a hash, a distance, or their order."""

import json
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.custodian.lookup.answers import (
    MAX_TOLD,
    Answering,
    LookupAnswer,
    Numbers,
    numbers_by_row,
)
from softfall.lists.entries import Entry, Statement
from softfall.lists.index.hamming import Matches
from tests.custodian.keeping import a_hash


@dataclass
class Known:
    """A list of entries by number, and how often it was read."""

    entries: dict[int, Entry] = field(default_factory=dict)
    asked: list[set[int]] = field(default_factory=list)
    revision: int = 1

    def show_all(self, numbers):
        self.asked.append(set(numbers))
        return {n: self.entries[n] for n in numbers if n in self.entries}

    def whole_of(self, entry):
        return None

    def list(self, number: int, label: str) -> None:
        pdq = a_hash(str(number))
        said = Statement(pdq, "hotline", frozenset({label}), frozenset({"ngo"}))
        self.entries[number] = Entry(pdq, (said,), number)
        self.revision += 1


def answering(known: Known) -> Answering:
    return Answering(known, lambda: known.revision)


def found_of(pairs) -> Matches:
    rows, numbers, bits = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    return Matches.in_order(rows, numbers, bits)


PAIRS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 40), st.integers(0, 31)),
    min_size=1, max_size=80, unique_by=lambda pair: pair[:2],
)  # fmt: skip


@settings(max_examples=60)
@given(PAIRS, st.integers(0, 1000))
def test_of_each_query_the_lowest_numbers_are_told_whatever_the_distances(pairs, first):
    told = numbers_by_row(found_of(pairs), first)
    plain: dict[int, list[int]] = {}
    for row, number, _ in sorted(pairs):
        plain.setdefault(first + row, []).append(number)
    assert told == {
        row: Numbers(tuple(numbers[:MAX_TOLD]), len(numbers) > MAX_TOLD)
        for row, numbers in plain.items()
    }


def test_no_matches_at_all_is_a_short_answer_and_reads_nothing():
    known = Known()
    told = answering(known).answer(300, {})
    assert told.body == b'{"looked_up":300,"matches":[]}'
    assert (told.entries, known.asked) == (0, [])


def test_an_answer_has_no_room_for_a_hash_or_a_distance():
    def names(schema) -> set[str]:
        found = set(schema.get("properties", ()))
        return found.union(*(names(each) for each in schema.get("$defs", {}).values()))

    assert names(LookupAnswer.model_json_schema()) == {
        "looked_up", "matches", "picture", "query", "entries", "more", "entry", "labels", "sources",
        "certifiers", "whole", "views", "view", "outcome", "quality", "reason",
    }  # fmt: skip


def test_what_is_told_is_what_the_list_says_now():
    known = Known()
    known.list(7, "first")
    desk = answering(known)

    def label() -> str:
        told = LookupAnswer.model_validate_json(desk.answer(1, {0: Numbers((7,), False)}).body)
        return told.matches[0].entries[0].labels[0]

    assert [label(), label()] == ["first", "first"]
    assert len(known.asked) == 1
    known.list(7, "second")
    assert label() == "second"


def test_an_entry_that_is_gone_leaves_its_match():
    told = answering(Known()).answer(1, {0: Numbers((9,), False)})
    assert json.loads(told.body)["matches"] == [{"query": 0, "entries": [], "more": False}]


@given(st.integers(0, 10**6))
def test_an_answer_without_matches_is_what_the_form_makes_of_it(looked_up):
    told = answering(Known()).answer(looked_up, {})
    formed = LookupAnswer(looked_up=looked_up, matches=[]).model_dump_json(exclude={"picture"})
    assert (told.body, told.entries) == (formed.encode(), 0)
