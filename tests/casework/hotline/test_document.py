"""A referral's words and page: what is said, what never is, and that people wrote no markup."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.casework.hotline import page as pages
from softfall.casework.hotline.document import (
    Decision,
    Referral,
    referral_document,
    schema_json,
    to_json,
)
from softfall.casework.hotline.page import FontUnusable, draw_page
from softfall.casework.incoming import DIRECT, HashFacts, ReportedMessage
from softfall.casework.model import Source
from softfall.casework.referral.facts import (
    Edits,
    FileEdits,
    PictureFacts,
    ReferralFacts,
    SourceFacts,
)
from softfall.casework.referral.report import Classification, FileFlag, ReportFlag
from softfall.config import ReferralSettings

SCHEMA = Path(__file__).parents[3] / "docs" / "referral-schema.json"
MATCH = HashFacts(
    option="split", epoch=7, confirmed=True, entry=424_242, label="A1", sources=("a list",),
    certifiers=("north", "south"),
)  # fmt: skip
FACTS = ReferralFacts(
    case_id="c" * 32,
    subject="ada",
    opened_at_ms=1_700_000_000_000,
    child_at_risk_now=False,
    sources=(
        SourceFacts(
            Source.REPORT, "report-1", "", "harassment", 1_700_000_000_000, "ben", MATCH, None,
            messages=(
                ReportedMessage(
                    sender="ada", conversation="room", envelope_id="0" * 32,
                    received_at_ms=1_700_000_000_000, text="hello there",
                ),
            ),
        ),
    ),
    pictures=(
        PictureFacts(4, False, False, 1_700_000_000_000, "evidence-1.jpg", "a" * 64, "b", "c"),
        PictureFacts(5, True, False, 1_700_000_000_000, "evidence-2.jpg", "d" * 64, "e", "f"),
    ),
)  # fmt: skip
DECISION = Decision(1_700_000_100_000, "known-material", second_reader=True)
SERVICE = ReferralSettings(esp_name="A chat service")


def made(edits: Edits | None = None, facts: ReferralFacts = FACTS) -> Referral:
    return referral_document(facts, edits or Edits(), DECISION, SERVICE, 1_700_000_200_000)


def drawn(document: Referral) -> str:
    """The words of a referral's page, before they are drawn."""
    return "\n".join(words for _, words in pages._lines(document, "title", "A hotline"))


def test_the_documents_schema_is_the_one_in_the_docs() -> None:
    assert SCHEMA.read_text("utf-8") == schema_json()


def test_what_is_written_is_read_back_as_it_was() -> None:
    assert Referral.model_validate_json(to_json(made())) == made()


def test_a_reporter_who_is_not_to_be_named_is_nowhere() -> None:
    assert b'"ben"' in to_json(made())
    assert b'"ben"' not in to_json(made(Edits(reporter_is="nobody")))


@pytest.mark.parametrize("said", ["recipient", "victim", "nobody"])
def test_reporters_who_all_asked_not_to_be_named_are_nobody(said: str) -> None:
    sources = tuple(replace(source, reporter=None) for source in FACTS.sources)
    unnamed = made(Edits(reporter_is=said, victim_age=13), replace(FACTS, sources=sources))
    assert (unnamed.reporter_is, unnamed.reporter_age) == ("nobody", None)
    assert made(Edits(reporter_is=said)).reporter_is == said


def test_a_conversation_without_a_name_is_said_to_have_none() -> None:
    source = FACTS.sources[0]
    message = source.messages[0].model_copy(update={"conversation": f"hidden:{7:040x}"})
    unnamed = replace(source, reporter=None, messages=(message,))
    document = made(facts=replace(FACTS, sources=(unnamed,)))
    assert b"hidden:" not in to_json(document)
    assert document.case.sources[0].messages[0].conversation == ""
    assert "a conversation whose name is not told" in drawn(document)


