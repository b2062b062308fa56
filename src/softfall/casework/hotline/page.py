"""A referral as a PDF that a person reads: the same words as its JSON, in order.

Guarantees: title and language are set, text is text (it can be selected, searched and read aloud),
headings are in the outline; the same referral gives the same bytes. A letter that the font has not
is shown by its code point, never left out; the JSON has every word as it was.
Refuses nothing of content: what people wrote is text, never markup.
Limit: reportlab writes no tags for the order of reading; the order of the page is that order.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

from softfall.casework.hotline.document import CaseSource, Match, Message, Picture, Referral
from softfall.casework.incoming import DIRECT
from softfall.errors import OperatorError

_BUNDLED = Path(reportlab.__file__).parent / "fonts"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_MARGIN = 20 * mm
_LEVELS = {"h1": 0, "h2": 1, "h3": 2}

_INCIDENTS = {
    "known_material": "A match with a list of known material",
    "enticement": "Online enticement of a child",
    "trafficking": "Trafficking of a child",
    "unsolicited": "Unsolicited material sent to a child",
}
_NOT_VIEWED = "Not viewed: no person at the service has looked at this picture as a whole."
_UNNAMED = "a conversation whose name is not told"
_EMPTY = "Nobody filled this in."


class FontUnusable(OperatorError):
    """The font for referrals can't be read."""

    remedy = "Set hotline.font_file to a TrueType font (.ttf), or leave it empty."


def draw_page(referral: Referral, hotline: str, font_file: Path | None = None) -> bytes:
    """The PDF. hotline: whom it is for. font_file: for scripts that are not Latin.

    Raises FontUnusable.
    """
    fonts = _Fonts(font_file)
    title = f"Referral of case {referral.case.case_id}"
    out = io.BytesIO()
    page = _Outlined(
        out, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN,
        bottomMargin=_MARGIN, title=title, author=fonts.fit(referral.service.name),
        subject="Referral", lang="en-GB", displayDocTitle=1, invariant=1,
    )  # fmt: skip
    story = [fonts.flowable(kind, words) for kind, words in _lines(referral, title, hotline)]
    page.build(story, onFirstPage=fonts.number, onLaterPages=fonts.number)
    return out.getvalue()


class _Fonts:
    """The fonts of one page, and its styles."""

    def __init__(self, font_file: Path | None) -> None:
        body, bold = font_file or _BUNDLED / "Vera.ttf", font_file or _BUNDLED / "VeraBd.ttf"
        # Fonts are known to reportlab by name for the whole process: one name for each file.
        self._body, self._bold = _registered(body), _registered(bold)
        self._letters: frozenset[int] = frozenset(self._body.face.charToGlyph)
        self._styles = {
            kind: ParagraphStyle(
                kind, fontName=font.fontName, fontSize=size, leading=size * 1.4, alignment=TA_LEFT,
                spaceBefore=size * 0.6 if kind.startswith("h") else 0, splitLongWords=1,
            )
            for kind, font, size in (
                ("h1", self._bold, 17), ("h2", self._bold, 13), ("h3", self._bold, 10.5),
                ("text", self._body, 10), ("quote", self._body, 10),
            )
        }  # fmt: skip
        self._styles["quote"].leftIndent = 6 * mm

    def fit(self, words: str) -> str:
        """The words, with what the font has no letter for as code points."""
        kept = (
            letter if ord(letter) in self._letters or letter == "\n" else f"[U+{ord(letter):04X}]"
            for letter in _CONTROL.sub(" ", words)
        )
        return "".join(kept)

    def flowable(self, kind: str, words: str) -> Flowable:
        """A heading, a line of text, or a quotation; a gap where there are no words."""
        if kind == "gap":
            return Spacer(0, 3 * mm)
        shown = escape(self.fit(words)).replace("\n", "<br/>")
        return Paragraph(shown, self._styles[kind])

    def number(self, canvas: object, page: object) -> None:
        """The page's number at its foot."""
        canvas.setFont(self._body.fontName, 8)  # type: ignore[attr-defined] # reportlab is untyped
        canvas.drawRightString(A4[0] - _MARGIN, 12 * mm, f"Page {page.page}")  # type: ignore[attr-defined]


