"""An exported log: whatever is done to the file, it is found; and hostile files are refused."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.audit.files import (
    FORMAT,
    MAX_LINE_BYTES,
    NotALog,
    line_json,
    parse_line,
    verify_file,
    write_log,
)
from softfall.audit.keys import AuditKey
from softfall.audit.verifying import Fault, Verdict

from .logs import LOG, chain, signed

SIZE = 8
LINES = chain(SIZE)


@pytest.fixture(scope="session")
def exported(key: AuditKey) -> bytes:
    file = io.BytesIO()
    kept = [signed(LINES, 4, key), signed(LINES, SIZE, key)]
    assert write_log(file, LOG, kept, LINES) == SIZE
    return file.getvalue()


def looked_over(body: bytes, key: AuditKey) -> Verdict:
    return verify_file(io.BytesIO(body), keys=frozenset({key.public_key}))


def test_an_untouched_file_is_whole(exported: bytes, key: AuditKey) -> None:
    verdict = looked_over(exported, key)
    assert (verdict.whole, verdict.lines, verdict.covered) == (True, SIZE, SIZE)
    assert verify_file(io.BytesIO(exported)).whole


@given(data=st.data())
def test_any_change_of_any_byte_is_found(
    exported: bytes, key: AuditKey, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(exported) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != exported[at]))
    body = exported[:at] + bytes([byte]) + exported[at + 1 :]
    try:
        assert not looked_over(body, key).whole
    except NotALog:
        assert at < exported.index(b"\n") + 1


@given(data=st.data())
def test_a_file_that_is_cut_short_anywhere_is_found(
    exported: bytes, key: AuditKey, data: st.DataObject
) -> None:
    body = exported[: data.draw(st.integers(0, len(exported) - 1))]
    head = exported[: exported.index(b"\n") + 1]  # alone, it is the file of an empty log
    try:
        assert looked_over(body, key).whole == (body == head)
    except NotALog:
        assert len(body) < len(head)


@given(data=st.data())
def test_lines_of_the_file_that_are_removed_doubled_or_moved_are_found(
    exported: bytes, key: AuditKey, data: st.DataObject
) -> None:
    texts = exported.splitlines(keepends=True)
    at = data.draw(st.integers(3, len(texts) - 1))
    to = data.draw(st.integers(3, len(texts) - 1).filter(lambda i: i != at))
    removed = texts[:at] + texts[at + 1 :]
    assert not looked_over(b"".join(removed), key).whole
    assert not looked_over(b"".join([*texts[:at], texts[at], *texts[at:]]), key).whole
    moved = list(removed)
    moved.insert(to, texts[at])
    assert not looked_over(b"".join(moved), key).whole


def test_a_file_without_its_checkpoints_is_found(exported: bytes, key: AuditKey) -> None:
    texts = exported.splitlines(keepends=True)
    verdict = looked_over(b"".join(texts[:1] + texts[3:]), key)
    assert [f.fault for f in verdict.findings] == [Fault.FALSE_CHECKPOINT]


def test_a_checkpoint_carried_away_finds_an_older_copy(exported: bytes, key: AuditKey) -> None:
    older = io.BytesIO()
    write_log(older, LOG, [signed(LINES, 4, key)], LINES[:4])
    older.seek(0)
    assert verify_file(older).whole
    older.seek(0)
    verdict = verify_file(older, [signed(LINES, SIZE, key)], frozenset({key.public_key}))
    assert [(f.fault, f.number) for f in verdict.findings] == [(Fault.CUT_OFF, 5)]


def test_a_file_signed_by_a_stranger_is_found(
    exported: bytes, key: AuditKey, other_key: AuditKey
) -> None:
    assert not looked_over(exported, other_key).whole
    assert looked_over(exported, key).whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"not json\n",
        b"[]\n",
        b'{"format":"another","log":"x"}\n',
        b'{"format":"softfall audit log 1"}\n',
        b'{"format":"softfall audit log 1","log":1}\n',
        b"[" * 60_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_a_file_that_is_no_log_is_refused(body: bytes) -> None:
    with pytest.raises(NotALog):
        verify_file(io.BytesIO(body))


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"[]",
        b"null",
        b"[" * 50_000,
        b"x" * (MAX_LINE_BYTES + 10),
        b'{"checkpoint":{}}',
        b'{"who":"a","who":"b"}',
        line_json(LINES[0]).replace('"number":1', '"number":"1"').encode(),
        line_json(LINES[0]).replace('"number":1', '"number":1.0').encode(),
        line_json(LINES[0]).replace('"number":1', '"number":' + "9" * 5_000).encode(),
        line_json(LINES[0]).replace('"mira"', '"\\ud800"').encode(),
        line_json(LINES[0]).replace('"mira"', '"\\u006dira"').encode(),
        line_json(LINES[0]).encode() + b" ",
    ],
)
def test_a_line_that_is_no_line_is_a_finding(raw: bytes) -> None:
    assert parse_line(raw) is None
    head = json.dumps({"format": FORMAT, "log": LOG}).encode()
    assert not verify_file(io.BytesIO(head + b"\n" + raw + b"\n")).whole


def test_every_line_is_read_back_as_it_was_written() -> None:
    assert [parse_line(line_json(line).encode()) for line in LINES] == LINES
