"""Every message: one value has one encoding, and nothing else is let in."""

import importlib
import pkgutil
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import softfall
from softfall.wire import (
    MAX_DEPTH,
    Bytes,
    Field,
    Kind,
    ListOf,
    MalformedMessage,
    Message,
    Nested,
    Optional,
    Party,
    Text,
    Uint,
    load_foreign,
)

LONG_BYTES = 2048
INNER = Message("inner", Party.DEVICE, (Field("n", Uint(), "n"),), 100)
SAMPLE = Message(
    "sample",
    Party.PROVIDER,
    (
        Field("id", Bytes(16, 16), "fixed"),
        Field("body", Bytes(0, 300), "variable"),
        Field("name", Text(20), "text"),
        Field("note", Text(20, may_be_empty=True), "text or empty"),
        Field("count", Uint(70_000), "number"),
        Field("maybe", Optional(Bytes(1, 2)), "or nothing"),
        Field("inner", Nested(INNER), "nested"),
        Field("items", ListOf(Nested(INNER), 0, 3), "list"),
    ),
    1000,
)


def every_message() -> list[Message]:
    """All messages that any room declares."""
    found: dict[str, Message] = {}
    for info in pkgutil.walk_packages(softfall.__path__, "softfall."):
        if info.name.endswith((".wire", ".dealt_wire", ".envelope", ".manifest")):
            module = importlib.import_module(info.name)
            for value in vars(module).values():
                if isinstance(value, Message):
                    found[value.name] = value
    return list(found.values())


MESSAGES = [SAMPLE, *every_message()]


def repeated(few: bytes, kind: Bytes) -> bytes:
    return (few * kind.min_bytes)[: kind.min_bytes]


def values_of(kind: Kind) -> st.SearchStrategy[Any]:
    match kind:
        case Bytes():
            if kind.min_bytes > LONG_BYTES:  # drawn byte by byte, it would be too much
                return st.binary(min_size=1, max_size=9).map(lambda few: repeated(few, kind))
            return st.binary(
                min_size=kind.min_bytes, max_size=min(kind.max_bytes, kind.min_bytes + 40)
            )
        case Text():
            sized = st.text(min_size=0 if kind.may_be_empty else 1, max_size=kind.max_bytes // 4)
            return sized.filter(lambda text: len(text.encode()) <= kind.max_bytes)
        case Uint():
            return st.integers(0, kind.maximum)
        case ListOf():
            most = min(kind.max_items, kind.min_items + 2)
            return st.lists(values_of(kind.item), min_size=kind.min_items, max_size=most)
        case Optional():
            return st.none() | values_of(kind.item)
        case Nested():
            return fields_of(kind.message)


def fields_of(message: Message) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field.name: values_of(field.kind) for field in message.fields})


def test_the_walk_finds_the_messages() -> None:
    assert {"envelope", "epoch_manifest", "report", "tags_request"} <= {m.name for m in MESSAGES}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_decoding_gives_back_what_was_encoded(message: Message, data: st.DataObject) -> None:
    values = data.draw(fields_of(message))
    assert message.decode(message.encode(values)) == values


@settings(max_examples=300, deadline=None)
@given(values=fields_of(SAMPLE), data=st.data())
def test_mutated_bytes_are_refused_or_are_another_value_in_its_one_encoding(
    values: dict[str, Any], data: st.DataObject
) -> None:
    body = bytearray(SAMPLE.encode(values))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        cut = data.draw(st.integers(0, 3))
        body[at : at + cut] = data.draw(st.binary(max_size=3))
    check_one_encoding(SAMPLE, bytes(body))


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_refused_or_are_a_value_in_its_one_encoding(body: bytes) -> None:
    check_one_encoding(INNER, body)
    check_one_encoding(SAMPLE, body)


def check_one_encoding(message: Message, body: bytes) -> None:
    try:
        decoded = message.decode(body)
    except MalformedMessage:
        return
    assert message.encode(decoded) == body


def head(major: int, count: int) -> bytes:
    return bytes([major << 5 | 27]) + count.to_bytes(8)


