"""Every form: what it keeps comes back; what can't be used is told by line; nothing unnamed."""

import io
import json
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.errors import InputError
from softfall.lists.entries import Statement
from softfall.lists.formats.fields import Importer, SourceNeeded
from softfall.lists.formats.forms import EmptyList, Form, guess_form, load, read, write
from softfall.lists.formats.lines import MAX_LINE_BYTES, UnreadableList, WrongEncoding
from softfall.lists.formats.table import BadHeader
from softfall.lists.report import BadLine, Item, Skipped, Stated
from tests.lists.strategies import certifiers, hashes, labels, statements

HASH = bytes(range(32))
HEX = HASH.hex()
MINE = Importer("mine")


def items_of(content: str | bytes, form: Form, importer: Importer = MINE) -> list[Item]:
    raw = content if isinstance(content, bytes) else content.encode()
    return list(read(io.BytesIO(raw), form, importer))


def statements_of(items: Iterable[Item]) -> list[Statement]:
    return [item.statement for item in items if isinstance(item, Stated)]


def bad_of(items: Iterable[Item]) -> dict[int, str]:
    return {item.line: item.reason for item in items if isinstance(item, BadLine)}


# --- round trips -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_csv_and_json_lines_keep_everything(form: Form, data: st.DataObject) -> None:
    told = data.draw(st.lists(statements(), min_size=1, max_size=6))
    assert statements_of(items_of(b"".join(write(told, form)), form, Importer())) == told


@given(st.lists(statements(), min_size=1, max_size=6, unique_by=lambda spoken: spoken.pdq))
def test_plain_keeps_the_active_hashes(told: list[Statement]) -> None:
    active = [Statement(spoken.pdq, "mine") for spoken in told if spoken.active]
    content = b"".join(write(told, Form.PLAIN))
    if active:
        assert statements_of(items_of(content, Form.PLAIN)) == active
    else:
        assert content == b""


@given(hashes, labels, certifiers, st.integers(0, 2**33), st.booleans())
def test_threatexchange_keeps_names_and_seconds_and_withdrawals(
    pdq: bytes, tags: frozenset[str], owners: frozenset[str], seconds: int, withdrawn: bool
) -> None:
    moment = seconds * 1000
    owners |= {"threatexchange:123"}
    told = Statement(pdq, "mine", tags, owners, moment, moment)
    if withdrawn:
        told = replace(told, withdrawn_ms=moment)
    back = statements_of(
        items_of(b"".join(write([told], Form.THREATEXCHANGE)), Form.THREATEXCHANGE)
    )
    assert back == ([Statement(pdq, "mine", withdrawn_ms=moment)] if withdrawn else [told])


@given(st.data())
def test_a_form_is_guessed_from_what_it_wrote(data: st.DataObject) -> None:
    told = data.draw(st.lists(statements(), min_size=1, max_size=3))
    for form in Form:
        content = b"".join(write(told, form))
        if content:
            assert guess_form(content[:300]) is form or form is Form.JSONL
            assert guess_form(content) is form


# --- hostile files -----------------------------------------------------------------------------


def read_anything(content: bytes, form: Form) -> None:
    lines = content.count(b"\n") + 1
    try:
        for item in read(io.BytesIO(content), form, MINE):
            assert 1 <= item.line <= lines
            if not isinstance(item, Stated):
                assert item.reason
    except InputError as error:
        assert type(error) in (EmptyList, WrongEncoding, BadHeader)  # noqa: PT017 - and no other


@pytest.mark.parametrize("form", list(Form))
@given(content=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_end_in_items_or_a_named_error(form: Form, content: bytes) -> None:
    read_anything(content, form)
    guess_form(content)


@pytest.mark.parametrize("form", list(Form))
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_list_ends_in_items_or_a_named_error(form: Form, data: st.DataObject) -> None:
    told = data.draw(st.lists(statements(), min_size=1, max_size=3))
    content = bytearray(b"".join(write(told, form)))
    for _ in range(data.draw(st.integers(1, 3))):
        if content:
            place = data.draw(st.integers(0, len(content) - 1))
            content[place : place + data.draw(st.integers(0, 2))] = data.draw(
                st.binary(max_size=3)
                | st.sampled_from([b'"', b"{", b"[", b"\n", b"null", b"1e999"])
            )
    read_anything(bytes(content), form)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(HEX),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["hash", "label", "labels", "certifiers", "source", "added", "listed",
                         "data", "indicator", "type", "last_updated", "should_delete",
                         "descriptors", "owner", "id", "name", "tags", "text", "status"]),
        inner | st.sampled_from(["HASH_PDQ", "MALICIOUS", HEX]), max_size=6),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.parametrize("form", [Form.JSONL, Form.THREATEXCHANGE])
