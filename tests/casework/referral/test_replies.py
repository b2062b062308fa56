"""Whatever the authority answers has one outcome; only a plain yes is a yes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.casework.referral.life import OUTCOMES, Event
from softfall.casework.referral.replies import MAX_REPLY_BYTES, MAX_TOLD, OUTCOME_OF_CODE, read


def xml(code: int, more: str = "", name: str = "reportResponse") -> bytes:
    told = "<responseDescription>words</responseDescription>"
    return f"<{name}><responseCode>{code}</responseCode>{told}{more}</{name}>".encode()


@given(st.integers(100, 599), st.text(max_size=50), st.binary(max_size=200))
def test_any_bytes_have_an_outcome_and_none_is_a_yes(
    status: int, request_id: str, body: bytes
) -> None:
    reply = read(status, request_id, body)
    assert reply.outcome in OUTCOMES
    assert reply.outcome is not Event.ACCEPTED
    assert reply.request_id.isprintable()


@given(st.integers(-(2**31), 2**31))
def test_every_code_has_an_outcome_and_only_zero_is_a_yes(code: int) -> None:
    reply = read(200, "", xml(code))
    assert reply.outcome is OUTCOME_OF_CODE.get(code, Event.INVALID)
    assert (reply.outcome is Event.ACCEPTED) == (code == 0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (401, Event.LOGIN_REFUSED),
        (403, Event.LOGIN_REFUSED),
        (429, Event.UNCERTAIN),
        (500, Event.UNCERTAIN),
        (503, Event.UNCERTAIN),
        (200, Event.UNCERTAIN),
        (302, Event.INVALID),
        (404, Event.INVALID),
    ],
)
def test_an_answer_without_words_goes_by_its_status(status: int, outcome: Event) -> None:
    assert read(status, "", b"").outcome is outcome


def test_a_yes_under_a_status_that_says_no_is_uncertain() -> None:
    assert read(500, "", xml(0)).outcome is Event.UNCERTAIN


def test_what_an_upload_and_a_finish_tell_is_kept() -> None:
    upload = read(200, "abc", xml(0, "<reportId>7</reportId><fileId>ff01</fileId><hash>AB</hash>"))
    assert (upload.report_id, upload.file_id, upload.hash_md5) == (7, "ff01", "ab")
    assert upload.request_id == "abc"
    files = "<reportId>7</reportId><files><fileId>a</fileId><fileId>b</fileId></files>"
    assert read(200, "", xml(0, files, "reportDoneResponse")).files == ("a", "b")


@pytest.mark.parametrize(
    "more",
    [
        "<fileId>../../x</fileId>",
        "<reportId>-1</reportId>",
        "<reportId>99999999999999999999</reportId>",
        "<reportId>seven</reportId>",
    ],
)
def test_an_id_that_is_none_makes_the_answer_no_answer(more: str) -> None:
    assert read(200, "", xml(0, more)).outcome is Event.UNCERTAIN


def test_entities_and_giants_are_not_read() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "ccc">]>' + xml(0).replace(b"words", b"&b;")
    assert read(200, "", bomb).outcome is Event.UNCERTAIN
    assert read(200, "", xml(0) + b" " * MAX_REPLY_BYTES).outcome is Event.UNCERTAIN


def test_what_is_told_is_one_short_printable_line() -> None:
    body = xml(4100).replace(b"words", b"a\nb" + b"x" * 2000)
    told = read(200, "", body).told
    assert len(told) <= MAX_TOLD
    assert told.isprintable()