HOSTILE = {
    "nothing at all": b"",
    "a number alone": b"\x01",
    "2^40 bytes": b"\x81" + head(2, 2**40),
    "2^62 characters": b"\x81" + head(3, 2**62),
    "2^40 items": head(4, 2**40),
    "2^30 items within items": b"\x81" + head(4, 2**30),
    "2^40 pairs": head(5, 2**40),
    "a big number of 2^40 bytes": b"\x81\xc2" + head(2, 2**40),
    "deep nesting": b"\x81" * 5000 + b"\x00",
    "deep maps": b"\xa1\x00" * 2000 + b"\x00",
    "a big number": b"\x81" + cbor2.dumps(2**70),
    "a negative number": b"\x81\x20",
    "a float": b"\x81\xf9\x3c\x00",
    "a float that is a whole number": b"\x81\xfb" + bytes([0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
    "not a number": b"\x81\xf9\x7e\x00",
    "infinity": b"\x81\xf9\x7c\x00",
    "undefined": b"\x81\xf7",
    "true": b"\x81\xf5",
    "a simple value": b"\x81\xf8\xff",
    "an array without end": b"\x9f\x01\xff",
    "bytes without end": b"\x81\x5f\x41a\xff",
    "a break alone": b"\xff",
    "a map": b"\xa1\x61n\x01",
    "a tagged number": b"\x81\xc1\x01",
    "a pattern": b"\x81\xd8\x23\x63a+b",
    "a shared reference": b"\xd8\x1c\x81\xd8\x1d\x00",
    "a long form of a number": b"\x81\x18\x01",
    "a longer form of an array": b"\x98\x01\x01",
    "too few fields": b"\x80",
    "too many fields": b"\x82\x01\x01",
    "something after the end": b"\x81\x01\x00",
    "cut off": b"\x81\x19\x01",
    "a reserved count": b"\x81\x1c",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_are_refused_without_making_room_for_them(body: bytes) -> None:
    message = Message("m", Party.DEVICE, (Field("n", Uint(), "n"),), 10_000)
    assert message.decode(b"\x81\x01") == {"n": 1}
    tracemalloc.start()
    try:
        with pytest.raises(MalformedMessage):
            message.decode(body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 200_000


def test_a_message_over_its_size_is_refused_before_it_is_read() -> None:
    with pytest.raises(MalformedMessage, match="over 100 bytes"):
        INNER.decode(bytes(101))


def test_the_deepest_message_is_within_the_depth_that_is_let_in() -> None:
    def depth(kind: Kind) -> int:
        match kind:
            case Nested():
                return 1 + max(depth(field.kind) for field in kind.message.fields)
            case ListOf():
                return 1 + depth(kind.item)
            case Optional():
                return depth(kind.item)
            case _:
                return 0

    assert max(depth(Nested(message)) for message in MESSAGES) < MAX_DEPTH


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", bytes(15)), ("id", "0123456789abcdef"), ("body", bytes(301)), ("name", ""),
        ("name", "é" * 11), ("name", "\ud800"), ("count", -1), ("count", 70_001), ("count", True),
        ("count", 1.0), ("count", None), ("maybe", b""), ("inner", None), ("inner", {"n": "1"}),
        ("items", [{"n": 1}] * 4), ("items", None), ("unknown", 1),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused_when_encoding(field: str, value: object) -> None:
    fitting: dict[str, Any] = {
        "id": bytes(16), "body": b"", "name": "a", "note": "", "count": 0, "maybe": None,
        "inner": {"n": 1}, "items": [],
    }  # fmt: skip
    SAMPLE.encode(fitting)
    with pytest.raises(MalformedMessage):
        SAMPLE.encode({**fitting, field: value})


@given(number=st.integers(0, 2**63 - 1))
@example(23)
@example(24)
@example(255)
@example(256)
@example(2**32 - 1)
@example(2**32)
def test_every_number_is_written_in_its_shortest_form(number: int) -> None:
    assert INNER.encode({"n": number}) == cbor2.dumps([number], canonical=True)
    assert INNER.decode(cbor2.dumps([number], canonical=True)) == {"n": number}


FOREIGN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=20)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-5, 40) | st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@given(value=FOREIGN)
def test_what_another_specification_lays_out_is_read_as_it_was_written(value: object) -> None:
    assert load_foreign(cbor2.dumps(value)) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xa2\x01\x02\x01\x03",  # a key twice
        b"\xbf\x01\x02\xff",  # a map without an end
        b"\xa1\x01",  # a key without a value
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",  # a map of 2^64 - 1
        b"\xbb\x80\x00\x00\x00\x00\x00\x00\x00\x00",  # of 2^63: twice that would overflow
        b"\x38\x05",  # a number below zero, written longer than need be
        b"\xc1\x00",  # a tag
        b"\xf9\x00\x00",  # a float
        b"\xf7",  # undefined
        b"\x00\x00",  # something after it
        b"\xa1" * 40 + b"\x00",  # deep
    ],
)
def test_foreign_bytes_with_two_readings_or_foreign_kinds_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        load_foreign(body)


def test_a_message_of_ours_still_takes_no_map_and_no_number_below_zero() -> None:
    for body in (b"\x81\xa0", b"\x81\x20"):
        with pytest.raises(MalformedMessage):
            Message("m", Party.DEVICE, (Field("f", Uint(), ""),), 9).decode(body)
