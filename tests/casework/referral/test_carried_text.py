"""What a document can carry of a text, and how an instant is written."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from softfall.casework.referral import documents
from softfall.casework.referral.documents import MAX_TEXT_CHARS, carried


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_what_xml_cannot_carry_is_visible_and_everything_else_is_unchanged(text: str) -> None:
    seen = etree.fromstring(f"<a>{_escaped(carried(text))}</a>".encode()).text or ""
    assert seen == carried(text)
    if text.isprintable():
        assert carried(text) == text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_a_character_that_xml_cannot_carry_shows_its_number() -> None:
    assert carried("a\x07b\ud800\ufffe") == "a[U+0007]b[U+D800][U+FFFE]"


def test_a_text_that_is_too_long_is_cut_and_says_by_how_much() -> None:
    cut = carried("x" * (MAX_TEXT_CHARS + 7))
    assert cut.endswith("[cut: 7 more characters]")
    assert len(cut) < MAX_TEXT_CHARS + 50


def test_an_instant_is_written_in_utc_within_the_years_that_xml_knows() -> None:
    assert documents.date_time(documents.Moment(1_790_000_000_123)) == "2026-09-21T14:13:20.123Z"
    assert documents.date_time(documents.Moment(2**62)).startswith("9999-12-31")
    assert documents.date_time(documents.Moment(-5)) == "1970-01-01T00:00:00.000Z"
