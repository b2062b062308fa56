import re
from html.parser import HTMLParser

import pytest

from softfall.compare.report import render, sentences_of, ticked
from softfall.compare.results import Comparison, Undeclared

from .results_at_will import PICTURES, comparison, option_run

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Every element in order, and whether each was closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def made() -> Comparison:
    return comparison(option_run("in_transit"), option_run("split"))


@pytest.fixture(scope="module")
def text(made: Comparison) -> str:
    return render(made)


def test_the_page_is_well_formed(text: str):
    page = Page(text)
    assert page.open == []
    assert len(page.named("h1")) == 1
    assert page.named("html")[0]["lang"] == "en"
    assert len([tag for tag, _ in page.elements if tag == "title"]) == 1
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert referred <= set(identities)


def test_nothing_is_fetched_from_anywhere(text: str):
    page = Page(text)
    assert not page.named("script")
    assert not page.named("iframe")
    assert not page.named("img")
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, target)
    assert not re.search(r"@import|url\((?!#)", text)
    policy = next(each for each in page.named("meta") if "http-equiv" in each)
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert (policy["content"] or "").startswith("default-src 'none'")


def test_every_plot_is_told_in_words_and_as_a_table(text: str):
    page = Page(text)
    figures = page.named("figure")
    assert len(figures) == len(page.named("svg")) == len(page.named("figcaption")) == 3
    assert all(each["aria-hidden"] == "true" for each in page.named("svg"))
    assert "".join(page.words).count("The same as a table") == 3


def test_the_table_says_which_cell_belongs_to_what(text: str):
    page = Page(text)
    assert page.named("caption")
    assert all(each.get("scope") for each in page.named("th"))
    options = {each["data-option"] for each in page.named("td") if "data-option" in each}
    assert options == {"in_transit", "split"}


def test_plain_words_come_before_the_table(text: str):
    assert text.index("In short") < text.index("The same in words") < text.index("<table class")
    words = re.sub(r"\s+", " ", "".join(Page(text).words))
    assert "split stopped 1 of 1 known pictures sent as they are" in words
    assert "two people who both cheat, 0 of 1 times" in words


def test_the_limits_are_printed(text: str):
    assert text.count("Two colluding patched apps escape.") == 2


def test_undeclared_bytes_stand_at_the_top_as_an_alarm():
    strange = Undeclared(role="provider", route="POST /v1/x", why="no request is declared", count=3)
    text = render(comparison(option_run("split", undeclared=(strange,))))
    assert text.index('role="alert"') < text.index("In short")
    assert 'role="alert"' not in render(comparison(option_run("split")))


def test_hostile_names_are_shown_and_do_nothing():
    name = "<script>alert(1)</script>\"'&"
    hostile = tuple(
        each.model_copy(update={"photograph": name, "edit": each.edit}) for each in PICTURES
    )
    made = comparison(option_run("split"), pictures=hostile, left_out={name: name})
    page = Page(render(made))
    assert not page.named("script")
    assert name in "".join(page.words)


def test_names_in_backticks_are_set_as_code_and_nothing_else_is_markup():
    assert ticked("see `check` & <b>") == "see <code>check</code> &amp; &lt;b&gt;"
    assert ticked("`<b>`") == "<code>&lt;b&gt;</code>"


def test_numbers_of_the_page_are_those_of_the_run():
    few = render(comparison(option_run("split"), list_size=1234))
    many = render(comparison(option_run("split"), list_size=98765))
    assert "1,234" in few
    assert "98,765" in many
    assert "98,765" not in few


def test_a_report_of_one_option_is_a_report():
    assert Page(render(comparison(option_run("split")))).open == []


def test_sentences_are_told_once_each():
    told = sentences_of(("one thing. another thing", "another thing. a third"))
    assert told == ["One thing.", "Another thing.", "A third."]