class _Outlined(SimpleDocTemplate):  # type: ignore[misc] # reportlab is untyped
    """A document whose headings are in its outline."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - reportlab's name
        """Note a heading, once it is drawn."""
        level = _LEVELS.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is not None:
            place = f"heading {self.seq.next('heading')}"
            self.canv.bookmarkPage(place)
            self.canv.addOutlineEntry(flowable.getPlainText(), place, level)


def _registered(file: Path) -> TTFont:
    name = f"softfall {file}"
    if name not in pdfmetrics.getRegisteredFontNames():
        try:
            pdfmetrics.registerFont(TTFont(name, str(file)))
        except (TTFError, OSError):
            raise FontUnusable(f"{file} is no TrueType font") from None
    return pdfmetrics.getFont(name)


def _lines(referral: Referral, title: str, hotline: str) -> Iterator[tuple[str, str]]:
    service, case, decision = referral.service, referral.case, referral.decision
    yield ("h1", title)
    yield ("text", f"To: {hotline}" if hotline else "")
    yield ("text", f"From: {service.name}; made {referral.made_at}")
    asking = ", ".join(filter(None, (service.contact, service.email, service.phone)))
    yield ("text", f"Questions to: {asking or _EMPTY}")
    yield ("text", f"How to serve legal process: {service.legal_process or _EMPTY}")
    yield from _happened(referral)
    yield ("h2", "The account that this is about")
    yield ("text", case.subject)
    yield from _if_said("", referral.about_account)
    yield ("h2", "The decision to refer")
    second = "A second person read it and agreed." if decision.second_reader else ""
    yield ("text", f"Decided {decision.decided_at} under policy {decision.policy}. {second}")
    yield ("h2", "What came in")
    for number, source in enumerate(case.sources, 1):
        yield from _source(number, source, _reporter(referral))
    yield ("h2", "Pictures")
    if not case.pictures:
        yield ("text", "None.")
    for picture in case.pictures:
        yield from _picture(picture)


def _happened(referral: Referral) -> Iterator[tuple[str, str]]:
    yield ("h2", "What happened")
    yield ("text", f"{_INCIDENTS[referral.incident]}; {referral.incident_at}")
    yield from _if_said("About the time: ", referral.about_time)
    yield ("text", referral.summary or _EMPTY)
    if referral.urgent:
        yield ("h3", "A child is at risk now")
        yield ("text", referral.urgent)
    yield from _if_said("Group or channel: ", referral.group)
    yield from _if_said("Police that already know: ", referral.agency)
    yield from _if_said("Their case: ", referral.agency_case)
    yield from _if_said("Tags: ", ", ".join(referral.tags))


def _if_said(before: str, words: str) -> Iterator[tuple[str, str]]:
    if words:
        yield ("text", before + words)


def _reporter(referral: Referral) -> str:
    """What is known of whoever reported, after the name."""
    if referral.reporter_is != "victim":
        return ""
    age = "" if referral.reporter_age is None else f", aged {referral.reporter_age}"
    return f", who is the victim{age}"


def _source(number: int, source: CaseSource, who: str) -> Iterator[tuple[str, str]]:
    yield ("h3", f"{number}. {source.kind or source.source}, {source.arrived_at}")
    if not source.said_by_service:
        yield ("text", "Another tool of the platform says so.")
    yield ("text", source.reason)
    if source.reporter:
        yield ("text", f"Reported by: {source.reporter}{who}")
    if source.match:
        match = source.match
        certain = "confirmed" if match.confirmed else "NOT confirmed"
        yield ("text", f"Match with a list: {certain}; {_found_by(match, source.arrived_at)}.")
        yield ("text", f"Lists: {', '.join(match.sources) or 'not told'}")
        yield ("text", f"Certified by: {', '.join(match.certifiers) or 'not told'}")
    if source.text:
        yield ("quote", source.text)
    for message in source.messages:
        yield from _message(message)


def _found_by(match: Match, arrived_at: str) -> str:
    if match.option == DIRECT:
        return f"compared directly with the list as it stood on {arrived_at[:10]} ({match.option})"
    epoch = f", list epoch {match.epoch}" if match.epoch else ""
    return f"found by {match.option}{epoch}"


def _message(message: Message) -> Iterator[tuple[str, str]]:
    yield ("gap", "")
    yield (
        "text",
        f"{message.sender} in {message.conversation or _UNNAMED}, received {message.received_at} "
        f"(message {message.envelope_id}):",
    )
    yield ("quote", message.text or "(no words)")
    if message.picture_sha256:
        yield ("text", f"With a picture, SHA-256 {message.picture_sha256}")
    if message.finding:
        yield ("text", f"Proof: {message.finding}")


def _picture(picture: Picture) -> Iterator[tuple[str, str]]:
    yield ("h3", picture.file)
    yield ("text", "Viewed by a person." if picture.viewed else _NOT_VIEWED)
    yield ("text", f"{'Public' if picture.public else 'From a message'}; {picture.seen_at}")
    yield ("text", f"SHA-256 {picture.sha256}\nSHA-1 {picture.sha1}\nMD5 {picture.md5}")
    yield from _if_said("", picture.words)
    yield from _if_said("Class, as a person set it: ", picture.classification or "")
    yield from _if_said("Tags: ", ", ".join(picture.tags))
