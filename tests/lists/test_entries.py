import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.lists.entries import (
    BadEntry,
    Entry,
    Statement,
    clean_name,
    clean_organisation,
    gather,
    merge,
    parse_hash,
    short_hash,
)
from tests.lists.strategies import hashes, retold, statements

HASH = bytes(range(32))
OTHER = bytes(range(100, 132))


def said(labels: str = "", certifiers: str = "", **times: int) -> Statement:
    return Statement(HASH, "hotline", frozenset(labels), frozenset(certifiers), **times)


# The first table of lists/entries.py, row by row: two statements, and what they merge to.
TABLE = {
    "equal dates join names": (
        said(labels="a", listed_ms=5), said(labels="b", listed_ms=5), said(labels="ab", listed_ms=5)
    ),
    "no dates join names": (said(certifiers="a"), said(certifiers="b"), said(certifiers="ab")),
    "the later listing's names stay": (
        said(certifiers="ab", listed_ms=5),
        said(certifiers="a", listed_ms=6),
        said(certifiers="a", listed_ms=6),
    ),
    "a date outranks none": (said("a"), said("b", listed_ms=0), said("b", listed_ms=0)),
    "the earliest addition": (said(added_ms=9), said(added_ms=3), said(added_ms=3)),
    "a known addition": (said(added_ms=9), said(), said(added_ms=9)),
    "the latest withdrawal": (said(withdrawn_ms=3), said(withdrawn_ms=4), said(withdrawn_ms=4)),
    "a tombstone keeps the names": (
        said("a", listed_ms=1), said(withdrawn_ms=4), said("a", listed_ms=1, withdrawn_ms=4)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "both"), TABLE.values(), ids=TABLE.keys())
def test_two_statements_of_one_source_merge_by_the_table(
    first: Statement, second: Statement, both: Statement
) -> None:
    assert merge(first, second) == merge(second, first) == both


@pytest.mark.parametrize(
    ("listed_ms", "withdrawn_ms", "active"),
    [(None, None, True), (5, None, True), (None, 5, False), (5, 5, False), (5, 6, False),
     (6, 5, True)],
)  # fmt: skip
def test_only_a_later_dated_listing_undoes_a_withdrawal(
    listed_ms: int | None, withdrawn_ms: int | None, active: bool
) -> None:
    spoken = Statement(HASH, "hotline", listed_ms=listed_ms, withdrawn_ms=withdrawn_ms)
    assert spoken.active is active


def test_an_entry_is_active_while_one_source_stands_by_it() -> None:
    mine = Statement(HASH, "hotline", frozenset({"a"}), frozenset({"x"}), 1, 1, 2)
    theirs = Statement(HASH, "school", frozenset({"b"}), frozenset({"y"}), 3, 3)
    (both,) = gather([mine, theirs])
    assert both.active
    assert both.withdrawn_ms is None
    assert (both.sources, both.labels, both.certifiers) == (("school",), {"b"}, {"y"})
    gone = merge(theirs, Statement(HASH, "school", withdrawn_ms=9))
    (none,) = gather([mine, gone])
    assert not none.active
    assert none.withdrawn_ms == 9
    assert none.added_ms == 1
    assert none.certifiers == {"x", "y"}


def one_key() -> st.SearchStrategy[Statement]:
    return statements(pdq=HASH, source="hotline")


@given(one_key(), one_key(), one_key())
def test_merging_knows_no_order_and_nothing_twice(a: Statement, b: Statement, c: Statement) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(merge(a, b), a) == merge(a, b)


@given(st.data())
def test_files_may_be_gathered_in_any_order(data: st.DataObject) -> None:
    said_once = data.draw(retold(12))
    shuffled = data.draw(st.permutations(said_once))
    by_hash = {entry.pdq: entry for entry in gather(said_once)}
    assert by_hash == {entry.pdq: entry for entry in gather(shuffled + said_once)}


@given(hashes)
def test_a_hash_is_read_from_its_digits_in_either_case(pdq: bytes) -> None:
    assert parse_hash(pdq.hex()) == parse_hash(pdq.hex().upper()) == pdq


@pytest.mark.parametrize("text", ["", "ab", "0" * 63, "0" * 65, "g" * 64, " " * 64, "٣" * 64,
                                  "0x" + "1" * 62])  # fmt: skip
def test_what_is_no_hash_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadEntry) as caught:
        parse_hash(text)
    assert not text.strip() or text not in caught.value.what


@pytest.mark.parametrize("count", [0, 1, 31, 225, 255, 256])
def test_the_hash_of_a_flat_picture_is_refused(count: int) -> None:
    with pytest.raises(BadEntry, match="flat"):
        Statement(((1 << count) - 1).to_bytes(32), "hotline")


@pytest.mark.parametrize("count", [32, 100, 128, 224])
def test_a_hash_with_another_number_of_ones_is_accepted(count: int) -> None:
    assert Statement(((1 << count) - 1).to_bytes(32), "hotline").active


@pytest.mark.parametrize("at_ms", [-1, 253_402_300_800_000])
def test_times_before_1970_or_after_9999_are_refused(at_ms: int) -> None:
    with pytest.raises(BadEntry, match="time"):
        said(added_ms=at_ms)


@given(statements())
def test_a_whole_hash_is_never_printed(spoken: Statement) -> None:
    entry = Entry(spoken.pdq, (spoken,), 7)
    for text in (repr(spoken), str(spoken), repr(entry), str(entry), f"{[entry]}"):
        assert short_hash(spoken.pdq) in text
        assert spoken.pdq.hex()[8:24] not in text
        assert repr(spoken.pdq) not in text


@given(st.text(max_size=40))
def test_a_name_has_one_spelling(text: str) -> None:
    for clean in (clean_name, clean_organisation):
        try:
            name = clean(text)
        except BadEntry:
            continue
        assert clean(name) == name
        assert name.encode().decode() == name
        assert ";" not in name
        assert "\n" not in name


def test_an_organisation_does_not_count_twice_by_its_spelling() -> None:
    assert clean_organisation(" NCMEC ") == clean_organisation("ncmec")
    assert clean_organisation("Hotline\u212b") == clean_organisation("hotline\u00e5")


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a;b", "a\nb", "=1+1", "+1", "-x", "@x", "\0", "x" * 121, "\ud800", "a\u202eb"],
)
def test_names_that_could_do_harm_are_refused(text: str) -> None:
    for clean in (clean_name, clean_organisation):
        with pytest.raises(BadEntry):
            clean(text)


def test_entries_come_in_the_order_in_which_their_hashes_came() -> None:
    told = [Statement(OTHER, "b"), Statement(HASH, "b"), Statement(OTHER, "a")]
    assert [entry.pdq for entry in gather(told)] == [OTHER, HASH]
    assert gather(told)[0].sources == ("a", "b")