@given(value=json_values)
@settings(max_examples=200, deadline=None)
def test_any_json_ends_in_items_or_a_named_error(form: Form, value: object) -> None:
    read_anything(json.dumps(value).encode(), form)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_an_empty_list_is_a_named_error(form: Form, content: bytes) -> None:
    with pytest.raises(EmptyList):
        items_of(content, form)


def test_a_header_alone_and_comments_alone_are_empty_lists() -> None:
    for content, form in (("hash,source\n", Form.CSV), ("# nothing yet\n", Form.PLAIN)):
        with pytest.raises(EmptyList):
            items_of(content, form)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_wide_encoding_is_a_named_error(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    with pytest.raises(WrongEncoding):
        items_of((mark + HEX).encode(encoding), Form.PLAIN)


def test_wide_text_without_a_mark_is_bad_line_by_line() -> None:
    items = items_of(f"{HEX}\n{HEX}\n".encode("utf-16-le"), Form.PLAIN)
    assert set(bad_of(items).values()) == {"holds a NUL character"}


def test_byte_order_mark_and_carriage_returns_and_case_are_no_hindrance() -> None:
    content = b"\xef\xbb\xbf" + HEX.upper().encode() + b"\r\n\r\n  " + HEX.encode() + b" \r\n"
    items = items_of(content, Form.PLAIN)
    assert [item.line for item in items] == [1, 3]
    assert {spoken.pdq for spoken in statements_of(items)} == {HASH}


def test_bad_lines_are_told_by_number_and_stop_nothing() -> None:
    lines = [HEX, "ab", "\0" + HEX, "x\ry", "g" * 64, "0" * 64, "f" * 64, HEX]
    items = items_of("\n".join(lines), Form.PLAIN)
    assert list(bad_of(items)) == [2, 3, 4, 5, 6, 7]
    assert len(statements_of(items)) == 2
    assert all(HEX[:16] not in reason for reason in bad_of(items).values())


def test_latin_1_is_a_bad_line_only() -> None:
    content = b"hash,source\n" + HEX.encode() + b",caf\xe9\n" + HEX.encode() + b",cafe\n"
    items = items_of(content, Form.CSV)
    assert bad_of(items) == {2: "not UTF-8 text"}
    assert len(statements_of(items)) == 1


class Giant(io.RawIOBase):
    """A file of `size` bytes without one line end, then one good line."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._end = b"\n" + HEX.encode() + b"\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left:
            count = min(self._left, len(buffer))
            buffer[:count] = b"a" * count
            self._left -= count
            return count
        count = min(len(self._end), len(buffer))
        buffer[:count] = self._end[:count]
        self._end = self._end[count:]
        return count


def test_a_giant_line_is_read_past_without_being_held() -> None:
    import tracemalloc

    stream = io.BufferedReader(Giant(20 * MAX_LINE_BYTES))
    tracemalloc.start()
    items = list(read(stream, Form.PLAIN, MINE))  # type: ignore[arg-type]
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(bad_of(items)) == [1]
    assert [item.line for item in items] == [1, 2]
    assert peak_bytes < 4 * MAX_LINE_BYTES


def test_a_file_that_breaks_off_is_a_named_error() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            raise OSError(5, "Input/output error")

    with pytest.raises(UnreadableList):
        list(read(io.BufferedReader(Broken()), Form.PLAIN, MINE))  # type: ignore[arg-type]


# --- each form's own rules ---------------------------------------------------------------------


@pytest.mark.parametrize("form", [Form.PLAIN, Form.THREATEXCHANGE])
def test_a_form_that_names_no_source_needs_one(form: Form) -> None:
    with pytest.raises(SourceNeeded):
        items_of(HEX, form, Importer())


@pytest.mark.parametrize(
    ("header", "told"),
    [(HEX, "no column `hash`"), ("source,label", "no column `hash`"), ('"hash', "no header"),
     ("hash,withdrawm", "'withdrawn'"), ("hash,hash", "twice"), ("hash;source", "no column"),
     ("ha\0sh", "NUL")],
)  # fmt: skip
def test_a_csv_whose_header_does_not_name_its_columns_is_refused(header: str, told: str) -> None:
    with pytest.raises(BadHeader, match=told) as caught:
        items_of(f"{header}\n{HEX}\n", Form.CSV)
    assert HEX not in caught.value.what


def test_csv_columns_come_in_any_order_and_quoted() -> None:
    content = f'Label , HASH,certifiers\n"a,b;c",{HEX},NCMEC;iwf;ncmec\n'
    (spoken,) = statements_of(items_of(content, Form.CSV))
    assert spoken == Statement(HASH, "mine", frozenset({"a,b", "c"}), frozenset({"ncmec", "iwf"}))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"{HEX}", "1 fields where the header has 3"),
        (f'{HEX},"x,', "quotation mark"),
        (f"{HEX},x,yesterday", "ISO 8601"),
        (f"{HEX},x,2026-01-01T00:00:00", "zone"),
        (f"{HEX},x,2026-01-01", "zone"),
        (f"{HEX},x,1969-01-01T00:00:00Z", "before 1970"),
        (f"{HEX},x,2999-01-01T00:00:00Z", "future"),
        (f"{HEX},=1+1,", "begin with"),
        (f"{HEX},{'x' * 200},", "120 characters"),
        (f"{HEX[:-2]},x,", "has 62"),
    ],
)
def test_a_bad_csv_line_says_why(line: str, told: str) -> None:
    importer = Importer("mine", latest_ms=1_800_000_000_000)
    reasons = bad_of(items_of(f"hash,source,added\n{line}\n", Form.CSV, importer))
    assert told in reasons[2]


def test_a_line_without_a_source_is_bad_unless_the_import_names_one() -> None:
    content = f"hash,source\n{HEX},\n"
    assert "no source" in bad_of(items_of(content, Form.CSV, Importer()))[2]
    assert statements_of(items_of(content, Form.CSV)) == [Statement(HASH, "mine")]


def test_the_imports_own_names_stand_where_a_line_has_none() -> None:
    importer = Importer("mine", frozenset({"a1"}), frozenset({"iwf"}))
    content = f'{{"hash": "{HEX}"}}\n{{"hash": "{HEX}", "label": "b", "certifiers": ["x"]}}\n'
    first, second = statements_of(items_of(content, Form.JSONL, importer))
    assert (first.labels, first.certifiers) == ({"a1"}, {"iwf"})
    assert (second.labels, second.certifiers) == ({"b"}, {"x"})


def test_without_a_date_of_listing_that_of_addition_is_meant() -> None:
    day = "2026-01-01T00:00:00Z"
    content = (
        f'{{"hash":"{HEX}","added":"{day}"}}\n{{"hash":"{HEX}","added":"{day}","listed":null}}'
    )
    first, second = statements_of(items_of(content, Form.JSONL))
    assert first.listed_ms == first.added_ms == 1_767_225_600_000
    assert second.listed_ms is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"hash": 5}', "`hash` must be text"),
        ("{}", "has 0"),
        (f'{{"hash": "{HEX}", "withdrawm": null}}', "'withdrawn'"),
        (f'{{"hash": "{HEX}", "labels": "a"}}', "list of names"),
        (f'{{"hash": "{HEX}", "source": "\\ud800"}}', "printable"),
        (f'{{"hash": "{HEX}", "added": 5}}', "`added` must be text"),
    ],
)
def test_a_bad_json_line_says_why(line: str, told: str) -> None:
    assert told in bad_of(items_of(line, Form.JSONL))[1]


# --- ThreatExchange ----------------------------------------------------------------------------


def update(**values: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "id": "1",
        "indicator": HEX,
        "type": "HASH_PDQ",
        "last_updated": 50,
        "should_delete": False,
        "descriptors": {"data": [descriptor("7", "MALICIOUS", "holiday")]},
    }
    return {key: value for key, value in {**whole, **values}.items() if value is not ...}


def descriptor(owner: str, status: str, *tags: str) -> dict[str, object]:
    return {"owner": {"id": owner}, "status": status,
            "tags": {"data": [{"text": tag} for tag in tags]}}  # fmt: skip


def told_by(*updates: object) -> list[Item]:
    content = "\n".join(json.dumps(one) for one in updates)
    return items_of(content, Form.THREATEXCHANGE, Importer("exchange"))


LISTED = Statement(
    HASH, "exchange", frozenset({"holiday"}), frozenset({"threatexchange:7"}), 50_000, 50_000
)
TOMBSTONE = Statement(HASH, "exchange", withdrawn_ms=50_000)


@pytest.mark.parametrize(
    ("values", "meaning"),
    [
        ({}, LISTED),
        ({"last_updated": "50"}, LISTED),
        ({"descriptors": [descriptor("7", "MALICIOUS", "holiday")]}, LISTED),
        ({"should_delete": ...}, LISTED),
        ({"indicator": HEX.upper()}, LISTED),
        ({"should_delete": True}, TOMBSTONE),
        ({"should_delete": True, "descriptors": ...}, TOMBSTONE),
        ({"descriptors": ...}, TOMBSTONE),
        ({"descriptors": {"data": [descriptor("7", "NON_MALICIOUS")]}}, TOMBSTONE),
        ({"descriptors": {"data": [descriptor("7", "UNKNOWN", "holiday")]}},
         replace(LISTED, certifiers=frozenset())),
        ({"descriptors": {"data": [descriptor("7", "MALICIOUS", "holiday"),
                                   descriptor("8", "NON_MALICIOUS"),
                                   descriptor("9", "MALICIOUS", "sea", "=bad", "a;b")]}},
         replace(LISTED, labels=frozenset({"holiday", "sea"}),
                 certifiers=frozenset({"threatexchange:7", "threatexchange:9"}))),
        ({"descriptors": {"data": [{**descriptor("7", "MALICIOUS", "holiday"), "reactions": [
            {"key": "DISAGREE_WITH_TAGS", "value": "8,9"}]}]}},
         LISTED),
    ],
)  # fmt: skip
def test_an_update_means_what_the_table_says(values: dict[str, object], meaning: Statement) -> None:
    assert statements_of(told_by(update(**values))) == [meaning]


def test_a_tombstone_withdraws_whatever_the_order() -> None:
    for updates in ([update(), update(last_updated=60, should_delete=True)],
                    [update(last_updated=60, should_delete=True), update()]):  # fmt: skip
        content = "\n".join(json.dumps(one) for one in updates).encode()
        entries, _ = load(io.BytesIO(content), Form.THREATEXCHANGE, Importer("exchange"))
        assert [entry.active for entry in entries] == [False]
    later = [update(last_updated=60, should_delete=True), update(last_updated=70)]
    content = "\n".join(json.dumps(one) for one in later).encode()
    entries, _ = load(io.BytesIO(content), Form.THREATEXCHANGE, Importer("exchange"))
    assert [entry.active for entry in entries] == [True]


def test_other_types_are_skipped_and_counted_by_type() -> None:
    kinds = ["HASH_MD5", "HASH_VIDEO_MD5", "URI", "HASH_MD5", "bad type\n"]
    items = told_by(*(update(type=kind) for kind in kinds))
    assert all(isinstance(item, Skipped) for item in items)
    content = "\n".join(json.dumps(update(type=kind)) for kind in kinds).encode()
    _, report = load(io.BytesIO(content), Form.THREATEXCHANGE, MINE)
    assert report.skipped["type HASH_MD5 is not matched on"] == 2
    assert sum(report.skipped.values()) == 5
    assert not report.empty


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [lambda ups: {"data": ups, "paging": {"next": "x"}}, lambda u: u])
def test_a_page_may_lie_on_one_line_or_many(indent: int | None, wrap: object) -> None:
    updates = [update(), update(indicator="5"), update(should_delete=True)]
    content = json.dumps(wrap(updates), indent=indent)  # type: ignore[operator]
    assert guess_form(content.encode()) is Form.THREATEXCHANGE
    items = items_of(content, Form.THREATEXCHANGE)
    assert len(statements_of(items)) == 2
    assert "update 2" in bad_of(items)[1]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"type": ...}, "without a type"),
        ({"indicator": ...}, "without an indicator"),
        ({"indicator": "0" * 64}, "flat"),
        ({"last_updated": -1}, "last_updated"),
        ({"last_updated": True}, "last_updated"),
        ({"last_updated": "soon"}, "last_updated"),
        ({"last_updated": 10**18}, "future"),
        ({"should_delete": "no"}, "should_delete"),
        ({"descriptors": 5}, "descriptors"),
        ({"descriptors": [5]}, "descriptors"),
        ({"descriptors": [{"status": "MALICIOUS"}]}, "owner"),
        ({"descriptors": [{"status": "MALICIOUS", "owner": {}}]}, "owner"),
    ],
)
def test_a_bad_update_says_why(values: dict[str, object], told: str) -> None:
    assert told in bad_of(told_by(update(**values)))[1]


# --- the report --------------------------------------------------------------------------------


def test_a_report_counts_and_keeps_the_first_bad_lines_only() -> None:
    content = "\n".join(["bad"] * 250 + [HEX, ((1 << 128) - 1).to_bytes(32).hex()]).encode()
    entries, report = load(io.BytesIO(content), Form.PLAIN, MINE)
    assert len(entries) == report.statements == 2
    assert report.bad_count == 250
    assert len(report.bad) == 100
    assert report.unbalanced == 1  # HEX, which is 0, 1, 2, ... 31