def test_what_was_compared_directly_has_a_day_and_no_epoch() -> None:
    direct = MATCH.model_copy(update={"option": DIRECT, "epoch": 0})
    public = replace(FACTS.sources[0], source=Source.SURFACE, facts=direct, messages=())
    document = made(facts=replace(FACTS, sources=(public,)))
    match = document.case.sources[0].match
    assert match is not None
    assert match.epoch is None
    assert "compared directly with the list as it stood on 2023-11-14" in drawn(document)
    assert "found by split, list epoch 7" in drawn(made())


def test_no_entrys_number_is_told() -> None:
    assert b"424242" not in to_json(made())


def test_what_a_person_left_out_is_left_out() -> None:
    edits = Edits(left_out=("0" * 32,), files={4: FileEdits(left_out=True)})
    referral = made(edits)
    assert [picture.file for picture in referral.case.pictures] == ["evidence-2.jpg"]
    assert [source.messages for source in referral.case.sources] == [()]


def test_whether_a_picture_was_viewed_is_said_as_it_is() -> None:
    assert [picture.viewed for picture in made().case.pictures] == [False, True]


def test_everything_that_a_person_wrote_is_in_it() -> None:
    edits = Edits(
        summary="a summary", urgent="an urgency", time_words="a time", subject_words="a subject",
        group="a group", agency="an agency", agency_case="a case there", reporter_is="victim",
        victim_age=13, flags=tuple(ReportFlag)[:1],
        files={4: FileEdits(words="a file", classification=Classification.B2,
                            flags=tuple(FileFlag)[:1])},
    )  # fmt: skip
    told = to_json(made(edits)).decode()
    for each in ("summary", "urgent", "time_words", "subject_words", "group", "agency",
                 "agency_case"):  # fmt: skip
        assert f'"{getattr(edits, each)}"' in told, each
    assert '"reporter_age": 13' in told
    assert f'"{edits.flags[0].value}"' in told
    picture = made(edits).case.pictures[0]
    assert (picture.words, picture.classification) == ("a file", "B2")
    assert picture.tags == (edits.files[4].flags[0].value,)
    assert draw_page(made(edits), "") != draw_page(made(), "")


def test_the_same_referral_gives_the_same_page() -> None:
    assert draw_page(made(), "A hotline") == draw_page(made(), "A hotline")


def test_the_page_has_its_title_its_language_and_an_outline() -> None:
    page = draw_page(made(), "A hotline")
    assert b"/Lang" in page
    assert b"en-GB" in page
    assert b"/Title" in page
    assert b"/Outlines" in page
    assert b"/DisplayDocTitle true" in page


@settings(max_examples=30)
@given(words=st.text(max_size=400))
def test_whatever_people_write_is_drawn_as_text(words: str) -> None:
    source = FACTS.sources[0]
    message = source.messages[0].model_copy(update={"text": words})
    facts = replace(FACTS, sources=(replace(source, messages=(message,), text=words),))
    said = words.replace("\0", "")  # which edits refuse, and a reported text may hold
    edits = Edits(summary=said, urgent=said, subject_words=said)
    assert draw_page(made(edits, facts), words).startswith(b"%PDF-")


@pytest.mark.parametrize(
    "words",
    [
        "<b>bold",
        "</para>",
        '<img src="file:///etc/passwd"/>',
        '<font color="[[].append(1) for _ in [1]]">',
        "&amp; &lt; &unknown;",
        "<a href='https://example.org'>x</a>",
        "a" * 5_000,
        "\n" * 500,
    ],
)
def test_markup_is_text(words: str) -> None:
    page = draw_page(made(Edits(summary=words)), "A hotline")
    assert page.startswith(b"%PDF-")
    assert b"/URI" not in page
    assert b"/Subtype /Image" not in page


def test_a_font_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_bytes(b"no font")
    with pytest.raises(FontUnusable):
        draw_page(made(), "", tmp_path / "font.ttf")
    with pytest.raises(FontUnusable):
        draw_page(made(), "", tmp_path / "nowhere.ttf")
