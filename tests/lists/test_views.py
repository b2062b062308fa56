"""Views in a list: they survive every form that can carry them, and follow their picture."""

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.entries import BadEntry, Statement, ViewOf, follow, gather, merge
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import Form, load, write
from tests.lists.strategies import viewed

WHOLE, MIRROR, CROP = (bytes([n]) * 32 for n in (0x3A, 0x5C, 0x69))


def _through(statements, form):
    data = b"".join(write(statements, form))
    entries, report = load(io.BytesIO(data), form, Importer(source="anyone"))
    assert not report.bad_count
    return entries, report


@settings(max_examples=50, deadline=None)
@given(viewed(8), st.sampled_from([Form.CSV, Form.JSONL]))
def test_a_list_with_views_comes_back_as_it_was(statements, form):
    entries = gather(statements)
    spoken = [each for entry in entries for each in entry.statements]
    again, report = _through(spoken, form)
    assert again == entries
    assert report.views == sum(each.view is not None for each in spoken)


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL])
def test_a_list_from_before_there_were_views_is_read_as_ever(form):
    old = {
        Form.CSV: b"hash,source,label,certifiers,added,listed,withdrawn\n%s,hotline,a1,,,,\n",
        Form.JSONL: b'{"hash": "%s", "source": "hotline", "labels": ["a1"]}\n',
    }[form]
    entries, _ = load(io.BytesIO(old % WHOLE.hex().encode()), form, Importer())
    assert [each.view for each in entries[0].statements] == [None]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (b'"view": "mirror"', "needs both"),
        (b'"view_of": "%s"' % WHOLE.hex().encode(), "needs both"),
        (b'"view": "Mirror!", "view_of": "%s"' % WHOLE.hex().encode(), "small letters"),
        (b'"view": "mirror", "view_of": "%s"' % MIRROR.hex().encode(), "of itself"),
    ],
)
def test_a_broken_link_is_a_bad_line_with_its_reason(fields, said):
    line = b'{"hash": "%s", "source": "hotline", %s}\n' % (MIRROR.hex().encode(), fields)
    entries, report = load(io.BytesIO(line), Form.JSONL, Importer())
    assert not entries
    assert said in report.bad[0].reason


@settings(max_examples=80, deadline=None)
@given(viewed(6))
def test_merging_with_views_does_not_depend_on_the_order(statements):
    spoken = [replace(each, pdq=MIRROR, source="hotline") for each in statements]
    forwards = backwards = spoken[0]
    for each in spoken[1:]:
        forwards = merge(forwards, each)
    for each in reversed(spoken):
        backwards = merge(backwards, each)
    assert forwards == backwards
    assert merge(forwards, forwards) == forwards


@settings(max_examples=80, deadline=None)
@given(viewed(6), viewed(6))
def test_following_twice_changes_nothing_more_and_only_ever_adds(views, wholes):
    view, whole = views[0], replace(wholes[0], view=None)
    once = follow(view, whole)
    assert follow(once, whole) == once
    for before, after in ((view.listed_ms, once.listed_ms), (view.withdrawn_ms, once.withdrawn_ms)):
        assert before is None or before <= after


def test_a_hash_that_is_listed_as_it_is_is_no_mere_view():
    view = Statement(MIRROR, "hotline", view=ViewOf(WHOLE, "mirror"))
    both = merge(view, Statement(MIRROR, "hotline"))
    assert both.view is None
    (entry,) = gather([view, Statement(MIRROR, "school")])
    assert entry.views == ()


def test_a_view_is_withdrawn_with_its_picture_and_comes_back_with_it():
    listed = Statement(WHOLE, "hotline", listed_ms=5)
    view = Statement(MIRROR, "hotline", listed_ms=5, view=ViewOf(WHOLE, "mirror"))
    other = replace(view, source="school")
    gone = Statement(WHOLE, "hotline", withdrawn_ms=7)
    entries = {entry.pdq: entry for entry in gather([view, other, gone, listed])}
    assert not entries[WHOLE].active
    assert [each.active for each in entries[MIRROR].statements] == [False, True]
    back = Statement(WHOLE, "hotline", listed_ms=9)
    entries = {entry.pdq: entry for entry in gather([view, back, gone, listed])}
    assert entries[WHOLE].active
    assert entries[MIRROR].active


def test_a_view_that_names_no_picture_is_refused():
    with pytest.raises(BadEntry):
        ViewOf(b"short", "mirror")
